"""The same on windows of a store: what the scorer would have read, and what it would have paged."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from clickhouse_connect.driver.client import Client

from monitor.backtest import options
from monitor.backtest.history import History
from monitor.backtest.scoring import score_history
from monitor.backtest.stored import EARLIER, StoredSource
from monitor.cli import main
from monitor.columns import SCORED
from monitor.errors import UserError
from monitor.history import read_columns
from monitor.moments import rfc3339
from monitor.policy import SHIPPED_POLICY, Policy, load_policy
from monitor.store.windows import insert_cells
from monitor.windows import DIMENSIONS
from schemas.outcomes import Bit

START = int(datetime(2026, 11, 18, tzinfo=UTC).timestamp())
SIZE, SPIKE = 3000, 2400
LOOKED = int(Bit.INTERACTION | Bit.REFUSAL_EVALUATED)


@pytest.fixture(name="past")
def _past(store: Client) -> Client:
    chance = np.random.default_rng(8)
    columns: dict[str, list[Any]] = {name: [] for name in ("window_start", *DIMENSIONS, "mask", "n", "weight")}
    for window in range(SIZE):
        for feature, stratum, mean in (("chat", "code", 80), ("chat", "talk", 120), ("search", "", 30)):
            n = int(chance.poisson(mean))
            ratio = 4 if feature == "chat" and SPIKE <= window < SPIKE + 60 else 1
            bad = int(chance.binomial(n, 0.04 * ratio))
            for mask, count in ((LOOKED, n - bad), (LOOKED | int(Bit.REFUSED), bad)):
                said = {
                    "window_start": START + 10 * window,
                    "feature": feature,
                    "prompt_category": stratum,
                    "mask": mask,
                    "n": count,
                    "weight": count,
                }
                for name, column in columns.items():
                    column.append(said.get(name, ""))
    insert_cells(store, "test", columns, "test", "backtest")
    return store


def test_a_history_is_what_the_scorer_reads_a_day_at_a_time(past: Client) -> None:
    end = START + SIZE * 10
    source = StoredSource(past, START, end)
    assert [task.feature for task in source.tasks] == ["chat", "search"]
    found = source.read(source.tasks[0])
    [(_, columns)] = read_columns(past, ["chat"], START, end)
    row = np.flatnonzero((columns.evaluated > 0).any(axis=1))
    assert (found.start, found.kpis) == (START, tuple(SCORED[kpi] for kpi in row))
    assert "refusal_rate" in found.kpis
    assert (found.evaluated == columns.evaluated[row]).all()
    assert (found.bad == columns.bad[row]).all()
    assert (found.kpis[found.arrivals or 0], found.kpis[found.shifts or 0]) == ("arrivals", "prompt_mix")
    assert found.strata is not None
    assert columns.strata is not None
    assert found.strata.names == columns.strata.names == ("code", "talk")
    assert (found.strata.evaluated == columns.strata.evaluated[row]).all()
    assert (found.strata.bad == columns.strata.bad[row]).all()


def test_a_stratum_that_is_there_on_some_days_only_is_kept_for_all_of_them(store: Client) -> None:
    columns: dict[str, list[Any]] = {name: [] for name in ("window_start", *DIMENSIONS, "mask", "n", "weight")}
    for day, stratum in ((0, "talk"), (1, "talk"), (1, "code"), (3, "talk")):
        said = {"window_start": START + day * 86_400, "feature": "chat", "prompt_category": stratum, "mask": LOOKED}
        for name, column in columns.items():
            column.append((said | {"n": day + 1, "weight": day + 1}).get(name, ""))
    insert_cells(store, "test", columns, "test", "days")
    source = StoredSource(store, START, START + 4 * 86_400)
    found = source.read(source.tasks[0])
    assert found.strata is not None
    assert found.strata.names == ("code", "talk")
    refusals = found.strata.evaluated[found.kpis.index("refusal_rate")][:, ::8640]
    assert refusals.tolist() == [[0, 2, 0, 0], [1, 2, 0, 4]]


def test_what_is_asked_is_no_series_where_one_thing_is_asked(past: Client) -> None:
    source = StoredSource(past, START, START + SIZE * 10, ["search"])
    found = source.read(source.tasks[0])
    assert found.strata is None
    assert "prompt_mix" not in found.kpis


def test_windows_before_the_span_are_learned_from_and_not_scored(past: Client) -> None:
    begin = START + 2000 * 10
    source = StoredSource(past, begin, START + SIZE * 10, ["chat"])
    found = source.read(source.tasks[0])
    assert found.start == START > begin - EARLIER
    told = score_history(found, Policy(version="t"), begin)
    assert told.watched["refusal_rate"] == 1000 * 10
    [page] = told.pages
    assert 0 <= page.detected_at - (START + SPIKE * 10) <= 60
    assert abs(page.onset - (START + SPIKE * 10)) <= 10


def test_what_the_store_does_not_have_is_a_user_error(past: Client) -> None:
    with pytest.raises(UserError, match="no windows of nobody"):
        StoredSource(past, START, START + 1000, ["nobody"])
    with pytest.raises(UserError, match="look at --from and --to"):
        StoredSource(past, START - 90 * 86_400, START - 80 * 86_400)


def test_completeness_is_told_by_the_window_it_is_about(store: Client) -> None:
    one = History("chat", ("telemetry_completeness",), START, 10, *(np.ones((1, 5)),) * 3, np.zeros(1), 1, behind=(20,))
    assert one.true_start(0, 4) == START + 20


def test_the_commands_read_the_store(past: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def kept(client: Client) -> Iterator[Client]:
        yield client

    monkeypatch.setattr(options, "reader", lambda dsn: kept(past))
    span = ["--from", rfc3339(START + 2000 * 10), "--to", rfc3339(START + SIZE * 10)]
    done = CliRunner().invoke(main, ["backtest", *span, "--feature", "chat", "--json"], catch_exceptions=False)
    page, summary = (json.loads(line) for line in done.stdout.splitlines())
    assert (page["feature"], page["kpi"], summary["source"]) == ("chat", "refusal_rate", "store")
    asked = ["explain", "chat", "refusal_rate", "--at", page["detected_at"], "--before", "1h", "--after", "10m"]
    done = CliRunner().invoke(main, asked, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "P" in done.stdout.splitlines()[-2] + done.stdout.splitlines()[-3]


def test_windows_of_the_store_are_judged_by_the_policy_of_its_workers(
    past: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def summary(*words: str) -> dict[str, Any]:
        span = ["--from", rfc3339(START + 2000 * 10), "--to", rfc3339(START + SIZE * 10), "--feature", "chat"]
        done = CliRunner().invoke(main, ["backtest", *span, "--json", *words], catch_exceptions=False)
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    @contextmanager
    def kept(client: Client) -> Iterator[Client]:
        yield client

    monkeypatch.setattr(options, "reader", lambda dsn: kept(past))
    usual = summary()
    assert (usual["policy"], usual["pages"]) == (load_policy(SHIPPED_POLICY).version, 1)
    (tmp_path / "quiet.yaml").write_text("version: quiet\nkpis: {refusal_rate: {pages: false}}\n")
    monkeypatch.setenv("VIGIL_POLICY", str(tmp_path / "quiet.yaml"))
    theirs = summary()
    assert (theirs["policy"], theirs["pages"], theirs["not_paged_by_policy"]) == ("quiet", 0, 1)
    assert summary("--budget", "1/week")["pages"] == 1
