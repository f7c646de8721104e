"""A history through the detector: the same steps as in a worker, for windows of any length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from detectors.base import Bools, Floats
from detectors.knowledge import adjusted
from detectors.rolling import ByStratum, Columns, Leg, lived, roll
from detectors.schedule import HISTORY, LAG, REPLAYED, learned_at, slot
from monitor.backtest.history import Anew, History, Integers
from monitor.policy import Policy

_TRACE = 1e-9
"""Events that make a window one with events, and are too few to learn from."""


@dataclass(frozen=True, slots=True)
class Watch:
    """KPIs of a history that have one budget, as the detector takes them.

    `columns` has a row for each of `kpis`, which are indices of the history's, and one more that only says where the
    feature has windows, and strata in them: when and of what it learns depends on all of its KPIs. Its times are
    `shift` seconds later than the true ones, so that the moments at which the feature learns are beginnings of
    windows. `budget` is in windows. The times of `anew` are those of the columns.
    """

    feature: str
    kpis: tuple[int, ...]
    columns: Columns
    shift: int
    budget: float
    anew: tuple[Anew, ...] = ()

    def parts(self) -> Iterator[tuple[Columns, int]]:
        """The columns that are normal for one another, and from when on they are scored: where normal is learned
        anew, what is known before that is heard of goes on for so long.
        """
        columns = self.columns
        inside = sorted((self._begin(one.at), self._begin(one.heard)) for one in self.anew)
        edges = [(columns.start, columns.start), *(one for one in inside if columns.start < one[0] < columns.end)]
        for (start, begin), (_, end) in pairwise([*edges, (columns.end, columns.end)]):
            yield columns.between(start, end), begin

    def _begin(self, at: int) -> int:
        """Where the window that holds a time begins."""
        return self.columns.start + self.window(at) * self.columns.seconds

    def window(self, at: int) -> int:
        """The index of the window that holds a time of the columns."""
        return (at - self.columns.start) // self.columns.seconds


def watches(history: History, policy: Policy) -> Iterator[Watch]:
    """The history in one part for each budget. Raises UserError where a budget is shorter than two windows."""
    evaluated, bad = history.known(policy.floors(history.kpis, history.floors))
    shift = (slot(history.feature) - history.start) % history.seconds
    trace = np.where((evaluated > 0.0).any(axis=0), _TRACE, 0.0)[None]
    budgets = np.array([policy.budget_windows(kpi, history.sharing, history.seconds) for kpi in history.kpis])
    for budget in np.unique(budgets).tolist():
        kpis = np.flatnonzero(budgets == budget)
        columns = Columns(
            history.start + shift,
            history.seconds,
            np.concatenate([evaluated[kpis], trace]),
            np.concatenate([bad[kpis], np.zeros_like(trace)]),
            strata=None if history.strata is None else _traced(history.strata, evaluated > 0.0, kpis.tolist()),
            arrivals=_place(kpis, history.arrivals),
            shifts=_place(kpis, history.shifts),
        )
        anew = tuple(Anew(one.at + shift, one.heard + shift) for one in history.anew)
        yield Watch(history.feature, tuple(kpis.tolist()), columns, shift, budget, anew)


def legs(watch: Watch, begin: int) -> Iterator[Leg]:
    """What each of the watch's KPIs went through from a true Unix time on; `leg.series` is an index into `kpis`."""
    for part, heard in watch.parts():
        for leg in roll(watch.feature, part, max(begin + watch.shift, heard), watch.budget):
            if leg.series < len(watch.kpis) and len(leg.run.log_e) > 0:
                yield leg


def state_before(watch: Watch, leg: Leg) -> Floats:
    """What the detector remembered when a leg began, shape (STATE,)."""
    columns, at = _learned_from(watch, leg)
    return lived(leg.known, at, columns.between(columns.start, leg.start), leg.series).state


def counted(watch: Watch, leg: Leg) -> tuple[Floats, Floats, Floats]:
    """Evaluated, bad and mix of a leg's windows as they were held against its baseline, shape (windows,)."""
    end = leg.start + len(leg.run.log_e) * watch.columns.seconds
    evaluated, bad, mix = adjusted(watch.columns.between(leg.start, end).rows(leg.series), leg.known)
    return evaluated, bad, np.ones(len(bad)) if mix is None else mix


@dataclass(frozen=True, slots=True)
class Memory:
    """The windows from index `first` on, as they were held against the baseline, and the rate that it expected.

    Columns of shape (windows,).
    """

    first: int
    evaluated: Floats
    bad: Floats
    expected: Floats


def memory(watch: Watch, seen: Sequence[tuple[int, Leg]], opened: int, end: int) -> Memory:
    """What a worker knew of the windows before `end` when an incident opened with window `opened`.

    When it takes another baseline it looks anew at what came before, from a day before that was learned.
    """
    leg = next(leg for first, leg in reversed(seen) if first <= opened)
    columns, at = _learned_from(watch, leg)
    until = watch.columns.start + end * columns.seconds
    rows = columns.between(at - REPLAYED, until).rows(leg.series)
    evaluated, bad, _ = adjusted(rows, leg.known)
    expected = lived(leg.known, at, columns.between(columns.start, until), leg.series).expected
    return Memory(watch.window(rows.start), evaluated, bad, expected)


def only(watch: Watch, place: int) -> Watch:
    """The same with one of its KPIs alone."""
    columns, rows = watch.columns, [place, len(watch.kpis)]
    strata = columns.strata
    alone = replace(
        columns,
        evaluated=columns.evaluated[rows],
        bad=columns.bad[rows],
        strata=None if strata is None else ByStratum(strata.names, strata.evaluated[rows], strata.bad[rows]),
        arrivals=0 if place == columns.arrivals else None,
        shifts=0 if place == columns.shifts else None,
    )
    return replace(watch, kpis=(watch.kpis[place],), columns=alone)


def _place(kpis: Integers, kpi: int | None) -> int | None:
    """Where a KPI is among some of them."""
    found = np.flatnonzero(kpis == kpi)
    return int(found[0]) if len(found) else None


def _learned_from(watch: Watch, leg: Leg) -> tuple[Columns, int]:
    """The columns that a leg's baseline may know, and the time at which it was learned."""
    columns = [part for part, heard in watch.parts() if heard <= leg.start][-1]
    first = columns.between(leg.start - LAG - HISTORY, columns.end).first()
    at = learned_at(watch.feature, first, leg.start)
    if at is None:  # then there would be no leg
        raise ValueError(f"no baseline is in force at {leg.start}")
    return columns, at


def _traced(strata: ByStratum, known: Bools, kpis: Sequence[int]) -> ByStratum:
    """The strata of some KPIs, and the row that only says where there are any, of whatever KPI; `known`, of shape
    (kpis, windows), says which windows are.
    """
    shape = (len(kpis) + 1, *strata.evaluated.shape[1:])
    evaluated, bad = np.zeros(shape), np.zeros(shape)
    for row, kpi in enumerate(kpis):
        evaluated[row], bad[row] = strata.evaluated[kpi], strata.bad[kpi]
    for by_stratum, windows in zip(strata.evaluated, known, strict=True):
        evaluated[-1][(by_stratum > 0.0) & windows] = _TRACE
    return ByStratum(strata.names, evaluated, bad)
