"""Runs the scorer beside the ingest: once a second over what closed, into the store and the gauges."""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from monitor.clock import Clock
from monitor.errors import StoreUnavailableError
from monitor.metrics import Cap, Metrics
from monitor.scoring import Findings, Scorer, owner
from monitor.settings import Settings
from monitor.store.findings import StoredIncident, insert_incidents, insert_scores, read_incidents, read_scored_until
from monitor.store.windows import audit_errors, read_watermarks
from monitor.windows import WINDOW_SECONDS, closed_until
from schemas.finding import Incident, Score
from schemas.topics import TELEMETRY_TOPIC

_ALIVE = timedelta(minutes=1)
"""A partition without a claim for this long has no owner; a live one claims every window, even when idle."""
_AUDITED = timedelta(days=1)
_LONGEST = 7 * 24 * 3600
"""How far back a scorer looks for the beginning of incidents that are still open."""
_Labels = tuple[str, str, str]
"""Feature, or what stands for it; KPI; direction."""
log = logging.getLogger("vigil.scoring")


class _StoppedError(Exception):
    """The process ends; what was not scored is scored by the next one."""


class Scorekeeper:
    """One worker's share of the scoring: the features that hash to the partitions it owns."""

    def __init__(self, settings: Settings, client: Client, metrics: Metrics, clock: Clock) -> None:
        self._settings = settings
        self._client = client
        self._metrics = metrics
        self._clock = clock
        self._feature = Cap(settings.features)
        self._open: defaultdict[_Labels, set[str]] = defaultdict(set)
        self._owned: frozenset[int] = frozenset()
        self._topics: dict[str, int] = {}
        self._scorer: Scorer | None = None
        self._unsent = Findings()
        self._stop = threading.Event()

    def own(self, owned: Iterable[int], partitions: Mapping[str, int]) -> None:
        """Which partitions of the telemetry topic are ours, and how many each counted topic has.

        A change begins anew from the store.
        """
        mine = frozenset(owned)
        if (mine, partitions) == (self._owned, self._topics):
            return
        self._owned, self._topics, self._scorer = mine, dict(partitions), None
        if not mine:
            self._clear()

    def tick(self) -> None:
        """Score what closed since the last time. Blocking; raises StoreUnavailableError, and may then be repeated."""
        if not self._owned:
            return
        try:
            self._advance()
        except _StoppedError:
            return
        except (ClickHouseError, OSError) as error:
            raise StoreUnavailableError("the store does not answer the scorer") from error

    def _advance(self) -> None:
        now = self._clock()
        marks = read_watermarks(self._client, list(self._topics), now - _ALIVE)
        if len(marks) < sum(self._topics.values()):
            return  # nobody speaks for some partition, so nobody knows whether a window is complete
        end = closed_until(marks.values())
        history = self._settings.history_hours * 3600
        if self._scorer is None or end - self._scorer.until > history:
            self._scorer = self._warm(end - history, end)
        scorer = self._scorer
        while True:
            self._tell(scorer)
            if scorer.until >= end:
                return
            self._go_on()
            self._unsent.add(scorer.advance(self._client, end))

    def _warm(self, start: int, end: int) -> Scorer:
        """A scorer that has seen the stored past, up to the last window somebody scored, or else to `end`.

        It starts early enough to find the open incidents again. Those of a time when nobody watched are
        told now.
        """
        known = read_incidents(self._client)
        since = min((row.onset for row in known.values() if row.state != "resolved"), default=end)
        start = max(min(start, since - (end - start)), end - _LONGEST)
        scored = read_scored_until(self._client)
        end = min(scored, end) if scored > start else end
        settings, found = self._settings, Findings()
        scorer = Scorer(settings.budget_windows, start, settings.scored_features, self._owns)
        still = {row.feature for row in known.values() if row.state != "resolved" and self._owns(row.feature)}
        scorer.series.add(sorted(still))  # first of all: a flood of names must not end a page
        while scorer.until < end:
            self._go_on()
            found.add(scorer.advance(self._client, end))
        latest = {incident.incident_id: incident for incident in found.incidents}
        news = [one for one in latest.values() if _is_news(one, known.get(one.incident_id))]
        self._unsent = Findings(incidents=news)
        self._clear()  # only now: a page must not end because the store is slow to answer
        for incident in scorer.incidents.open.values():
            self._gauge(incident)
        windows = (end - start) // WINDOW_SECONDS
        log.info("scoring %d features, warm from %d windows", len(scorer.series.features), windows)
        return scorer

    def stop(self) -> None:
        """Make a tick that runs in another thread end soon; a warm-up can take minutes. For good."""
        self._stop.set()

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise _StoppedError

    def audit(self) -> None:
        """Check the claimed offsets for gaps and overlaps. Blocking; raises StoreUnavailableError."""
        try:
            self._metrics.offset_audit_errors.set(audit_errors(self._client, self._clock() - _AUDITED))
        except (ClickHouseError, OSError) as error:
            raise StoreUnavailableError("the store does not answer the audit") from error

    def _owns(self, feature: str) -> bool:
        return owner(feature, self._topics[TELEMETRY_TOPIC.name]) in self._owned

    def _tell(self, scorer: Scorer) -> None:
        """Store what was found, then show it. What the store did not take is told again the next time."""
        found = self._unsent
        insert_incidents(self._client, found.incidents)
        insert_scores(self._client, found.scores)
        self._unsent = Findings()
        for incident in found.incidents:
            self._gauge(incident)
        m = self._metrics
        m.anomaly_threshold.set(scorer.bank.threshold)
        first = [score for score in found.scores if score.detector == scorer.bank.detector.name]
        for labels, (log_e, coverage) in _shown(first, self._feature).items():  # a second opinion is for the store
            m.anomaly_score.labels(*labels).set(log_e)
            m.coverage.labels(*labels).set(coverage)
        m.features_not_scored.set(scorer.not_scored)
        m.scored_until.set(scorer.until)

    def _clear(self) -> None:
        """Forget what the gauges say: a series that went to another worker must not go on paging from here."""
        for gauge in (self._metrics.incident_open, self._metrics.anomaly_score, self._metrics.coverage):
            gauge.clear()
        self._open.clear()

    def _gauge(self, incident: Incident) -> None:
        labels = (self._feature(incident.feature), incident.kpi, incident.direction)
        still = self._open[labels]  # several, where features beyond the cap share a label
        (still.discard if incident.state == "resolved" else still.add)(incident.incident_id)
        self._metrics.incident_open.labels(*labels).set(1 if still else 0)


def _is_news(incident: Incident, stored: StoredIncident | None) -> bool:
    """Whether the store lacks it. What a person has set (acknowledged, mitigated) is left alone until it ends."""
    return stored is None or (stored.state != "resolved" and incident.state == "resolved")


def _shown(scores: Iterable[Score], label: Callable[[str], str]) -> dict[tuple[str, str], tuple[float, float]]:
    """(feature's label, KPI) to (log_e, coverage) in the last of these windows; where features share one, the worst."""
    newest: dict[tuple[str, str], tuple[datetime, float, float]] = {}
    for score in scores:
        key, at = (label(score.feature), score.kpi), score.window_start
        held = newest.get(key)
        if held is None or at > held[0]:
            newest[key] = at, score.log_e, score.coverage
        elif at == held[0]:
            newest[key] = at, max(held[1], score.log_e), min(held[2], score.coverage)
    return {key: (log_e, coverage) for key, (_, log_e, coverage) in newest.items()}
