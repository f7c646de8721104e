"""The commands on files, from end to end."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from monitor.cli import main
from tests.backtest.tables import START, counts, csv_of, table_of, written

AT = 1440 + 600
"""The minute at which refusals of chat triple, for an hour."""


@pytest.fixture(name="files", scope="module")
def _files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("windows")
    size = 2 * 1440
    table = table_of(
        {
            ("chat", "refusal_rate"): counts(1, size, 60, [(AT, AT + 60, 3.0)]),
            ("chat", "leaks"): counts(2, size, 60),
            ("search", "refusal_rate"): counts(3, size, 60),
        },
        60,
    )
    shuffled = table.take(list(range(table.num_rows))[::-1])
    return {"csv": written(folder, table, "w.csv"), "parquet": written(folder, shuffled, "w.parquet")}


def call(*words: object) -> tuple[list[dict[str, Any]], str]:
    """The lines of standard output, and standard error."""
    done = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def refused(*words: object) -> str:
    """What a command says that ends with a user error."""
    done = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    return done.stderr


def test_a_page_has_the_fields_of_its_promise_and_the_summary_comes_last(files: dict[str, Path]) -> None:
    [page, summary], told = call("backtest", files["csv"], "--json")
    assert set(page) == {
        "feature", "kpi", "onset", "detected_at", "resolved_at", "direction", "observed", "expected", "interval",
        "log_e", "evaluated", "bad",
    }  # fmt: skip
    assert (page["feature"], page["kpi"], page["direction"]) == ("chat", "refusal_rate", "up")
    assert page["onset"].endswith("Z")
    assert (summary["pages"], summary["series"], summary["window_seconds"]) == (1, 3, 60)
    assert summary["windows"] == 3 * 2 * 1440
    assert "windows of 60 s, the smallest spacing" in told
    assert "1 pages of 3 series" in told


def test_csv_and_parquet_in_any_order_give_the_same_pages(files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "pages.ndjson"
    nothing, _ = call("backtest", files["parquet"], "--window", "60s", "--budget", "1/week", "--out", out)
    pages, _ = call("backtest", files["csv"], "--window", "1m")
    assert nothing == []
    assert [json.loads(line) for line in out.read_text().splitlines()] == pages != []


def test_from_and_to_choose_what_is_scored_and_not_what_is_learned_from(files: dict[str, Path]) -> None:
    [summary], _ = call("backtest", files["csv"], "--from", START + (AT + 61) * 60, "--json")
    assert summary["series_weeks"] == pytest.approx(3 * (2 * 1440 - AT - 61) / 10_080, abs=1e-3)
    assert summary["feature_weeks"] == pytest.approx(2 * (2 * 1440 - AT - 61) / 10_080, abs=1e-3)
    [summary], _ = call("backtest", files["csv"], "--to", START + AT * 60, "--json")
    assert summary["windows"] == 3 * AT


def test_policies_are_compared(files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text("version: old\n")
    (tmp_path / "new.yaml").write_text(
        "version: new\nkpis:\n  refusal_rate: {pages: false}\n  refusals: {pages: false}\n"
        "  ungrounded_rate: {pages: false}\n  prompt_mix: {pages: false}\n"
    )
    [change, summary], told = call(
        "policy", "diff", tmp_path / "old.yaml", tmp_path / "new.yaml", files["csv"], "--json"
    )
    assert (change["change"], change["kpi"]) == ("lost", "refusal_rate")
    assert (summary["lost"], summary["gained"], summary["moved"], summary["same"]) == (1, 0, 0, 0)
    assert "the policy names 'refusals', which is not there" in told
    assert told.count("which is not there") == 1  # a file need not have the KPIs that Vigil itself knows
    (tmp_path / "tight.yaml").write_text(f"version: tight\nbudget: 1/{10**30} weeks\n")
    [change, summary], _ = call(
        "policy", "diff", tmp_path / "old.yaml", tmp_path / "tight.yaml", files["csv"], "--json"
    )
    assert change["change"] == "moved"
    assert change["seconds_later"] > 0


def test_a_file_that_is_too_coarse_to_learn_from_says_so(tmp_path: Path) -> None:
    path = csv_of(tmp_path, *(f"{START + 14_400 * i},a,k,500,10" for i in range(300)))
    [summary], told = call("backtest", path, "--json")
    assert (summary["pages"], summary["series_without_baseline"]) == (0, 1)
    assert "all series stay WARMING and nothing pages" in told


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ((), "give a FILE, or --from and --to"),
        (("w.csv", "--from", "2026-11-20", "--to", "2026-11-19"), "--from must be before --to"),
        (("w.csv", "--from", "yesterday"), "--from 'yesterday' is no time"),
        (("w.csv", "--budget", "often"), "is no budget"),
        (("w.csv", "--window", "soon"), "is no length of time"),
        (("w.csv", "--budget", "1/week", "--policy", "p.yaml"), "--policy or --budget"),
        (("w.csv", "--feature", "a"), "--feature and --store are for the store"),
        (("--from", "2026-11-19", "--to", "2026-11-20", "--window", "10s"), "are for a FILE"),
        (("w.csv", "--column", "ts"), "write --column OURS=THEIRS"),
        (("w.csv",), "there is no file w.csv"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: tuple[str, ...], what: str) -> None:
    assert what in refused("backtest", *words)


def test_who_wonders_why_nothing_was_scored_is_told_what_a_baseline_needs(tmp_path: Path) -> None:
    path = csv_of(tmp_path, *(f"{START + 10 * i},a,k,50,1" for i in range(300)))
    _, told = call("backtest", path, "--window", "10s")
    assert "WARMING all the time, nothing could page: a k" in told
    assert "a baseline needs 360 windows with events and 500 events within 7 days" in told


def test_a_place_that_cannot_be_written_to_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    broken = csv_of(tmp_path, "noon,a,k,50,1")
    assert "there is no such folder" in refused("backtest", broken, "--out", tmp_path / "none" / "pages.ndjson")
    assert "it is a folder" in refused("backtest", broken, "--out", tmp_path)
