"""Recorded judgements through Kafka into ClickHouse equal what pandas counts in the file, exactly."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.e2e.ask import ask
from tests.e2e.processes import Workers, wait_until
from tests.e2e.recount import stored

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
SPEECHMAP = DATA / "speechmap_refusals.parquet"
ARRIVALS = DATA / "azure_llm_2023_conv.parquet"

Table = dict[tuple[str, str], tuple[int, int]]
"""(model, category) to (evaluated, refused)."""


def replay(workers: Workers, *arguments: str) -> None:
    """Replay a file into the workers' broker, and wait until everything is stored."""
    command = [sys.executable, "-m", "monitor.cli", "replay", "--broker", workers.broker, "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    sent = json.loads(done.stdout.splitlines()[-1])["sent"]
    workers.start()
    wait_until(lambda: stored(workers.dsn) == sent, 60, f"{sent} stored")
    workers.stop()


def from_slices(workers: Workers, feature: str) -> Table:
    rows = ask(
        workers.dsn,
        "SELECT model, prompt_category, sum(evaluated) AS evaluated, sum(bad) AS bad FROM kpi_slices "
        f"WHERE kpi = 'refusal_rate' AND feature = '{feature}' GROUP BY model, prompt_category HAVING evaluated > 0",
    )
    return {(row["model"], row["prompt_category"]): (int(row["evaluated"]), int(row["bad"])) for row in rows}


def from_events(workers: Workers, feature: str) -> Table:
    rows = ask(
        workers.dsn,
        "SELECT model, prompt_category, count() AS evaluated, countIf(refusal.refused) AS bad FROM events "
        f"WHERE refusal.refused IS NOT NULL AND feature = '{feature}' GROUP BY model, prompt_category",
    )
    return {(row["model"], row["prompt_category"]): (int(row["evaluated"]), int(row["bad"])) for row in rows}


def by_pandas(frame: pd.DataFrame, refused: list[str], answered: list[str]) -> Table:
    known = frame[frame["compliance"].isin(refused + answered)]
    groups = known.assign(bad=known["compliance"].isin(refused)).groupby(["model", "category"])["bad"]
    return {key: (int(row["count"]), int(row["sum"])) for key, row in groups.agg(["count", "sum"]).iterrows()}


@pytest.mark.skipif(not SPEECHMAP.exists(), reason="SKIPPED FOR WANT OF real data: there is no shared/data beside this")
def test_real_judgements_at_real_arrival_times(workers: Workers) -> None:
    replay(
        workers, str(SPEECHMAP), "--map", str(ROOT / "docs/replay/speechmap.toml"), "--times", f"{ARRIVALS}:TIMESTAMP"
    )
    expected = by_pandas(pd.read_parquet(SPEECHMAP), ["EVASIVE", "DENIAL"], ["COMPLETE"])
    assert len(expected) > 100
    assert from_events(workers, "speechmap") == expected
    assert from_slices(workers, "speechmap") == expected
    complete = ask(workers.dsn, "SELECT sum(expected) AS expected, sum(arrived) AS arrived FROM completeness")
    assert [(int(row["expected"]), int(row["arrived"])) for row in complete] == [(11_900, 11_900)]


def test_a_file_nobody_has_seen(workers: Workers, tmp_path: Path) -> None:
    chance = np.random.default_rng(9)
    size = 5_000
    frame = pd.DataFrame(
        {
            "when": pd.Timestamp("2026-11-01", tz="UTC")
            + pd.to_timedelta(np.sort(chance.uniform(0, 7200, size)), unit="s"),
            "model": chance.choice(["a/b-1", "a/b-2", "c:3"], size),
            "category": chance.choice(["x", "y"], size),
            "compliance": chance.choice(
                np.array(["yes", "no", "broken", None], dtype=object), size, p=[0.7, 0.2, 0.05, 0.05]
            ),
        }
    )
    file, mapping = tmp_path / "unseen.parquet", tmp_path / "unseen.toml"
    frame.to_parquet(file)
    mapping.write_text(
        'kind = "interaction"\n[event]\nfeature = "unseen"\nts = { column = "when" }\nmodel = { column = "model" }\n'
        'prompt_category = { column = "category" }\n'
        'refusal.refused = { column = "compliance", values = { yes = false, no = true }, absent = ["broken"] }\n'
    )
    replay(workers, str(file), "--map", str(mapping))
    expected = by_pandas(frame, ["no"], ["yes"])
    assert from_events(workers, "unseen") == expected
    assert from_slices(workers, "unseen") == expected
