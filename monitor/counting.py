"""From tallies to Prometheus: the numbers of the stream, at the moment they are counted."""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import get_args

from monitor.metrics import Cap, Metrics
from monitor.tally import Tally
from schemas.outcomes import Bit
from schemas.probes import PROBE_FEATURE, PROBE_OUTCOMES, is_probe, probe_outcome
from schemas.telemetry import FIRST_HEARTBEAT_WITHIN, Heartbeat
from schemas.vocabulary import RejectReason

_EMITTERS = 100_000
"""(emitter, feature, start) whose last count is kept; the longest silent ones are forgotten."""


class Counting:
    """Keeps the metrics of the ingest. Features beyond the cap are counted as `other`, but none that is `named`."""

    def __init__(self, metrics: Metrics, features: int, since: datetime, named: Iterable[str] = ()) -> None:
        self._since = since
        self._metrics = metrics
        self._feature = Cap(features, named)
        self._heartbeats: OrderedDict[tuple[str, str, datetime], int] = OrderedDict()
        self._started: set[str] = set()
        self._newest: dict[str, float] = {}
        self._newest_probe: dict[str, float] = {}

    def begin(self, topic: str) -> None:
        """A partition of this topic is ours: its counts begin at 0, so that a first burst is an increase."""
        self._metrics.records.labels(topic)
        for reason in get_args(RejectReason):
            self._metrics.dead_letters.labels(topic, reason)

    def add(self, topic: str, tally: Tally) -> None:
        """Count what one batch held."""
        m = self._metrics
        m.records.labels(topic).inc(tally.records)
        m.duplicates.labels(topic).inc(tally.duplicates)
        m.offsets_skipped.labels(topic).inc(tally.skipped)
        for attribute, n in tally.content.items():
            m.otlp_content_dropped.labels(attribute).inc(n)
        for kind, n in tally.not_counted.items():
            m.otlp_not_counted.labels(kind).inc(n)
        m.otlp_unknown_reasons.inc(tally.unknown_reasons)
        for reason, n in tally.rejected.items():
            m.dead_letters.labels(topic, reason).inc(n)
        for dimension, n in tally.folded.items():
            m.slices_capped.labels(dimension).inc(n)
        for feature, n in tally.late.items():
            m.late_events.labels(self._feature(feature)).inc(n)
        self._add_events(tally)
        for heartbeat in tally.heartbeats:
            self._add_heartbeat(heartbeat)

    def _add_events(self, tally: Tally) -> None:
        masks: Counter[tuple[str, int]] = Counter()
        for (feature, mask), n in tally.masks.items():
            if mask & Bit.SYNTHETIC:
                self._add_probes(feature, mask, n)
            else:
                masks[self._known(feature), mask] += n
        self._metrics.kpis.add(masks)
        for feature, at in tally.probes.items():
            label = self._probed(feature)
            self._newest_probe[label] = max(self._newest_probe.get(label, 0.0), at)
            self._metrics.last_probe.labels(label).set(self._newest_probe[label])

    def _known(self, feature: str) -> str:
        """The feature's label; its series begin at 0, so that a first event is an increase."""
        label = self._feature(feature)
        if label not in self._started:
            self._started.add(label)
            self._metrics.kpis.begin(label)
            self._metrics.interactions_expected.labels(label)
            self._metrics.late_events.labels(label)
        return label

    def _add_probes(self, feature: str, mask: int, n: int) -> None:
        """Count synthetic interactions apart. A feature that is only probed has a tier, and no traffic."""
        if not is_probe(mask):
            return  # a later verdict on one
        label = self._probed(feature)
        for outcome in PROBE_OUTCOMES:  # all three begin at once, so that shares of them are right
            self._metrics.probes.labels(label, outcome)
        self._metrics.probes.labels(label, probe_outcome(mask)).inc(n)

    def _probed(self, feature: str) -> str:
        """The label of a feature that is probed. Vigil's own is never `other`: an alert asks for it by name."""
        return PROBE_FEATURE if feature == PROBE_FEATURE else self._known(feature)

    def _add_heartbeat(self, heartbeat: Heartbeat) -> None:
        """The emitter's count less its last one; an emitter first heard of late in its life only sets the mark."""
        feature = self._known(heartbeat.feature)
        key = (heartbeat.emitter, heartbeat.feature, heartbeat.started_at)
        before = self._heartbeats.get(key)
        if before is None:
            young = heartbeat.ts - heartbeat.started_at <= FIRST_HEARTBEAT_WITHIN
            before = 0 if young and heartbeat.started_at >= self._since else heartbeat.interactions
        self._metrics.interactions_expected.labels(feature).inc(max(heartbeat.interactions - before, 0))
        self._heartbeats[key] = max(heartbeat.interactions, before)
        self._heartbeats.move_to_end(key)
        if len(self._heartbeats) > _EMITTERS:
            self._heartbeats.popitem(last=False)
        self._newest[feature] = max(self._newest.get(feature, 0.0), heartbeat.ts.timestamp())
        self._metrics.last_heartbeat.labels(feature).set(self._newest[feature])

    def reassigned(self, now: datetime) -> None:
        """Partitions changed hands: heartbeats only set marks again, and the gauges of partitions begin anew.

        Otherwise an emitter that went to another worker and came back would be counted by both, and a
        partition that went away would show its last lag for ever.
        """
        self._since = now
        self._heartbeats.clear()
        self._metrics.lag.clear()
        self._metrics.watermark.clear()

    def stored(self, seconds: float, now: datetime) -> None:
        """The store took a flush."""
        self._metrics.insert_seconds.observe(seconds)
        self._metrics.last_insert.set(now.timestamp())

    def refused(self) -> None:
        """The store did not take a write."""
        self._metrics.insert_failures.inc()

    def lag(self, topic: str, partition: int, records: int) -> None:
        """How far behind Kafka's end a partition was at the last fetch."""
        self._metrics.lag.labels(topic, str(partition)).set(max(records, 0))

    def watermark(self, topic: str, partition: int, unix_seconds: float) -> None:
        """How far a partition is complete."""
        self._metrics.watermark.labels(topic, str(partition)).set(unix_seconds)
