"""The KPI counters of `/metrics`: counted by (feature, mask) as the stream flows, spelt out when they are read.

A batch holds hundreds of distinct pairs, and a mask stands for a dozen KPIs: to touch a Prometheus counter
for each of them took a quarter of a worker's time.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from schemas.kpis import CATALOGUE, counts
from schemas.outcomes import Bit

_HELD_PAIRS = 20_000
"""(feature, mask) pairs that wait to be read, at most; bounds memory where nobody scrapes."""
_KNOWN_MASKS = 100_000
_ALWAYS = tuple(kpi for kpi in CATALOGUE if "." not in kpi)
"""KPIs with a series for every feature; one of a violation's category begins where the first is found."""


class KpiCounters(Collector):
    """Interactions, and each KPI's numerator and denominator, by feature. Read on the loop that adds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._held: Counter[tuple[str, int]] = Counter()
        self._interactions: dict[str, int] = {}
        self._bad: dict[tuple[str, str], int] = {}
        self._evaluated: dict[tuple[str, str], int] = {}
        self._by_mask: dict[int, tuple[tuple[str, bool], ...]] = {}
        registry.register(self)

    def begin(self, feature: str) -> None:
        """Series of a feature begin at 0, so that its first event is an increase."""
        self._interactions.setdefault(feature, 0)
        for kpi in _ALWAYS:
            self._bad.setdefault((feature, kpi), 0)
            self._evaluated.setdefault((feature, kpi), 0)

    def add(self, events: Mapping[tuple[str, int], int]) -> None:
        """Count events by (feature, mask). Each feature must have begun."""
        self._held.update(events)
        if len(self._held) > _HELD_PAIRS:
            self._spell_out()

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The three families, for Prometheus."""
        self._spell_out()
        interactions, bad, evaluated = _families()
        for feature, total in self._interactions.items():
            interactions.add_metric((feature,), total)
        for labels, total in self._bad.items():
            bad.add_metric(labels, total)
        for labels, total in self._evaluated.items():
            evaluated.add_metric(labels, total)
        yield from (interactions, bad, evaluated)

    def describe(self) -> Iterator[CounterMetricFamily]:
        """The families without values; so that registering does not read."""
        yield from _families()

    def _spell_out(self) -> None:
        for (feature, mask), n in self._held.items():
            if mask & Bit.SYNTHETIC:
                continue
            if mask & Bit.INTERACTION:
                self._interactions[feature] += n
            for kpi, is_bad in self._kpis(mask):
                labels = feature, kpi
                self._evaluated[labels] = self._evaluated.get(labels, 0) + n
                self._bad[labels] = self._bad.get(labels, 0) + (n if is_bad else 0)
        self._held.clear()

    def _kpis(self, mask: int) -> tuple[tuple[str, bool], ...]:
        """(KPI, is bad) that a mask is evaluated for; a violation's category only where it was found."""
        known = self._by_mask.get(mask)
        if known is None:
            found = ((name, *counts(kpi, mask)) for name, kpi in CATALOGUE.items())
            known = tuple((name, bad) for name, bad, evaluated, _ in found if evaluated and (bad or "." not in name))
            if len(self._by_mask) < _KNOWN_MASKS:
                self._by_mask[mask] = known
        return known


def _families() -> tuple[CounterMetricFamily, CounterMetricFamily, CounterMetricFamily]:
    return (
        CounterMetricFamily("vigil_interactions", "Interactions that arrived and were counted.", labels=["feature"]),
        CounterMetricFamily(
            "vigil_kpi_bad", "Events that were bad for a KPI: its numerator.", labels=["feature", "kpi"]
        ),
        CounterMetricFamily(
            "vigil_kpi_evaluated",
            "Events that were evaluated for a KPI: its denominator.",
            labels=["feature", "kpi"],
        ),
    )
