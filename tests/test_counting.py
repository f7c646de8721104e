"""Probes are counted apart, at counting, and change no KPI; what may come in one burst begins at 0."""

from datetime import UTC, datetime
from typing import get_args

from monitor.counting import Counting
from monitor.metrics import OTHER, Metrics
from monitor.tally import Tally
from schemas.outcomes import Bit
from schemas.probes import PROBE, PROBE_FEATURE
from schemas.vocabulary import RejectReason

TOPIC = "ai.telemetry"
CAUGHT = PROBE | Bit.POLICY_EVALUATED | Bit.POLICY_VIOLATED
MISSED = PROBE | Bit.POLICY_EVALUATED


def counted(*tallies: Tally, features: int = 10) -> Metrics:
    metrics = Metrics()
    counting = Counting(metrics, features, datetime(2026, 11, 20, tzinfo=UTC))
    for tally in tallies:
        counting.add(TOPIC, tally)
    return metrics


def tally(*events: tuple[str, int, int], probes: dict[str, float] | None = None) -> Tally:
    made = Tally(probes=probes or {})
    made.masks.update({(feature, mask): n for feature, mask, n in events})
    return made


def probes(metrics: Metrics, feature: str) -> list[float | None]:
    return [
        metrics.registry.get_sample_value("vigil_probes_total", {"feature": feature, "outcome": outcome})
        for outcome in ("caught", "missed", "not_evaluated")
    ]


def newest(metrics: Metrics, feature: str) -> float | None:
    return metrics.registry.get_sample_value("vigil_probe_last_timestamp_seconds", {"feature": feature})


def interactions(metrics: Metrics, feature: str) -> float | None:
    return metrics.registry.get_sample_value("vigil_interactions_total", {"feature": feature})


def test_probes_are_counted_by_outcome_and_are_no_traffic() -> None:
    metrics = counted(tally(("chat", CAUGHT, 3), ("chat", MISSED, 2), ("chat", PROBE, 1), ("chat", Bit.INTERACTION, 5)))
    assert probes(metrics, "chat") == [3.0, 2.0, 1.0]
    assert interactions(metrics, "chat") == 5.0
    labels = {"feature": "chat", "kpi": "policy_violation_rate"}
    assert metrics.registry.get_sample_value("vigil_kpi_evaluated_total", labels) == 0.0


def test_a_later_verdict_on_a_probe_is_no_second_probe() -> None:
    metrics = counted(tally(("chat", CAUGHT, 1), ("chat", Bit.SYNTHETIC | Bit.POLICY_EVALUATED, 1)))
    assert probes(metrics, "chat") == [1.0, 0.0, 0.0]


def test_the_outcomes_of_a_feature_begin_together() -> None:
    assert probes(counted(tally(("chat", MISSED, 1))), "chat") == [0.0, 1.0, 0.0]


def test_the_newest_probe_never_goes_back() -> None:
    metrics = counted(tally(probes={"chat": 200.0}), tally(probes={"chat": 150.0}))
    assert newest(metrics, "chat") == 200.0


def test_a_feature_that_is_only_probed_has_a_tier_and_vigils_own_is_no_feature() -> None:
    metrics = counted(tally(("new", MISSED, 1), (PROBE_FEATURE, CAUGHT, 1)))
    assert interactions(metrics, "new") == 0.0  # what a tier is told from
    assert interactions(metrics, PROBE_FEATURE) is None
    assert probes(metrics, PROBE_FEATURE) == [1.0, 0.0, 0.0]


def test_beyond_the_cap_a_probed_feature_is_other_and_vigils_own_is_not() -> None:
    first, later = tally(("a", Bit.INTERACTION, 1)), tally(("b", MISSED, 1), (PROBE_FEATURE, CAUGHT, 1))
    later.probes.update({"b": 7.0, PROBE_FEATURE: 8.0})
    metrics = counted(first, later, features=1)
    assert probes(metrics, "b") == [None, None, None]
    assert probes(metrics, "other") == [0.0, 1.0, 0.0]
    assert (newest(metrics, "other"), newest(metrics, PROBE_FEATURE)) == (7.0, 8.0)


def test_what_the_policy_names_is_never_other_however_many_names_came_before() -> None:
    metrics = Metrics()
    counting = Counting(metrics, 3, datetime(2026, 11, 20, tzinfo=UTC), named=("claims", "triage"))
    for name in ("junk-1", "junk-2", "junk-3", "triage", "claims"):
        counting.add(TOPIC, tally((name, Bit.INTERACTION, 5)))
    shown = {
        name: metrics.registry.get_sample_value("vigil_interactions_total", {"feature": name})
        for name in ("claims", "triage", "junk-1", "junk-2", OTHER)
    }
    assert shown == {"claims": 5.0, "triage": 5.0, "junk-1": 5.0, "junk-2": None, OTHER: 10.0}


def dead_letters(metrics: Metrics) -> dict[tuple[str, str], float]:
    family = next(one for one in metrics.registry.collect() if one.name == "vigil_dead_letters")
    return {
        (sample.labels["topic"], sample.labels["reason"]): sample.value
        for sample in family.samples
        if sample.name.endswith("_total")
    }


def test_dead_letters_of_an_owned_topic_begin_at_0_for_each_reason_and_those_of_no_other_topic() -> None:
    metrics = Metrics()
    counting = Counting(metrics, 10, datetime(2026, 11, 20, tzinfo=UTC))
    assert dead_letters(metrics) == {}
    counting.begin(TOPIC)
    assert metrics.registry.get_sample_value("vigil_records_total", {"topic": TOPIC}) == 0.0
    at_0 = {(TOPIC, reason): 0.0 for reason in get_args(RejectReason)}
    assert dead_letters(metrics) == at_0
    refused = Tally()
    refused.rejected["not_json"] = 30
    counting.add(TOPIC, refused)
    counting.begin(TOPIC)  # another partition, after a rebalance
    assert dead_letters(metrics) == at_0 | {(TOPIC, "not_json"): 30.0}


def test_late_events_begin_at_0_with_the_feature_and_not_for_vigils_own_probes() -> None:
    def late(metrics: Metrics, feature: str) -> float | None:
        return metrics.registry.get_sample_value("vigil_late_events_total", {"feature": feature})

    on_time = tally(("chat", Bit.INTERACTION, 5), (PROBE_FEATURE, CAUGHT, 1))
    assert (late(counted(on_time), "chat"), late(counted(on_time), PROBE_FEATURE)) == (0.0, None)
    burst = tally(("chat", Bit.INTERACTION | Bit.LATE, 80))
    burst.late["chat"] = 80
    assert late(counted(on_time, burst), "chat") == 80.0
