"""Runs the scorer beside the ingest: once a second over what closed, into the store and the gauges."""

import logging
from collections.abc import Iterable

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from monitor.clock import Clock
from monitor.errors import StoreUnavailableError
from monitor.metrics import Cap, Metrics
from monitor.scoring import Findings, Scorer, owner
from monitor.settings import Settings
from monitor.store.findings import insert_incidents, insert_scores, read_incident_states, read_scored_until
from monitor.store.windows import audit_errors, read_watermarks
from monitor.windows import closed_until
from schemas.finding import Incident
from schemas.topics import TELEMETRY_TOPIC

log = logging.getLogger("vigil.scoring")


class Scorekeeper:
    """One worker's share of the scoring: the features that hash to the partitions it owns."""

    def __init__(self, settings: Settings, client: Client, metrics: Metrics, clock: Clock) -> None:
        self._settings = settings
        self._client = client
        self._metrics = metrics
        self._clock = clock
        self._feature = Cap(settings.features)
        self._owned: frozenset[int] = frozenset()
        self._partitions = 0
        self._scorer: Scorer | None = None

    def own(self, owned: Iterable[int], partitions: int) -> None:
        """Which partitions of the telemetry topic are ours, of how many. A change begins anew from the store."""
        mine = frozenset(owned)
        if (mine, partitions) != (self._owned, self._partitions):
            self._owned, self._partitions, self._scorer = mine, partitions, None

    def tick(self) -> None:
        """Score what closed since the last time. Blocking; raises StoreUnavailableError."""
        if not self._owned:
            return
        try:
            self._advance()
        except (ClickHouseError, OSError) as error:
            self._scorer = None  # what it found may not be stored: the next one reads the store and tells it again
            raise StoreUnavailableError("the store does not answer the scorer") from error

    def _advance(self) -> None:
        marks = read_watermarks(self._client, TELEMETRY_TOPIC.name)
        if len(marks) < self._partitions:
            return  # some partition has no claim yet, so nobody knows whether a window is complete
        end = closed_until(marks.values())
        history = self._settings.history_hours * 3600
        if self._scorer is None or end - self._scorer.until > history:
            self._scorer = self._warm(end - history, end)
        found = self._scorer.advance(self._client, end)
        insert_scores(self._client, found.scores)
        self._tell(found, self._scorer)
        self._metrics.scored_until.set(self._scorer.until)

    def audit(self) -> None:
        """Check the claimed offsets for gaps and overlaps. Blocking; raises StoreUnavailableError."""
        try:
            self._metrics.offset_audit_errors.set(audit_errors(self._client))
        except (ClickHouseError, OSError) as error:
            raise StoreUnavailableError("the store does not answer the audit") from error

    def _warm(self, start: int, end: int) -> Scorer:
        """A scorer that has seen the stored past, up to the last window somebody scored, or else to `end`.

        Incidents of a time when nobody watched are told now.
        """
        scored = read_scored_until(self._client)
        end = min(scored, end) if scored > start else end
        for gauge in (self._metrics.incident_open, self._metrics.anomaly_score, self._metrics.coverage):
            gauge.clear()  # a series that went to another worker must not go on paging from here
        scorer = Scorer(self._settings.budget_windows, start, self._owns)
        found = scorer.advance(self._client, end)
        latest = {incident.incident_id: incident for incident in found.incidents}
        known = read_incident_states(self._client)
        news = [found for found in latest.values() if _is_news(found, known.get(found.incident_id))]
        insert_incidents(self._client, news)
        for incident in scorer.incidents.open.values():
            self._gauge(incident)
        log.info("scoring %d features, warm from %d windows", len(scorer.series.features), (end - start) // 10)
        return scorer

    def _owns(self, feature: str) -> bool:
        return owner(feature, self._partitions) in self._owned

    def _tell(self, found: Findings, scorer: Scorer) -> None:
        insert_incidents(self._client, found.incidents)
        for incident in found.incidents:
            self._gauge(incident)
        m = self._metrics
        m.anomaly_threshold.set(scorer.bank.threshold)
        for score in found.scores:
            if score.detector != scorer.bank.detector.name:
                continue  # a second opinion is for the store
            label = self._feature(score.feature)
            m.anomaly_score.labels(label, score.kpi).set(score.log_e)
            m.coverage.labels(label, score.kpi).set(score.coverage)

    def _gauge(self, incident: Incident) -> None:
        labels = (self._feature(incident.feature), incident.kpi, incident.direction)
        self._metrics.incident_open.labels(*labels).set(0 if incident.state == "resolved" else 1)


def _is_news(incident: Incident, stored: str | None) -> bool:
    """Whether the store lacks it; what a person has set (acknowledged, mitigated) is left alone."""
    return stored is None or (stored == "open" and incident.state == "resolved")
