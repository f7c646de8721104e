"""Closed windows to findings: the same code live, in a backtest and in a replay.

What it knows is a function of the stored windows: at its start, and whenever partitions change hands,
it reads the last hours from the store and goes on from there.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from clickhouse_connect.driver.client import Client

from detectors.bank import Bank, Opinion
from detectors.base import Window
from detectors.trailing import TrailingEDetector
from monitor.admission import Admission
from monitor.columns import SCORED, Expected, MaskCounts, Series, columns
from monitor.incidents import Incidents, Versions
from monitor.store.expected import read_expected
from monitor.store.windows import read_mask_counts
from monitor.windows import WINDOW_SECONDS
from schemas.finding import Incident, Score, State

POLICY_VERSION = "builtin-1"
MARGIN = 1.2
"""Nats above the theoretical threshold, for the noise a trailing baseline does not model."""
_BLOCK = 360
_CELLS = 1_000_000
"""Windows times series that are laid out at once; bounds memory where there are many features."""


def threshold(budget_windows: int) -> float:
    """log_e at which a series alarms, so that a feature, over all its KPIs, keeps the budget."""
    return float(np.log(budget_windows * len(SCORED))) + MARGIN


@dataclass(slots=True)
class Findings:
    """What a run over some windows found."""

    scores: list[Score] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)

    def add(self, more: "Findings") -> None:
        """Append what a later run found."""
        self.scores += more.scores
        self.incidents += more.incidents


@dataclass(slots=True)
class Scorer:
    """Scores the features that `owns` says are ours, from window `until` on (Unix seconds).

    It scores at most `limit` of them; `not_scored` says how many more there were in the last windows.
    """

    budget_windows: int
    until: int
    limit: int
    owns: Callable[[str], bool] = lambda feature: True
    not_scored: int = 0
    series: Series = field(default_factory=Series)
    admission: Admission = field(init=False)
    bank: Bank = field(init=False)
    incidents: Incidents = field(init=False)

    def __post_init__(self) -> None:
        self.admission = Admission(self.limit)
        detector = TrailingEDetector()
        self.bank = Bank(detector, threshold(self.budget_windows), WINDOW_SECONDS)
        self.incidents = Incidents(Versions(detector.name, POLICY_VERSION))

    def advance(self, client: Client, end: int) -> Findings:
        """Score the next windows before `end`, at most an hour of them. Blocking.

        When the store does not answer nothing has changed, and it may be called again.
        """
        found = Findings()
        stop = min(self.until + _BLOCK * WINDOW_SECONDS, end)
        counts = read_mask_counts(client, self.until, stop)
        for window in self._columns(counts, client, self.until, stop):
            self._step(window, found)
        self.until = stop
        return found

    def _columns(self, counts: MaskCounts, client: Client, start: int, stop: int) -> Iterator[Window]:
        expected = {key: value for key, value in read_expected(client, start, stop).items() if self.owns(key[1])}
        mine = counts.only(np.array([self.owns(name) for name in counts.feature], dtype=np.bool_))
        seen = list(zip(mine.window_start.tolist(), mine.feature, mine.n.tolist(), strict=True))
        seen += [(window, feature, wanted) for (window, feature), (wanted, _) in expected.items()]
        self.not_scored = self.admission.admit(self.series, seen)
        self.bank.grow(len(self.series))
        kept = mine.only(np.array([name in self.series for name in mine.feature], dtype=np.bool_))
        wanted = {key: value for key, value in expected.items() if key[1] in self.series}
        return self._laid_out(kept, wanted, start, stop)

    def _laid_out(self, counts: MaskCounts, expected: Expected, start: int, stop: int) -> Iterator[Window]:
        """The windows, a part of them at a time."""
        step = max(_CELLS // max(len(self.series), 1), 1) * WINDOW_SECONDS
        for first in range(start, stop, step):
            last = min(first + step, stop)
            part = counts.only((counts.window_start >= first) & (counts.window_start < last))
            inside = {key: value for key, value in expected.items() if first <= key[0] < last}
            yield from columns(part, inside, first, last, self.series)

    def _step(self, window: Window, found: Findings) -> None:
        opinion = self.bank.step(window)
        found.incidents += self.incidents.step(opinion, window, self.bank, self.series)
        found.scores += self._scores(opinion, window)

    def _scores(self, opinion: Opinion, window: Window) -> list[Score]:
        rows = np.flatnonzero((window.evaluated > 0) | opinion.unknown | opinion.alarm)
        first = [self._score(opinion, window, int(row)) for row in rows]
        told = {"detector": self.bank.second.name, "state": "WARN"}
        second = [
            self._score(opinion, window, int(row)).model_copy(update=told) for row in np.flatnonzero(opinion.second)
        ]
        return first + second

    def _score(self, opinion: Opinion, window: Window, row: int) -> Score:
        scores = opinion.scores
        feature, kpi = self.series.name(row)
        return Score.model_construct(  # our own numbers, thousands a second during a warm-up
            window_start=datetime.fromtimestamp(window.start, UTC),
            feature=feature,
            kpi=kpi,
            detector=self.bank.detector.name,
            policy_version=POLICY_VERSION,
            evaluated=int(window.evaluated[row]),
            bad=int(window.bad[row]),
            expected_rate=float(scores.expected[row]),
            interval_low=float(scores.low[row]),
            interval_high=float(scores.high[row]),
            log_e=float(scores.log_e[row]),
            threshold=self.bank.threshold,
            coverage=float(window.coverage[row]),
            state=_state(opinion, row, self.bank.threshold),
        )


def _state(opinion: Opinion, row: int, alarm_above: float) -> State:
    if opinion.alarm[row]:
        return "ALARM"
    if opinion.unknown[row]:
        return "UNKNOWN"
    if not opinion.scores.warm[row]:
        return "WARMING"
    return "WARN" if opinion.scores.log_e[row] > alarm_above / 2 else "OK"


def owner(feature: str, partitions: int) -> int:
    """The partition whose owner scores this feature: a hash that is the same everywhere and always."""
    return zlib.crc32(feature.encode()) % max(partitions, 1)
