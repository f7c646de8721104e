"""Every mapping that the documents show is one, and the real files map as their examples say."""

import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from monitor.replay.cells import _CONVERSIONS, _KEYS
from monitor.replay.mapping import load, parse
from tests.replay.recordings import dry, interactions

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "replay.md").read_text()
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = sorted((ROOT / "docs" / "replay").glob("*.toml"))
DRIFT = ROOT.parent / "shared" / "data" / "llmdrift_sensitiveq.parquet"


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_the_page_is_a_mapping(block: str) -> None:
    assert parse(tomllib.loads(block), "replay.md").ts is not None


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_a_mapping_that_the_page_names(path: Path) -> None:
    assert load(path).ts is not None
    assert f"(replay/{path.name})" in PAGE


def test_the_page_explains_every_key_and_conversion() -> None:
    assert len(BLOCKS) >= 3
    assert [word for word in (*_KEYS, *_CONVERSIONS) if f"`{word}`" not in PAGE] == []


def test_the_real_drift_file_counts_as_pandas_does() -> None:
    if not DRIFT.exists():
        pytest.skip("NOT TESTED on real drift: ../shared/data is not beside the repository")
    found, summary = dry(DRIFT, map=ROOT / "docs" / "replay" / "llmdrift.toml")
    frame = pd.read_parquet(DRIFT)
    refused = {model: int((rows["Response Rate"] == 0).sum()) for model, rows in frame.groupby("model")}
    counted = dict.fromkeys(refused, 0)
    for event in interactions(found):
        counted[event.model or ""] += event.refusal is not None and event.refusal.refused
    assert counted == refused
    assert summary.refused == {}
    assert sum(event.latency_ms or 0 for event in interactions(found)) == pytest.approx(frame["latency"].sum() * 1000)
