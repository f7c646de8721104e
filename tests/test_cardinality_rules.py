"""A new feature name in every event: what is held stays bounded, what is left out is counted, the real go on."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import numpy as np
from clickhouse_connect.driver.client import Client

from monitor.admission import Admission
from monitor.batch import Batch
from monitor.columns import SCORED, Series
from monitor.counting import Counting
from monitor.intake import Partition
from monitor.memory import IdMemory
from monitor.metrics import OTHER, Metrics
from monitor.records import Limits
from monitor.scorekeeper import Scorekeeper
from monitor.settings import load
from monitor.store.windows import insert_cells
from monitor.tally import Tally
from monitor.windows import DIMENSIONS, SliceCap, Watermark
from monitor.worker import Worker
from schemas.outcomes import Bit
from schemas.topics import TELEMETRY_TOPIC
from tests.test_scorekeeper import LOOKED, START, WATCHED, claim, fill, incidents

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NAMES = 100_000


def test_a_hundred_thousand_features_make_a_capped_number_of_series_and_lose_no_interaction() -> None:
    metrics = Metrics()
    counting = Counting(metrics, 50, NOW)
    counting.add("t", Tally(masks={("chat", LOOKED): 7}))  # type: ignore[arg-type]  # a Counter of one
    for first in range(0, NAMES, 500):
        tally = Tally(records=500)
        tally.masks.update({(f"junk-{number}", LOOKED): 1 for number in range(first, first + 500)})
        tally.late.update({f"junk-{number}": 1 for number in range(first, first + 500)})
        counting.add("t", tally)
    families = {family.name: family.samples for family in metrics.registry.collect()}
    shown = {sample.labels["feature"]: sample.value for sample in families["vigil_interactions"]}
    assert len(shown) == 51
    assert shown["chat"] == 7
    assert shown[OTHER] == NAMES - 49
    assert sum(shown.values()) == NAMES + 7
    assert len(families["vigil_late_events"]) <= 2 * 51  # a counter and when it was made
    assert sum(len(samples) for samples in families.values()) < 51 * 2 * (len(SCORED) + 3) + 100


def test_a_worker_keeps_places_for_what_its_policy_names_in_its_counts_and_in_its_incidents(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("version: one\nfeatures: {claims: {tier: regulated}}\n")
    settings = {"VIGIL_OTLP": "false", "VIGIL_FEATURES": "1", "VIGIL_POLICY": str(tmp_path / "p.yaml")}
    worker = Worker(load(settings), Mock(), None)
    for label in (worker.ingest._counting._feature, worker.scorekeeper._label):
        assert [label("junk"), label("claims")] == [OTHER, "claims"]


def attack(first: int, count: int, at: datetime) -> list[bytes | None]:
    text = at.isoformat().replace("+00:00", "Z")
    said = {"kind": "interaction", "ts": text, "emitter": "a"}
    dimensions = ("model", "release", "region")
    return [
        json.dumps(
            said
            | {"event_id": f"event-{number:07d}", "feature": f"junk-{number}"}
            | {name: f"{name}-{number}" for name in dimensions}
        ).encode()
        for number in range(first, first + count)
    ]


def test_a_partition_holds_no_more_however_many_names_it_has_seen() -> None:
    cap, memory = SliceCap(16), IdMemory(600_000, 5_000)
    held = Partition(TELEMETRY_TOPIC, 0, 0, memory, Watermark(5.0, 15.0), cap)
    limits, most = Limits(timedelta(seconds=300), timedelta(days=400)), 0
    for first in range(0, 40_000, 500):
        batch = Batch(TELEMETRY_TOPIC.name, 0, first, first, first + 499, attack(first, 500, NOW), [0] * 500, None)
        assert held.take(batch, NOW, limits).accepted == 500
        held.reset()  # a flush, twice a second, while the window stays open
        most = max(most, len(cap))
    assert 190_000 < most < 200_000 + 12  # 40,000 names would be 480,000 values
    assert len(cap) == sum(len(values) for seen_values in cap._seen.values() for values in seen_values)
    assert len(cap._seen) <= 200_000 / 12 + 1
    assert len(cap._whole) <= 50_000
    assert len(memory.younger) + len(memory.older) <= 2 * 5_000
    assert len(held.pending.cells) == 0


def test_known_features_are_not_bounded_by_names_alone() -> None:
    """Few features and many values: the number of values is what counts."""
    cap, rest = SliceCap(10_000), ("",) * (len(DIMENSIONS) - 2)
    for number in range(300_000):
        cap(0, (f"feature-{number % 40}", f"model-{number}", *rest))
        assert len(cap) <= 200_000 + 12


def test_a_cap_that_begins_anew_still_folds_no_feature_and_no_total() -> None:
    cap, rest = SliceCap(2), ("",) * (len(DIMENSIONS) - 2)
    assert [cap(0, ("chat", f"model-{number}", *rest))[0][1] for number in range(3)] == ["model-0", "model-1", OTHER]
    for number in range(20_000):
        assert cap(0, (f"junk-{number}", "m", *rest))[0][0] == f"junk-{number}"
    assert cap(0, ("chat", "model-9", *rest))[0][:1] == ("chat",)


def seen(start: int, *features: str, n: float = 1.0) -> list[tuple[int, str, float]]:
    return [(start, feature, n) for feature in features]


def test_the_most_active_features_are_scored_first_and_the_rest_is_counted() -> None:
    series, admission = Series(), Admission(4)
    rows = seen(0, "a", "b", "c") + seen(0, "busy", n=100.0) + seen(0, "busier", n=200.0)
    assert admission.admit(series, rows) == 3
    assert series.features == ["busier", "busy"]


def test_a_feature_with_a_row_keeps_it_whatever_comes() -> None:
    series, admission = Series(), Admission(4)
    admission.admit(series, seen(0, "quiet"))
    for start in range(10, 100, 10):
        admission.admit(series, seen(start, "loud", "louder", "loudest", "roaring", n=1000.0))
    assert series.features[0] == "quiet"
    assert len(series.features) == 4


def test_names_used_once_leave_half_of_the_rows_to_features_that_last() -> None:
    series, admission = Series(), Admission(10)
    for start in range(0, 10_000, 10):
        admission.admit(series, seen(start, *(f"junk-{start}-{number}" for number in range(100))))
    assert len(series.features) == 5
    assert len(admission._first_seen) <= 50_000 + 100
    assert admission.admit(series, seen(20_000, "new-product")) == 1
    assert admission.admit(series, seen(20_010, "new-product")) == 0
    assert "new-product" in series


def test_what_is_expected_counts_as_seen_so_that_total_loss_is_scored() -> None:
    series, admission = Series(), Admission(10)
    assert admission.admit(series, [(0, "chat", 40.0)]) == 0
    assert "chat" in series


def junk(store: Client, window: int, names: int) -> None:
    """Features with one answered interaction each, in one window."""
    columns: dict[str, list[object]] = {name: [""] * names for name in DIMENSIONS}
    columns["feature"] = [f"junk-{window}-{number}" for number in range(names)]
    columns |= {"window_start": [START + 10 * window] * names, "mask": [LOOKED] * names}
    insert_cells(store, "test", columns | {"n": [1] * names, "weight": [1] * names}, "test", f"junk-{window}")


def keeper(store: Client, limit: int) -> tuple[Scorekeeper, Metrics]:
    metrics = Metrics()
    settings = load({"VIGIL_HISTORY_HOURS": "6", "VIGIL_SCORED_FEATURES": str(limit)})
    made = Scorekeeper(settings, store, metrics, lambda: WATCHED, lambda: store)
    made.own(range(4), {"ai.telemetry": 4})
    return made, metrics


def test_under_a_flood_of_names_a_real_feature_still_pages_and_the_flood_is_not_called_normal(store: Client) -> None:
    fill(store, 0, [0.04] * 1000, seed=1)
    claim(store, 1000)
    scorer, metrics = keeper(store, 40)
    scorer.tick()
    assert metrics.registry.get_sample_value("vigil_features_not_scored") == 0
    fill(store, 1000, [0.2] * 12, seed=2)
    for window in range(1000, 1012):
        junk(store, window, 500)
    claim(store, 1012)
    scorer.tick()
    assert incidents(store) == [("refusal_rate", "open")]
    assert metrics.registry.get_sample_value("vigil_features_not_scored") == 12 * 500 - 19
    scored = store.query("SELECT uniqExact(feature) FROM scores WHERE feature LIKE 'junk%'").result_rows[0][0]
    assert scored <= 19
    assert store.query("SELECT count() FROM scores WHERE feature LIKE 'junk%' AND state = 'OK'").result_rows == [(0,)]
    coverage = next(found for found in metrics.registry.collect() if found.name == "vigil_kpi_coverage_ratio")
    assert len({sample.labels["feature"] for sample in coverage.samples}) <= 1 + 19


def test_features_that_share_a_label_page_until_the_last_of_them_is_well(store: Client) -> None:
    metrics = Metrics()
    settings = load({"VIGIL_HISTORY_HOURS": "6", "VIGIL_FEATURES": "1"})
    scorer = Scorekeeper(settings, store, metrics, lambda: WATCHED, lambda: store)
    scorer.own(range(4), {"ai.telemetry": 4})

    def both(first: int, one: list[float], two: list[float], seed: int) -> None:
        for feature, rates in (("one", one), ("two", two)):
            refill(store, first, rates, seed, feature)
        refill(store, first, [0.04] * len(one), seed, "first", n=400)
        claim(store, first + len(one))
        scorer.tick()

    both(0, [0.04] * 1000, [0.04] * 1000, 1)
    both(1000, [0.04], [0.04], 5)  # the most active takes the only label
    both(1001, [0.3] * 12, [0.3] * 12, 2)
    labels = {"feature": OTHER, "kpi": "refusal_rate", "direction": "up"}
    assert metrics.registry.get_sample_value("vigil_incident_open", labels) == 1
    both(1013, [0.02] * 4, [0.3] * 4, 3)  # windows in which no open incident is written again
    assert sorted(incidents(store)) == [("refusal_rate", "open"), ("refusal_rate", "resolved")]
    assert metrics.registry.get_sample_value("vigil_incident_open", labels) == 1
    score = metrics.registry.get_sample_value("vigil_anomaly_log_e", {"feature": OTHER, "kpi": "refusal_rate"})
    worst = store.query(
        "SELECT max(log_e) FROM scores WHERE kpi = 'refusal_rate' AND feature != 'first' "
        "AND detector = 'state-space-2' AND window_start = (SELECT max(window_start) FROM scores)"
    ).result_rows[0][0]
    assert score == worst
    both(1017, [0.04] * 30, [0.04] * 30, 4)
    assert metrics.registry.get_sample_value("vigil_incident_open", labels) == 0


def refill(store: Client, first: int, rates: list[float], seed: int, feature: str, n: int = 200) -> None:
    """Like `fill`, for any feature."""
    chance = np.random.default_rng([seed, *feature.encode()])
    refused = chance.binomial(n, rates)
    starts = [START + 10 * (first + number) for number in range(len(rates))]
    counts: list[object] = [*(n - refused).tolist(), *refused.tolist()]
    columns: dict[str, list[object]] = {name: [""] * len(counts) for name in DIMENSIONS}
    columns |= {"feature": [feature] * len(counts), "window_start": [*starts, *starts]}
    columns["mask"] = [*[LOOKED] * len(rates), *[LOOKED | Bit.REFUSED] * len(rates)]
    insert_cells(store, "test", columns | {"n": counts, "weight": counts}, "test", f"{feature}-{first}-{seed}")
