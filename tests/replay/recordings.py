"""Awkward recordings, and what pandas and the events say of them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from monitor.replay.run import Options, Summary, World, replay
from monitor.settings import Settings
from schemas.telemetry import TELEMETRY, Interaction, Telemetry

NOW = datetime(2026, 11, 20, 23, 0, 7, tzinfo=UTC)

MAP = """
[event]
feature = "chat"
ts = { column = "at" }
model = { column = "model" }
prompt_category = { column = "category" }
tokens_output = { column = "tokens" }
refusal.refused = { column = "verdict", values = { ok = false, refused = true }, absent = ["error"] }
"""


def settings(port: int = 0) -> Settings:
    return Settings(broker=f"127.0.0.1:{port}", partitions=2)


def dry(file: Path, **options: Any) -> tuple[list[Telemetry], Summary]:
    lines: list[str] = []
    summary = replay(
        Options(file, dry_run=True, show=10**9, **options),
        settings(),
        World(clock=lambda: NOW, shown=lines.append),
    )
    return [TELEMETRY.validate_json(line) for line in lines], summary


def interactions(found: list[Telemetry]) -> list[Interaction]:
    return [event for event in found if isinstance(event, Interaction)]


def awkward(rows: int = 6000) -> pd.DataFrame:
    chance = np.random.default_rng(7)
    models = ["gpt 4", "org/model:free", 'say "hi"', "modèle", "语言", None, "x" * 80, "a,b;c"]
    frame = pd.DataFrame({
        "at": pd.to_datetime(1_760_000_000 + np.arange(rows) * 0.3, unit="s", utc=True),
        "model": chance.choice(np.array(models, object), rows),
        "category": chance.choice(np.array(["one", "two words", None], object), rows),
        "verdict": chance.choice(np.array(["ok", "refused", "error", None], object), rows),
        "tokens": chance.choice(np.array([np.nan, 0.0, 624.0]), rows),
        "prompt": "a\nlong, \"quoted\" text that must not be sent",
    })  # fmt: skip
    frame["at"] = frame["at"].dt.floor("us")
    return frame


FITTED = {
    "gpt 4": "gpt_4", 'say "hi"': "say__hi_", "modèle": "mod_le", "语言": "x__", "x" * 80: "x" * 64, "a,b;c": "a_b_c",
    "two words": "two_words",
}  # fmt: skip


def by_slice(frame: pd.DataFrame) -> dict[tuple[Any, Any], tuple[int, int, int]]:
    known = frame.assign(
        model=frame["model"].replace(FITTED),
        category=frame["category"].replace(FITTED),
        evaluated=frame["verdict"].isin(["ok", "refused"]),
        refused=frame["verdict"] == "refused",
    )
    grouped = known.fillna({"model": "-", "category": "-"}).groupby(["model", "category"])
    counts = grouped.agg(rows=("verdict", "size"), evaluated=("evaluated", "sum"), refused=("refused", "sum"))
    return {key: (int(row["rows"]), int(row["evaluated"]), int(row["refused"])) for key, row in counts.iterrows()}


def slices(found: list[Telemetry]) -> dict[tuple[Any, Any], tuple[int, int, int]]:
    out: dict[tuple[Any, Any], tuple[int, int, int]] = {}
    for event in interactions(found):
        key = (event.model or "-", event.prompt_category or "-")
        rows, evaluated, refused = out.get(key, (0, 0, 0))
        judged = event.refusal is not None
        out[key] = (rows + 1, evaluated + judged, refused + (event.refusal is not None and event.refusal.refused))
    return out
