"""The scorer against a real store: incidents, restarts, and a store that goes away."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from monitor.errors import StoreUnavailableError
from monitor.metrics import Metrics
from monitor.scorekeeper import Scorekeeper
from monitor.settings import load
from monitor.store.windows import Claim, Stamp, insert_cells, insert_idle_claims
from monitor.windows import DIMENSIONS
from schemas.outcomes import Bit

START = 1_790_000_000 // 10 * 10
WATCHED = datetime.fromtimestamp(START + 20_000, UTC)
"""The wall clock; nothing here depends on it but which claims are recent."""
LOOKED = Bit.INTERACTION | Bit.REFUSAL_EVALUATED


def fill(store: Client, first: int, rates: list[float], seed: int) -> None:
    """One window of 200 interactions for each rate, from window number `first` on."""
    chance = np.random.default_rng(seed)
    columns: dict[str, list[Any]] = {name: [] for name in ("window_start", *DIMENSIONS, "mask", "n", "weight")}
    for number, rate in enumerate(rates):
        refused = int(chance.binomial(200, rate))
        for mask, n in ((LOOKED, 200 - refused), (LOOKED | Bit.REFUSED, refused)):
            values = {
                "window_start": START + 10 * (first + number),
                "feature": "chat",
                "mask": mask,
                "n": n,
                "weight": n,
            }
            for name, column in columns.items():
                column.append(values.get(name, ""))
    insert_cells(store, "test", columns, "test", f"{first}-{seed}")


def claim(store: Client, window: int) -> None:
    """Everything before this window is complete, in all four partitions."""
    mark = datetime.fromtimestamp(START + 10 * window, UTC)
    rows = [Claim("ai.telemetry", number, window, window, mark, 1, 1, 0, 0, 0, 0, 0, 0, mark) for number in range(4)]
    insert_idle_claims(store, rows, Stamp("test", f"claim-{window}", WATCHED))


def keeper(store: Client) -> tuple[Scorekeeper, Metrics]:
    metrics = Metrics()
    made = Scorekeeper(load({"VIGIL_HISTORY_HOURS": "6"}), store, metrics, lambda: WATCHED, lambda: store)
    made.own(range(4), {"ai.telemetry": 4})
    return made, metrics


def incidents(store: Client) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in store.query("SELECT kpi, state FROM incident_list ORDER BY onset").result_rows]


@pytest.fixture(name="history")
def _history(store: Client) -> Client:
    fill(store, 0, [0.04] * 1000, seed=1)
    claim(store, 1000)
    return store


def gauge(metrics: Metrics) -> float | None:
    labels = {"feature": "chat", "kpi": "refusal_rate", "direction": "up"}
    return metrics.registry.get_sample_value("vigil_incident_open", labels)


def test_an_incident_opens_pages_and_resolves(history: Client) -> None:
    scorer, metrics = keeper(history)
    scorer.tick()
    assert incidents(history) == []
    fill(history, 1000, [0.2] * 12, seed=2)
    claim(history, 1012)
    scorer.tick()
    assert incidents(history) == [("refusal_rate", "open")]
    assert gauge(metrics) == 1
    fill(history, 1012, [0.04] * 30, seed=3)
    claim(history, 1042)
    scorer.tick()
    assert incidents(history) == [("refusal_rate", "resolved")]
    assert gauge(metrics) == 0


def test_a_restarted_scorer_finds_the_same_incident_and_opens_no_other(history: Client) -> None:
    first, _ = keeper(history)
    first.tick()
    fill(history, 1000, [0.2] * 12, seed=2)
    claim(history, 1012)
    first.tick()
    ids = history.query("SELECT incident_id FROM incident_list").result_rows
    second, metrics = keeper(history)
    second.tick()
    assert history.query("SELECT incident_id FROM incident_list").result_rows == ids
    assert gauge(metrics) == 1


def test_an_incident_of_a_time_when_nobody_watched_is_told(history: Client) -> None:
    fill(history, 1000, [0.2] * 12, seed=2)
    claim(history, 1012)
    scorer, metrics = keeper(history)
    scorer.tick()
    assert incidents(history) == [("refusal_rate", "open")]
    assert gauge(metrics) == 1


def test_windows_wait_until_every_partition_is_past_them(store: Client) -> None:
    fill(store, 0, [0.04] * 20, seed=1)
    mark = datetime.fromtimestamp(START + 200, UTC)
    row = Claim("ai.telemetry", 0, 1, 1, mark, 1, 1, 0, 0, 0, 0, 0, 0, mark)
    insert_idle_claims(store, [row], Stamp("test", "one", WATCHED))
    scorer, metrics = keeper(store)
    scorer.tick()
    assert metrics.registry.get_sample_value("vigil_scored_until_timestamp_seconds") == 0


def test_a_store_that_goes_away_loses_no_finding(history: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, _ = keeper(history)
    scorer.tick()
    fill(history, 1000, [0.2] * 12, seed=2)
    claim(history, 1012)

    def refuse(*_: object, **__: object) -> None:
        raise DatabaseError("away")

    with monkeypatch.context() as away:
        away.setattr(history, "insert", refuse)  # scores and incidents cannot be written; reading still works
        with pytest.raises(StoreUnavailableError):
            scorer.tick()
    assert incidents(history) == []
    scorer.tick()
    assert incidents(history) == [("refusal_rate", "open")]


def test_features_of_other_workers_are_left_alone(history: Client) -> None:
    metrics = Metrics()
    scorers = [
        Scorekeeper(load({"VIGIL_HISTORY_HOURS": "6"}), history, metrics, lambda: WATCHED, lambda: history)
        for _ in range(4)
    ]
    fill(history, 1000, [0.2] * 12, seed=2)
    claim(history, 1012)
    found = []
    for number, scorer in enumerate(scorers):
        scorer.own([number], {"ai.telemetry": 4})
        scorer.tick()
        found.append(len(incidents(history)))
    assert found[-1] == 1
    assert history.query("SELECT count() FROM incidents").result_rows[0][0] == 1


def test_a_feature_of_which_nothing_can_be_learned_is_warming_and_stops_nobody(
    history: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a history like no other")

    monkeypatch.setattr("monitor.learner.learn_some", broken)
    scorer, metrics = keeper(history)
    scorer.tick()
    fill(history, 1000, [0.2] * 12, seed=2)
    claim(history, 1012)
    scorer.tick()
    assert incidents(history) == []
    assert metrics.registry.get_sample_value("vigil_scored_until_timestamp_seconds") == START + 10_120
    assert history.query("SELECT DISTINCT state FROM scores WHERE kpi = 'refusal_rate'").result_rows == [("WARMING",)]
