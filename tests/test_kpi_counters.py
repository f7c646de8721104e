"""The KPI counters say what the masks say, whenever they are read."""

from prometheus_client import CollectorRegistry

from monitor.kpi_counters import KpiCounters
from schemas.outcomes import Bit

ANSWERED = Bit.INTERACTION | Bit.REFUSAL_EVALUATED
REFUSED = ANSWERED | Bit.REFUSED


def made() -> tuple[CollectorRegistry, KpiCounters]:
    registry = CollectorRegistry()
    counters = KpiCounters(registry)
    counters.begin("chat")
    return registry, counters


def refusals(registry: CollectorRegistry) -> tuple[float | None, float | None]:
    labels = {"feature": "chat", "kpi": "refusal_rate"}
    found = (registry.get_sample_value(f"vigil_kpi_{name}_total", labels) for name in ("bad", "evaluated"))
    return next(found), next(found)


def test_a_series_begins_at_zero() -> None:
    registry, _ = made()
    assert refusals(registry) == (0.0, 0.0)
    assert registry.get_sample_value("vigil_interactions_total", {"feature": "chat"}) == 0.0


def test_reading_often_and_reading_once_say_the_same() -> None:
    (often, counted), (once, counted_once) = made(), made()
    for n in range(1, 5):
        for counters in (counted, counted_once):
            counters.add({("chat", ANSWERED): n, ("chat", REFUSED): 1})
        assert refusals(often) == (n, sum(range(1, n + 1)) + n)
    assert refusals(once) == refusals(often) == (4.0, 14.0)
    assert once.get_sample_value("vigil_interactions_total", {"feature": "chat"}) == 14.0


def test_a_probe_is_no_traffic() -> None:
    registry, counters = made()
    counters.add({("chat", REFUSED | Bit.SYNTHETIC): 3})
    assert refusals(registry) == (0.0, 0.0)


def test_nobody_reads_and_memory_stays_bounded() -> None:
    _, counters = made()
    for mask in range(60_000):
        counters.add({("chat", mask << 40): 1})
    assert len(counters._held) <= 20_000
