"""Runs the scorer beside the ingest: once a second over what closed, into the store and the gauges."""

import logging
import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from monitor.clock import Clock, monotonic
from monitor.errors import StoreUnavailableError
from monitor.findings import Findings
from monitor.learner import Library
from monitor.metrics import OTHER, Cap, Metrics
from monitor.open_incidents import OpenIncidents
from monitor.policy import SHIPPED_POLICY
from monitor.policy_file import PolicyFile
from monitor.pool_windows import MOST_POOLS
from monitor.scorers import Scorers, ended_without
from monitor.scoring import Scorer, opinions, owner
from monitor.settings import Settings
from monitor.sources import Pools
from monitor.store.answers import read_resolved
from monitor.store.findings import insert_incidents, insert_scores, read_open_incidents, read_scored_until
from monitor.store.windows import audit_errors, read_watermarks
from monitor.succession import Succession
from monitor.terms import Terms
from monitor.windows import closed_until
from schemas.finding import Incident, Score
from schemas.pools import PREFIX, is_pool, pool_of
from schemas.topics import TELEMETRY_TOPIC

_ALIVE = timedelta(minutes=1)
"""A partition without a claim for this long has no owner; a live one claims every window, even when idle."""
_AUDITED = timedelta(days=1)
_PATIENCE = 60.0
"""Seconds that scoring waits for baselines when it begins; the rest is learned while it runs."""
_OTHER_POOLS = PREFIX + OTHER
log = logging.getLogger("vigil.scoring")


class _StoppedError(Exception):
    """The process ends; what was not scored is scored by the next one."""


class Scorekeeper:
    """One worker's share of the scoring: the features and pools whose names hash to the partitions it owns.

    `connect` opens a client for the thread that learns.
    """

    def __init__(
        self, settings: Settings, client: Client, metrics: Metrics, clock: Clock, connect: Callable[[], Client]
    ) -> None:
        self._settings = settings
        self._client = client
        self._metrics = metrics
        self._clock = clock
        self._library = Library(connect)
        self._policy = PolicyFile(settings.policy or SHIPPED_POLICY, metrics, clock)
        self._next: Succession | None = None
        self._feature = Cap(settings.features, self._policy.named)
        self._pool = Cap(MOST_POOLS)
        self._open = OpenIncidents(metrics.incident_open, self._label)
        self._owned: frozenset[int] = frozenset()
        self._topics: dict[str, int] = {}
        self._scorer: Scorers | None = None
        self._score_by(self._policy.terms)
        self._unsent = Findings()
        self._stop = threading.Event()

    @property
    def named(self) -> tuple[str, ...]:
        """Features that the policy named at the start: their metrics are never those of `other`."""
        return self._policy.named

    def own(self, owned: Iterable[int], partitions: Mapping[str, int]) -> None:
        """Which partitions of the telemetry topic are ours, and how many each counted topic has.

        A change begins anew from the store.
        """
        mine = frozenset(owned)
        if (mine, partitions) == (self._owned, self._topics):
            return
        if not mine:
            self._clear()
            self._metrics.scored_until.set(math.nan)  # it has nothing to score, so nothing can be stale
        elif not self._owned:
            self._metrics.scored_until.set(0.0)  # from now on something can
        self._owned, self._topics, self._scorer = mine, dict(partitions), None

    def look_at_policy(self) -> None:
        """Read the policy anew if it has changed; the next tick follows it. Blocking."""
        self._policy.look()

    def tick(self) -> None:
        """Score what closed since the last time. Blocking; raises StoreUnavailableError, and may then be repeated."""
        if not self._owned:
            self._follow_policy()
            return
        try:
            self._advance()
        except _StoppedError:
            return
        except (ClickHouseError, OSError) as error:
            raise StoreUnavailableError("the store does not answer the scorer") from error

    def _advance(self) -> None:
        self._listen()  # before anything that may wait: a page that somebody resolved ends while windows stand still
        self._follow_policy()
        now = self._clock()
        marks = read_watermarks(self._client, list(self._topics), now - _ALIVE)
        if len(marks) < sum(self._topics.values()):
            return  # nobody speaks for some partition, so nobody knows whether a window is complete
        end = closed_until(marks.values())
        history = self._settings.history_hours * 3600
        if self._scorer is None or end - self._scorer.until > history:
            scored = read_scored_until(self._client)  # where somebody stopped
            self._scorer = self._take_up(min(scored, end) if scored > end - history else end)
        scorer = self._scorer
        while True:
            self._tell(scorer)
            if scorer.until >= end:
                return
            self._go_on()
            self._unsent.add(scorer.advance(self._client, end))

    def _take_up(self, until: int) -> Scorers:
        """A scorer that goes on there, Unix seconds, knowing the stored past.

        Incidents that began or ended while nobody watched are told then.
        """
        settings, by = self._settings, self._terms
        others = opinions(settings.opinions, max(by.budgets))
        features = Scorer(by, self._library, until, settings.scored_features, self._owns_feature, others)
        scorer = Scorers(features, self._pools(until) if by.pools else None)
        began = monotonic()
        stored = read_open_incidents(self._client)
        self._unsent = scorer.take_up(self._client, stored, _PATIENCE)
        self._unsent.incidents += ended_without(by.pools, [one for one in stored if self._owns(one.feature)], until)
        still_open = [*scorer.still_open()]
        self._listen(still_open)
        self._clear()  # only now: a page must not end because the store is slow to answer
        for incident in still_open:
            self._open.tell(incident)
        named, known, seconds = len(features.series.features), len(features.calendar.learned), monotonic() - began
        log.info("scoring %d features, %d with a baseline, after %.1f s", named, known, seconds)
        return scorer

    def _pools(self, until: int) -> Scorer:
        by = self._terms
        return Scorer(by, self._library, until, MOST_POOLS, self._owns_pool, source=Pools(by.pools))

    def stop(self) -> None:
        """Make a tick that runs in another thread end soon; what it catches up with can take minutes. For good."""
        self._stop.set()
        self._library.close()

    def _follow_policy(self) -> None:
        """Score by the newest policy, as soon as as much is known by it as by the one before and all that one has found
        is stored.
        """
        coming, scorer = self._policy.terms, self._scorer
        if self._next is not None and self._next.by != coming:
            self._library.forget(self._next.by)
            self._next = None
        if coming == self._terms:
            return
        if scorer is not None:
            self._next = self._next or Succession(self._library, coming, scorer.baselines())
            if self._unsent != Findings() or not self._next.ready(self._client):
                return
        log.info("scoring by policy %s from here on", coming.policy)
        self._library.forget(self._terms)
        self._score_by(coming)
        if scorer is not None:
            self._scorer = self._take_up(scorer.until)

    def _score_by(self, terms: Terms) -> None:
        """Score by these terms; what was scored by others is taken up anew."""
        self._terms, self._scorer, self._next = terms, None, None
        self._metrics.policy_info.clear()
        self._metrics.policy_info.labels(terms.policy).set(1)

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise _StoppedError

    def audit(self) -> None:
        """Check the claimed offsets for gaps and overlaps. Blocking; raises StoreUnavailableError."""
        try:
            self._metrics.offset_audit_errors.set(audit_errors(self._client, self._clock() - _AUDITED))
        except (ClickHouseError, OSError) as error:
            raise StoreUnavailableError("the store does not answer the audit") from error

    def _owns(self, name: str) -> bool:
        return owner(name, self._topics[TELEMETRY_TOPIC.name]) in self._owned

    def _owns_feature(self, name: str) -> bool:
        return not is_pool(name) and self._owns(name)

    def _owns_pool(self, name: str) -> bool:
        return is_pool(name) and pool_of(name)[0] in self._terms.pools and self._owns(name)

    def _label(self, name: str) -> str:
        """A feature's, or a pool's, which are capped each for themselves."""
        if not is_pool(name):
            return self._feature(name)
        label = self._pool(name)
        return _OTHER_POOLS if label == OTHER else label

    def _tell(self, scorer: Scorers) -> None:
        """Store what was found, then show it. What the store did not take is told again the next time."""
        found = self._unsent
        insert_incidents(self._client, found.incidents)
        insert_scores(self._client, found.scores)
        self._listen(found.incidents)  # a restart may find again what people have resolved
        self._unsent = Findings()
        for incident in found.incidents:
            self._open.tell(incident)
        m = self._metrics
        first = [score for score in found.scores if score.detector == self._terms.detector]
        for labels, shown in _shown(first, self._label).items():  # a second opinion is for the store
            m.anomaly_score.labels(*labels).set(shown.log_e)
            m.anomaly_threshold.labels(*labels).set(shown.threshold)
            if not is_pool(labels[0]):  # what is not evaluated is told of the feature
                m.coverage.labels(*labels).set(shown.coverage)
        m.features_not_scored.set(scorer.features.not_scored)
        m.pools_not_scored.set(scorer.pools_not_scored)
        m.pool_members_left_out.set(scorer.members_left_out)
        m.scored_until.set(scorer.until)

    def _listen(self, more: Iterable[Incident] = ()) -> None:
        """Which of the open incidents, and of these, people have resolved."""
        ids = {*self._open.ids, *(incident.incident_id for incident in more)}
        self._open.hush(read_resolved(self._client, ids))

    def _clear(self) -> None:
        """Forget what the gauges say: a series that went to another worker must not go on paging from here."""
        m = self._metrics
        for gauge in (m.anomaly_score, m.anomaly_threshold, m.coverage):
            gauge.clear()
        self._open.clear()


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
