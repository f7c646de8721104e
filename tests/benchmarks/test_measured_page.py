"""The README's block of `make bench-page` says what the result file says, what is missing included."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def way(median: float, missing: int, others: list[str], scrape: str) -> dict[str, Any]:
    return {
        "seconds_to_page_median": median,
        "seconds_to_page_max": median + 10.0,
        "seconds_to_resolve_median": 60.0,
        "pages_missing": missing,
        "other_pages": others,
        "intervals": {"scrape": scrape, "evaluation": scrape, "group_wait": "0s", "group_interval": "1m"},
    }


RESULT = {
    **way(25.0, 1, ["VigilKpiIncident chat-3 block_rate"], "5s"),
    "every_fifteen_seconds": way(45.0, 0, [], "15s"),
    "every_second": way(20.0, 0, [], "1s"),
    "mean_parts": {"window_s": 8.0, "grace_s": 5.0, "scoring_s": 2.0, "prometheus_s": 15.0, "alertmanager_s": 10.0},
    "rounds": 10,
    "factor": 5.0,
    "rate_per_s": 20.0,
    "date": "2026-11-21T10:00:00+00:00",
    "goal_seconds_to_page_median": 30.0,
    "quiet_day": {
        "hours": 24.0,
        "features": 6,
        "records": 1_900_000,
        "times_faster": 130.0,
        "whole": {"pages": {"VigilScorerStale": 3}},
    },
}


def test_the_table_says_what_was_measured_and_what_went_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS))
    measured_page = importlib.import_module("measured_page")
    monkeypatch.setattr(measured_page, "RESULT", tmp_path / "page.json")
    assert measured_page.page_table() == "No full run has been kept yet: `make bench-page` writes one."
    (tmp_path / "page.json").write_text(json.dumps(RESULT))
    text = measured_page.page_table()
    assert "| 5s / 5s / 0s / 1m, as shipped | 25 s (35 s) | 60 s |" in text
    assert "| 15s / 15s / 0s / 1m | 45 s (55 s) | 60 s |" in text
    assert "| 1s / 1s / 0s / 1m, as `make demo` | 20 s (30 s) | 60 s |" in text
    assert "1 pages missing, 1 others. The goal for the median is 30 s." in text
    assert "what paged: VigilScorerStale." in text
    assert sys.modules.pop("measured_page") is measured_page
