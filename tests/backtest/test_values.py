import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from detectors.values import run_values
from monitor.backtest.history import Values
from monitor.backtest.values import score_values
from monitor.cli import main
from monitor.policy import Policy
from tests.backtest.tables import START, csv_of

POLICY = Policy(version="t")
SIZE, AT = 14 * 288, 12 * 288 + 100


@pytest.fixture(name="series", scope="module")
def _series() -> Values:
    """Two weeks of values every five minutes; from AT on two hours very far above."""
    chance = np.random.default_rng(1)
    values = 50.0 + 5.0 * np.sin(2 * np.pi * np.arange(SIZE) / 288) + chance.normal(0.0, 1.0, SIZE)
    values[AT : AT + 24] += 400.0
    values[200] = np.nan
    return Values("cpu", "value", 300, START + 300 * np.arange(SIZE), values)


def test_a_jump_of_a_value_pages_upwards_with_what_was_expected(series: Values) -> None:
    found = score_values(series, POLICY, 0)
    page = next(page for page in found.pages if abs(page.onset - int(series.times[AT])) <= 300)
    assert page.direction == "up"
    assert page.detected_at - int(series.times[AT]) <= 900
    assert page.interval[0] < page.expected < page.interval[1] < page.observed
    assert 40.0 < page.expected < 60.0


def test_pages_are_the_openings_of_the_value_detector(series: Values) -> None:
    run = run_values(series.times, series.values, 604_800.0)
    assert [page.detected_at for page in score_values(series, POLICY, 0).pages] == (
        series.times[run.opened] + 300
    ).tolist()
    begin = int(series.times[AT + 200])
    assert all(page.detected_at > begin for page in score_values(series, POLICY, begin).pages)


def test_series_of_one_feature_share_its_budget(series: Values) -> None:
    hourly = Policy(version="t", budget="1/hour")
    weekly = score_values(series, POLICY, 0).pages
    assert score_values(series, hourly, 0, sharing=7 * 24).pages == weekly
    assert len(score_values(series, hourly, 0).pages) > len(weekly)


def test_a_direction_that_does_not_page_is_counted(series: Values) -> None:
    both = score_values(series, POLICY, 0)
    down = score_values(series, Policy(version="t", directions="down"), 0)
    assert down.silent["value"] == sum(page.direction == "up" for page in both.pages) > 0
    assert len(down.pages) + down.silent["value"] == len(both.pages)


def test_values_too_few_to_know_anything_are_warming() -> None:
    few = Values("cpu", "value", 300, START + 300 * np.arange(3), np.ones(3))
    found = score_values(few, POLICY, 0)
    assert (found.pages, found.cold, found.watched.total()) == ([], [("cpu", "value")], 0)


def test_a_constant_series_is_watched_and_never_pages() -> None:
    flat = Values("cpu", "value", 300, START + 300 * np.arange(2000), np.full(2000, 7.0))
    found = score_values(flat, POLICY, 0)
    assert (found.pages, found.cold) == ([], [])
    assert found.watched["value"] > 1900 * 300


def test_the_command_takes_a_file_of_values(series: Values, tmp_path: Path) -> None:
    rows = [
        f"{at},cpu,{'' if np.isnan(value) else value}"
        for at, value in zip(series.times.tolist(), series.values.tolist(), strict=True)
    ]
    path = csv_of(tmp_path, *rows, rows[-1], header="ts,feature,value")
    done = CliRunner().invoke(main, ["backtest", str(path), "--json"], catch_exceptions=False)
    *pages, summary = (json.loads(line) for line in done.stdout.splitlines())
    assert [page["onset"] for page in pages] != []
    assert all(page["evaluated"] is None for page in pages)
    assert (summary["window_seconds"], summary["series"]) == (300, 1)
    for told in ("1 values are missing", "1 rows repeat a time and series; the last counts", "the most common spacing"):
        assert told in done.stderr
