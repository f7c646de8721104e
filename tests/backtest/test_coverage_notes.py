"""A floor of coverage that can have no effect is told, and one that can is not."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.backtest.notes import about_coverage
from monitor.cli import main
from monitor.policy import KpiPolicy, Policy
from tests.backtest.tables import HEADER, START, csv_of

SILENT = Policy(version="p")
FLOORS = [Policy(version="p", coverage_floor=0.8), Policy(version="p", kpis={"k": KpiPolicy(coverage_floor=0.8)})]
RATES = [f"{START + 10 * i},a,k,50,1" for i in range(30)]
EXPECTING = [f"{line},60" for line in RATES]
VALUES = [f"{START + 10 * i},a,{i % 3}" for i in range(30)]


@pytest.mark.parametrize("policy", FLOORS, ids=["of all KPIs", "of one"])
def test_a_floor_without_a_coverage_is_told_with_its_reason(policy: Policy) -> None:
    [rates] = about_coverage(policy, are_values=False, expects=False)
    [values] = about_coverage(policy, are_values=True, expects=False)
    assert "no column 'expected'" in rates
    assert "plain values have no coverage" in values
    assert list(about_coverage(policy, are_values=False, expects=True)) == []


def test_a_policy_that_has_no_floor_is_not_told_of_one() -> None:
    assert [*about_coverage(SILENT, False, False), *about_coverage(SILENT, True, False)] == []


@pytest.mark.parametrize(
    ("lines", "header", "told"),
    [
        (RATES, HEADER, True),
        (EXPECTING, f"{HEADER},expected", False),
        (EXPECTING, f"{HEADER},should", False),
        (VALUES, "ts,feature,value", True),
    ],
    ids=["rates", "with expected", "with expected by another name", "values"],
)
def test_backtest_and_diff_tell_of_a_floor_in_vain(lines: list[str], header: str, told: bool, tmp_path: Path) -> None:
    path = csv_of(tmp_path, *lines, header=header)
    renamed = ["--column", "expected=should"] if "should" in header else []
    (tmp_path / "floor.yaml").write_text("version: strict\ncoverage_floor: 0.8\n")
    (tmp_path / "none.yaml").write_text("version: none\n")

    def notes(*words: object) -> list[str]:
        done = CliRunner().invoke(main, [*map(str, words), str(path), *renamed, "--json"], catch_exceptions=False)
        found: list[str] = json.loads(done.stdout.splitlines()[-1])["notes"]
        return [note for note in found if "coverage_floor" in note]

    floor, none = tmp_path / "floor.yaml", tmp_path / "none.yaml"
    assert len(notes("backtest", "--policy", floor)) == told
    assert len(notes("policy", "diff", none, floor)) == told
    assert notes("backtest", "--policy", none) == []


def test_the_window_of_plain_values_moves_no_page_but_the_moment_at_which_it_is_known(tmp_path: Path) -> None:
    lines = [f"{START + 60 * i},a,{100 * (5000 <= i < 5030) + i * 7919 % 101 / 10}" for i in range(6000)]
    path = csv_of(tmp_path, *lines, header="ts,feature,value")

    def pages(window: str) -> list[dict[str, object]]:
        done = CliRunner().invoke(main, ["backtest", str(path), "--window", window], catch_exceptions=False)
        return [json.loads(line) for line in done.stdout.splitlines()]

    minute, hour = pages("1m"), pages("1h")
    moved = {"detected_at", "resolved_at"}
    assert minute != []
    assert [{key for key in one if one[key] != other[key]} for one, other in zip(minute, hour, strict=True)] == [
        moved
    ] * len(minute)
