"""The quiet day's pure parts: what promtool is told, and what it answers."""

import json
from pathlib import Path
from subprocess import run

import pytest

from benchmarks.quiet_rules import Recording, fired, series_of_rules, suite
from tests.programs import needs

RULES = """
groups:
  - name: g
    rules:
      - alert: Watchdog
        expr: vector(1)
        labels: {severity: none}
      - alert: Old
        expr: time() - vigil_last_timestamp_seconds > 60
        labels: {severity: critical}
      - alert: Gone
        expr: absent(vigil_last_timestamp_seconds)
        labels: {severity: warning}
"""
LAST = ("vigil_last_timestamp_seconds", frozenset({("feature", "chat")}))
OTHER = ("vigil_other_total", frozenset[tuple[str, str]]())


def recorded(*values: float | None) -> Recording:
    found = Recording(1000.0, 30)
    for value in values:
        found.add({} if value is None else {LAST: value, OTHER: 7.0})
    return found


def test_what_is_recorded_has_a_value_for_each_scrape_and_times_begin_at_the_start() -> None:
    recording = recorded(1000.0, 1030.0, None, 1090.0)
    recording.add({OTHER: 8.0})
    assert recording.series[LAST] == [0.0, 30.0, None, 90.0]
    assert recording.series[OTHER] == [7.0, 7.0, None, 7.0, 8.0]


def test_a_series_that_is_not_in_a_scrape_is_stale_for_promtool() -> None:
    recording = recorded(1000.0, 1030.0, None, None, 1090.0)
    recording.add({OTHER: 7.0})
    [case] = json.loads(suite(recording, [], [150]))["tests"]
    written = {one["series"].partition("{")[0]: one["values"] for one in case["input_series"]}
    assert written == {
        "vigil_last_timestamp_seconds": "0.0 30.0 stale _ 90.0 stale",
        "vigil_other_total": "7.0x1 stale _ 7.0x1",
    }


def test_only_series_from_metrics_are_recorded_and_no_record_of_a_rule() -> None:
    assert series_of_rules(["rate(vigil_a_total[5m]) / feature:vigil_b:rate5m", "vigil_c"]) == {
        "vigil_a_total",
        "vigil_c",
    }


@needs("promtool")
def test_promtool_says_what_fired_until_each_moment(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    recording = recorded(*[1000.0 + 30 * n for n in range(5)], *[1120.0] * 6, None, None)
    (tmp_path / "day.yaml").write_text(suite(recording, [str(tmp_path / "rules.yaml")], [120, 360]))
    done = run(["promtool", "test", "rules", str(tmp_path / "day.yaml")], capture_output=True, text=True, check=False)
    found = fired(done.stdout + done.stderr, [120, 360])
    assert [(one.name, one.severity, one.evaluations) for one in found[120]] == [("Watchdog", "none", 5)]
    assert [(one.name, one.severity, one.evaluations) for one in found[360]] == [
        ("Gone", "warning", 2),
        ("Old chat", "critical", 4),
        ("Watchdog", "none", 13),
    ]


def test_rules_that_promtool_does_not_take_are_no_quiet_day() -> None:
    with pytest.raises(ValueError, match="0 of 1 moments"):
        fired("FAILED:\nrules.yaml: bad expression", [60])
