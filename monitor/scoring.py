"""Closed windows to findings.

What a scorer knows is a function of the stored windows: when it starts, and whenever partitions change hands, it
takes up each feature where a scorer that never stopped would be.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from clickhouse_connect.driver.client import Client

from detectors.bank import Bank
from detectors.base import Bools, Floats, Window
from detectors.mixture import StateSpaceDetector
from detectors.river_opinions import Opinion, opinion
from detectors.schedule import HISTORY, REPLAYED
from monitor.admission import Admission
from monitor.calendar import Calendar
from monitor.columns import SCORED, Expected, Layout, MaskCounts, Series, tables, windows
from monitor.errors import UserError
from monitor.findings import Findings, scores_of
from monitor.incidents import Incidents
from monitor.learner import Asked, Baselines, Library
from monitor.pool_windows import Marks
from monitor.sources import Features, Look, Source
from monitor.store.changes import HEARD_WITHIN, read_new_baselines
from monitor.terms import Terms
from monitor.windows import WINDOW_SECONDS, window_start
from schemas.finding import Incident

Counted = tuple[Window, Floats, Floats]
"""A window, and evaluated and bad by stratum, shape (strata, series)."""
_BLOCK = 360
_CELLS = 1_000_000
"""Windows times series that are laid out at once; bounds memory where there are many features."""
_AT_ONCE = 16
"""Features whose last days are read together."""


def opinions(paths: str, budget: float) -> list[Opinion]:
    """River's detectors by their paths, with commas between; `budget` is in windows per false opinion of one.

    Raises UserError for one that cannot be used.
    """
    try:
        return [opinion(path.strip(), len(SCORED), budget) for path in paths.split(",") if path.strip()]
    except ValueError as error:
        raise UserError(f"VIGIL_OPINIONS: {error}") from error


@dataclass(slots=True)
class Scorer:
    """Scores the features that `owns` says are ours, from window `until` on (Unix seconds).

    It scores at most `limit` of them; `not_scored` says how many more there were in the last windows. `source` says
    whether they are features or pools of them; `left_out` is how many features the latter had no place for.
    """

    by: Terms
    library: Library
    until: int
    limit: int
    owns: Callable[[str], bool] = lambda feature: True
    others: Sequence[Opinion] = ()
    source: Source = field(default_factory=Features)
    not_scored: int = 0
    left_out: int = 0
    series: Series = field(default_factory=Series)
    admission: Admission = field(init=False)
    bank: Bank = field(init=False)
    incidents: Incidents = field(init=False)
    calendar: Calendar = field(default_factory=Calendar)
    _strata: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Those whose rates are known, of each feature that has any."""
    _marks: Marks = ()
    _unsaid: Findings = field(default_factory=Findings)

    def __post_init__(self) -> None:
        self.admission = Admission(self.limit)
        self.bank = Bank(StateSpaceDetector(seconds=WINDOW_SECONDS), self.others)
        self.incidents = Incidents(self.by)

    def take_up(self, client: Client, still_open: Sequence[Incident], patience: float) -> Findings:
        """Begin with the features of the last week, as if it had scored them all the time. Blocking.

        `still_open` are the incidents that the store holds for open; returned are those that began or ended while
        nobody watched. Baselines that must be learned first are waited for at most `patience` seconds; their
        features are scored as soon as they are known.
        """
        ours = [one for one in self.source.lively(client, self.until - HISTORY, self.until) if self.owns(one.feature)]
        self.calendar.first = {one.feature: one.first for one in ours}
        mine = [one for one in still_open if self.owns(one.feature)]
        self.series.add(sorted({one.feature for one in mine}))  # first of all: a flood of names must not end a page
        seen = [(at, one.feature, one.events) for one in ours for at in (one.first, one.last)]
        self.admission.admit(self.series, seen)
        self._grow()
        self.incidents.hold(mine, self.series)
        self._begin_anew(client, self.until)
        self._adopt(client, self.calendar.due(self.until), patience)
        found, self._unsaid = self._unsaid, Findings()
        return found

    def advance(self, client: Client, end: int) -> Findings:
        """Score the next windows before `end`, at most an hour of them. Blocking.

        When the store does not answer nothing is lost, and it may be called again.
        """
        stop = min(self.until + _BLOCK * WINDOW_SECONDS, end)
        marks = self._begin_anew(client, stop)
        self._adopt(client, self.calendar.due(self.until), 0.0)
        stop = min([stop, *marks, *self.calendar.changes(self.until)])
        counts = self.source.counts(client, self.until, stop)
        found = self._unsaid
        for counted in self._windows(counts, client, self.until, stop):
            self._step(counted, found)
        self.until, self._unsaid = stop, Findings()
        for feature, at in self.calendar.reached(stop).items():
            self.library.order(self.by, feature, Asked(at, self.calendar.first[feature]))
        return found

    def baselines(self) -> dict[str, Asked]:
        """By which each feature is scored."""
        return {name: Asked(at, self.calendar.first[name]) for name, at in self.calendar.learned.items()}

    def _grow(self) -> None:
        self.bank.grow(len(self.series))
        for feature in self.series.features:
            self.calendar.watch(feature, self.until)

    def _begin_anew(self, client: Client, end: int) -> list[int]:
        """Forget what was normal before a change that says so. Returns when those before `end` take effect."""
        coming = []
        self._marks = read_new_baselines(client, self.until - HISTORY, end)
        for feature, at in self._marks:
            effect = window_start(at + HEARD_WITHIN)
            if effect > self.until:
                coming.append(effect)
                continue
            for name in self.series.features if feature == "" else [feature]:
                if name in self.series and self.calendar.begin_anew(name, window_start(at), self.until):
                    rows = self.series.rows(name)
                    self.bank.cool(rows)
                    self._unsaid.incidents += self.incidents.reconcile(self.until, rows, self.bank, self.series)
        return coming

    def _adopt(self, client: Client, wanted: dict[str, int], patience: float) -> None:
        """Score these features by the baselines learned at these moments, where those are known."""
        asked = {name: Asked(at, self.calendar.first[name]) for name, at in wanted.items()}
        known = self.library.get(client, self.by, asked, patience) if asked else {}
        names = sorted(known)
        for begin in range(0, len(names), _AT_ONCE):
            self._live_through(client, {name: known[name] for name in names[begin : begin + _AT_ONCE]}, asked)
        for name in names:
            self.calendar.adopted(name, wanted[name], self.until)
            rows = self.series.rows(name)
            self._unsaid.incidents += self.incidents.reconcile(self.until, rows, self.bank, self.series)

    def _live_through(self, client: Client, known: dict[str, Baselines], asked: dict[str, Asked]) -> None:
        """Take features to where their windows have brought them, from REPLAYED before they learned on."""
        looks = {}
        for name, baselines in known.items():
            begin = max(asked[name].at - REPLAYED, asked[name].first)
            references = (one.strata for one in baselines.values())
            self._strata[name] = next((one.names for one in references if one is not None), ())
            looks[name] = Look(self.calendar.first[name], begin, asked[name].at, self._strata[name])
        for name, columns in self.source.columns(client, looks, self.until, self.by.floor):
            mine = columns.between(looks[name].begin, self.until)
            for place, (row, kpi) in enumerate(zip(self.series.rows(name), SCORED, strict=True)):
                self.bank.adopt(row, known[name][kpi], mine.rows(place))

    @staticmethod
    def _which(counts: MaskCounts, wanted: Callable[[str], bool]) -> Bools:
        """The rows of features for which this holds."""
        names, which = np.unique(counts.feature, return_inverse=True)
        held: Bools = np.array([wanted(name) for name in names.tolist()], dtype=np.bool_)[which]
        return held

    def _windows(self, counts: MaskCounts, client: Client, start: int, stop: int) -> Iterator[Counted]:
        judged = self.source.expected(client, start, stop)
        expected = {key: value for key, value in judged.items() if self.owns(key[1])}
        mine = counts.only(self._which(counts, self.owns))
        for window, feature in zip(mine.window_start.tolist(), mine.feature.tolist(), strict=True):
            self.calendar.first.setdefault(feature, window)
        new = self.source.beginners(mine)
        seen = list(zip(new.window_start.tolist(), new.feature.tolist(), new.n.tolist(), strict=True))
        seen += [(window, feature, wanted) for (window, feature), (wanted, _) in expected.items()]
        self.not_scored = self.admission.admit(self.series, seen)
        self._grow()
        scored = mine.only(self._which(mine, self.series.__contains__))
        kept, self.left_out = self.source.kept(scored, self._strata, self.calendar.learned, self._marks)
        wanted = {key: value for key, value in expected.items() if key[1] in self.series}
        return self._laid_out(kept, wanted, start, stop)

    def _laid_out(self, counts: MaskCounts, expected: Expected, start: int, stop: int) -> Iterator[Counted]:
        """The windows, a part of them at a time."""
        strata = 1 + max(map(len, self._strata.values()), default=0)
        step = max(_CELLS // max(len(self.series) * strata, 1), 1) * WINDOW_SECONDS
        layout = Layout(self.series, self.calendar.first, self._strata, self.by.floor, self.source.rates_only)
        for first in range(start, stop, step):
            last = min(first + step, stop)
            part = counts.only((counts.window_start >= first) & (counts.window_start < last))
            inside = {key: value for key, value in expected.items() if first <= key[0] < last}
            yield from windows(tables(part, inside, first, last, layout))

    def _step(self, counted: Counted, found: Findings) -> None:
        window, verdict = self.bank.step(*counted)
        found.incidents += self.incidents.step(verdict, self.bank, self.series)
        found.scores += scores_of(verdict, window, self.bank, self.series, self.by)


def owner(feature: str, partitions: int) -> int:
    """The partition whose owner scores this feature: a hash that is the same everywhere and always."""
    return zlib.crc32(feature.encode()) % max(partitions, 1)
