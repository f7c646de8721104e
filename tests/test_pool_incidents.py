"""Pools through the worker's scorekeeper: what no feature shows alone, one owner in a group, and the switch."""

from pathlib import Path
from typing import Any, cast

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.query import QueryResult
from prometheus_client import generate_latest

from monitor.findings import Findings
from monitor.metrics import Metrics
from monitor.scorekeeper import Scorekeeper
from monitor.scorers import Scorers, ended_without
from monitor.scoring import Scorer
from monitor.settings import load
from monitor.store.findings import read_open_incidents
from schemas.finding import Incident
from schemas.pools import PREFIX
from tests.oncall.seeds import incident as one
from tests.pool_traffic import alike, fill, with_pools
from tests.test_scorekeeper import START, WATCHED, claim

POOL = "pool:model=m-1"
HISTORY, QUIET, RISE = 3 * 8640, 1000, 480
SPIKE = 2400


def keeper(store: Client, owned: range = range(4), policy: Path | None = None) -> tuple[Scorekeeper, Metrics]:
    metrics = Metrics()
    said = {"VIGIL_HISTORY_HOURS": "6"} | ({} if policy is None else {"VIGIL_POLICY": str(policy)})
    made = Scorekeeper(load(said), store, metrics, lambda: WATCHED, lambda: store)
    made.own(owned, {"ai.telemetry": 4})
    return made, metrics


def found(store: Client) -> list[tuple[str, str, str, str, str]]:
    return [
        (row[0], row[1], row[2], row[3], row[4])
        for row in store.query(
            "SELECT feature, kpi, direction, severity, state FROM incident_list ORDER BY onset"
        ).result_rows
    ]


def gauge(metrics: Metrics, name: str = "vigil_incident_open", feature: str = POOL) -> float | None:
    labels = {"feature": feature, "kpi": "refusal_rate"}
    labels |= {"direction": "up"} if name == "vigil_incident_open" else {}
    return metrics.registry.get_sample_value(name, labels)


def test_half_as_many_refusals_more_in_twelve_small_features_are_found_in_their_model_before_any_of_them(
    store: Client, tmp_path: Path
) -> None:
    for first in range(0, HISTORY, 2160):
        fill(store, START, alike(12, 1.0, first, first + 2160, lambda _: 0.05), 200 + first // 2160, str(first))
    claim(store, HISTORY - QUIET)
    scorer, metrics = keeper(store, policy=with_pools(tmp_path))
    scorer.tick()
    claim(store, HISTORY)
    scorer.tick()
    scored = store.query("SELECT uniqExact(feature), countIf(state = 'OK' AND kpi = 'refusal_rate') FROM scores")
    assert scored.result_rows[0][0] == 13
    assert scored.result_rows[0][1] > 5 * QUIET
    assert found(store) == []
    fill(store, START, alike(12, 1.0, HISTORY, HISTORY + RISE, lambda _: 0.075), 300, "rise")
    for window in range(HISTORY, HISTORY + RISE, 30):
        claim(store, window + 30)
        scorer.tick()
        if found(store):
            break
    assert found(store) == [(POOL, "refusal_rate", "up", "warning", "open")]
    assert gauge(metrics) == 1
    assert gauge(metrics, "vigil_anomaly_log_e") is not None
    assert gauge(metrics, "vigil_kpi_coverage_ratio") is None
    assert gauge(metrics, "vigil_kpi_coverage_ratio", "small-00") == 1


@pytest.fixture(name="spiking")
def _spiking(store: Client) -> Client:
    """Four features of which every one refuses three times as often in the end."""
    rate = 0.05
    fill(store, START, alike(4, 30.0, 0, SPIKE + 60, lambda window: rate * (3 if window >= SPIKE else 1)), 5, "spike")
    return store


def test_one_worker_of_a_group_scores_a_pool(spiking: Client, tmp_path: Path) -> None:
    policy = with_pools(tmp_path)
    workers = [keeper(spiking, range(number, number + 1), policy) for number in range(4)]
    for window in (SPIKE - 10, SPIKE + 60):
        claim(spiking, window)
        for scorer, _ in workers:
            scorer.tick()
    assert [one for one in found(spiking) if one[0] == POOL] == [(POOL, "refusal_rate", "up", "warning", "open")]
    assert [gauge(metrics) for _, metrics in workers].count(1) == 1
    assert [gauge(metrics) for _, metrics in workers].count(None) == 3


def test_a_policy_turns_pools_off_and_ends_their_incidents(spiking: Client, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: v\npools: {dimensions: [model], pages: true}\n")
    scorer, metrics = keeper(spiking, policy=policy)
    for window in (SPIKE - 10, SPIKE + 30):
        claim(spiking, window)
        scorer.tick()
    assert [one for one in found(spiking) if one[0] == POOL] == [(POOL, "refusal_rate", "up", "critical", "open")]
    policy.write_text("version: v\n")
    scorer.look_at_policy()
    claim(spiking, SPIKE + 60)
    for _ in range(2):
        scorer.tick()
    assert [one[4] for one in found(spiking) if one[0] == POOL] == ["resolved"]
    assert gauge(metrics) == 0
    newest = spiking.query("SELECT max(window_start) FROM scores WHERE feature LIKE 'pool:%'").result_rows[0][0]
    assert newest.timestamp() < START + 10 * (SPIKE + 60)
    assert ended_without((), read_open_incidents(spiking), START) == []


@pytest.mark.parametrize("pools", [True, False])
def test_a_policy_without_pools_asks_the_store_and_shows_nothing_of_them(
    spiking: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pools: bool
) -> None:
    scorer, metrics = keeper(spiking, policy=with_pools(tmp_path) if pools else None)
    asked: list[str] = []
    query = spiking.query

    def noting(text: str, *said: Any, **more: Any) -> QueryResult:
        asked.append(f"{text} {said}")
        return query(text, *said, **more)

    monkeypatch.setattr(spiking, "query", noting)
    for window in (SPIKE - 10, SPIKE + 60):
        claim(spiking, window)
        scorer.tick()
    changes = [text for text in asked if "new_baseline" in text]
    assert changes
    assert (len(set(changes)) < len(changes)) == pools, "pools ask for the same changes again"
    assert any(PREFIX in text for text in asked) == pools
    assert any(PREFIX in line for line in generate_latest(metrics.registry).decode().splitlines()) == pools
    features = {f"small-{number:02}" for number in range(4)}
    assert {one[0] for one in found(spiking)} == features | ({POOL} if pools else set())


class _Half:
    """A scorer that finds one incident in each step, and fails when told to."""

    def __init__(self, until: int) -> None:
        self.until = until
        self.failing = False

    def advance(self, _: object, end: int) -> Findings:
        if self.failing:
            raise OSError("away")
        self.until = end
        return Findings(incidents=[incident()])


def incident() -> Incident:
    seeds = {name: value for name, value in one(1).items() if name in Incident.model_fields}
    return Incident.model_validate(seeds)


def test_what_features_found_is_told_though_the_pools_fail_at_first() -> None:
    features, pools = _Half(100), _Half(100)
    both = Scorers(cast("Scorer", features), cast("Scorer", pools))
    pools.failing = True
    with pytest.raises(OSError, match="away"):
        both.advance(cast("Client", None), 110)
    assert both.until == 100
    pools.failing = False
    assert len(both.advance(cast("Client", None), 110).incidents) == 2
    assert both.until == 110
