"""Runs the scorer beside the ingest: once a second over what closed, into the store and the gauges."""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from monitor.clock import Clock, monotonic
from monitor.errors import StoreUnavailableError
from monitor.findings import Findings
from monitor.learner import Library
from monitor.metrics import Cap, Metrics
from monitor.scoring import Scorer, learner, opinions, owner
from monitor.settings import Settings
from monitor.store.findings import insert_incidents, insert_scores, read_open_incidents, read_scored_until
from monitor.store.windows import audit_errors, read_watermarks
from monitor.windows import closed_until
from schemas.finding import Incident, Score
from schemas.topics import TELEMETRY_TOPIC

_ALIVE = timedelta(minutes=1)
"""A partition without a claim for this long has no owner; a live one claims every window, even when idle."""
_AUDITED = timedelta(days=1)
_PATIENCE = 60.0
"""Seconds that scoring waits for baselines when it begins; the rest is learned while it runs."""
_Labels = tuple[str, str, str]
"""Feature, or what stands for it; KPI; direction."""
log = logging.getLogger("vigil.scoring")


class _StoppedError(Exception):
    """The process ends; what was not scored is scored by the next one."""


class Scorekeeper:
    """One worker's share of the scoring: the features that hash to the partitions it owns.

    `connect` opens a client for the thread that learns.
    """

    def __init__(
        self, settings: Settings, client: Client, metrics: Metrics, clock: Clock, connect: Callable[[], Client]
    ) -> None:
        self._settings = settings
        self._client = client
        self._metrics = metrics
        self._clock = clock
        self._connect = connect
        self._library: Library | None = None
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
            self._scorer = self._take_up(end, history)
        scorer = self._scorer
        while True:
            self._tell(scorer)
            if scorer.until >= end:
                return
            self._go_on()
            self._unsent.add(scorer.advance(self._client, end))

    def _take_up(self, end: int, history: int) -> Scorer:
        """A scorer that goes on where somebody stopped, or else begins at `end`, knowing the stored past.

        Incidents that began or ended while nobody watched are told then.
        """
        scored, settings = read_scored_until(self._client), self._settings
        until = min(scored, end) if scored > end - history else end
        by = learner(settings.budget_windows)
        if self._library is None:
            self._library = Library(by, self._connect)
        others = opinions(settings.opinions, by.budget)
        scorer = Scorer(by, self._library, until, settings.scored_features, self._owns, others)
        began = monotonic()
        self._unsent = scorer.take_up(self._client, read_open_incidents(self._client), _PATIENCE)
        self._clear()  # only now: a page must not end because the store is slow to answer
        for incident in scorer.incidents.open.values():
            self._gauge(incident)
        known, seconds = len(scorer.calendar.learned), monotonic() - began
        log.info("scoring %d features, %d with a baseline, after %.1f s", len(scorer.series.features), known, seconds)
        return scorer

    def stop(self) -> None:
        """Make a tick that runs in another thread end soon; what it catches up with can take minutes. For good."""
        self._stop.set()
        if self._library is not None:
            self._library.close()

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
        first = [score for score in found.scores if score.detector == scorer.by.detector]
        for labels, shown in _shown(first, self._feature).items():  # a second opinion is for the store
            m.anomaly_score.labels(*labels).set(shown.log_e)
            m.anomaly_threshold.labels(*labels).set(shown.threshold)
            m.coverage.labels(*labels).set(shown.coverage)
        m.features_not_scored.set(scorer.not_scored)
        m.scored_until.set(scorer.until)

    def _clear(self) -> None:
        """Forget what the gauges say: a series that went to another worker must not go on paging from here."""
        m = self._metrics
        for gauge in (m.incident_open, m.anomaly_score, m.anomaly_threshold, m.coverage):
            gauge.clear()
        self._open.clear()

    def _gauge(self, incident: Incident) -> None:
        labels = (self._feature(incident.feature), incident.kpi, incident.direction)
        still = self._open[labels]  # several, where features beyond the cap share a label
        (still.discard if incident.state == "resolved" else still.add)(incident.incident_id)
        self._metrics.incident_open.labels(*labels).set(1 if still else 0)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the gauges say of a series."""

    at: datetime
    log_e: float
    threshold: float
    coverage: float

    @property
    def bad(self) -> float:
        return self.log_e - self.threshold


def _shown(scores: Iterable[Score], label: Callable[[str], str]) -> dict[tuple[str, str], _Shown]:
    """By (feature's label, KPI), the last of these windows; where features share a label, the worst of them."""
    newest: dict[tuple[str, str], _Shown] = {}
    for score in scores:
        key = (label(score.feature), score.kpi)
        told, held = _Shown(score.window_start, score.log_e, score.threshold, score.coverage), newest.get(key)
        if held is None or told.at > held.at:
            newest[key] = told
        elif told.at == held.at:
            coverage = min(told.coverage, held.coverage)
            newest[key] = replace(told if told.bad > held.bad else held, coverage=coverage)
    return newest
