"""What is known of a series at a moment, and how it came about: learned, and then lived through.

Whoever scores by a baseline begins a day before the moment it was learned at, with no evidence. So the state
at any later time depends on the windows and that baseline alone, and not on who watched since when.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from detectors.backtest import Run, run
from detectors.base import Floats
from detectors.baseline import Baseline
from detectors.knowledge import Knowledge, Rows, Strata, adjusted, know
from detectors.schedule import HISTORY, LAG, REPLAYED, learned_at, next_moment


@dataclass(frozen=True, slots=True)
class ByStratum:
    """`evaluated` and `bad` of shape (series, strata, windows), in the alphabetical order of `names`."""

    names: tuple[str, ...]
    evaluated: Floats
    bad: Floats

    def between(self, first: int, last: int) -> "ByStratum":
        """The windows from index `first` to before `last`."""
        return ByStratum(self.names, self.evaluated[:, :, first:last], self.bad[:, :, first:last])


@dataclass(frozen=True, slots=True)
class Columns:
    """Windows of some series of one feature from a Unix time on: `evaluated` and `bad` of shape (series, windows).

    Where a window is unknown it has nothing evaluated. `mix`, of that shape, is by what something outside multiplies
    the odds of a bad event; without it, 1 everywhere. `strata` are the same counts by stratum. `arrivals` is the index
    of the series that counts arrivals, and `shifts` of the one that watches the strata themselves, if there is one.
    """

    start: int
    seconds: int
    evaluated: Floats
    bad: Floats
    mix: Floats | None = None
    strata: ByStratum | None = None
    arrivals: int | None = None
    shifts: int | None = None

    @property
    def end(self) -> int:
        """Unix time after the last window."""
        return self.start + int(self.evaluated.shape[1]) * self.seconds

    def between(self, start: int, end: int) -> "Columns":
        """The windows that start in [start, end)."""
        first, last = (max(at - self.start, 0) // self.seconds for at in (start, end))
        return replace(
            self,
            start=self.start + min(first, self.evaluated.shape[1]) * self.seconds,
            evaluated=self.evaluated[:, first:last],
            bad=self.bad[:, first:last],
            mix=None if self.mix is None else self.mix[:, first:last],
            strata=None if self.strata is None else self.strata.between(first, last),
        )

    def rows(self, series: int) -> Rows:
        """One of the series."""
        strata = None
        if self.strata is not None and series != self.arrivals and self.strata.evaluated[series].any():
            strata = Strata(self.strata.names, self.strata.evaluated[series], self.strata.bad[series])
        mix = None if self.mix is None else self.mix[series]
        counts = self.evaluated[series], self.bad[series]
        return Rows(self.start, self.seconds, *counts, mix, strata, series == self.arrivals, series == self.shifts)

    def first(self) -> int:
        """Where the first window with anything in it starts; `end` if there is none."""
        found = np.flatnonzero((self.evaluated > 0.0).any(axis=0))
        return self.start + int(found[0]) * self.seconds if len(found) else self.end


def learn_all(columns: Columns, at: int, budget: float) -> list[Knowledge]:
    """What is known of each series from the windows within HISTORY before `at`; `budget` in windows per false page."""
    return list(learn_some(columns, at, dict.fromkeys(range(len(columns.evaluated)), budget)).values())


def learn_some(columns: Columns, at: int, budgets: Mapping[int, float]) -> dict[int, Knowledge]:
    """The same of the series that have a budget here; the others say only which windows and strata there are."""
    known = columns.between(at - HISTORY, at)
    known = known.between(known.first(), at)
    known = replace(known, strata=_there(known))
    return {series: know(known.rows(series), budget) for series, budget in budgets.items()}


def _there(columns: Columns) -> ByStratum | None:
    """The strata of which these windows know something: others must leave no bit in what is learned."""
    strata = columns.strata
    if strata is None:
        return None
    here = np.zeros(len(strata.names), dtype=np.bool_)
    for evaluated, by_stratum in zip(columns.evaluated, strata.evaluated, strict=True):
        here |= (by_stratum[:, evaluated > 0.0] > 0.0).any(axis=1)
    if here.all():
        return strata
    names = tuple(name for name, one in zip(strata.names, here, strict=True) if one)
    return ByStratum(names, strata.evaluated[:, here], strata.bad[:, here])


def went_on(rows: Rows, known: Knowledge, state: Floats | None = None) -> Run:
    """What a series went through, from a state on, or from none."""
    evaluated, bad, mix = adjusted(rows, known)
    return run(known.baseline, rows.start, evaluated, bad, state, mix)


def lived(known: Knowledge, at: int, columns: Columns, series: int) -> Run:
    """What a series went through from REPLAYED before the moment its baseline was learned to the columns' end."""
    return went_on(columns.between(at - REPLAYED, columns.end).rows(series), known)


@dataclass(frozen=True, slots=True)
class Leg:
    """What one series went through while one baseline was in force: from window `start` (Unix seconds) on."""

    series: int
    start: int
    known: Knowledge
    run: Run

    @property
    def baseline(self) -> Baseline:
        """The baseline in force."""
        return self.known.baseline


def roll(feature: str, columns: Columns, begin: int, budget: float) -> Iterator[Leg]:
    """Score a feature from `begin` on as a worker would have, learning as it goes; in order of time, then of series.

    Windows before `begin` are learned from and not scored. Nothing is said where no baseline is in force yet.
    """
    start = begin
    while start < columns.end:
        first = columns.between(start - LAG - HISTORY, columns.end).first()
        at = learned_at(feature, first, start)
        end = min(next_moment(feature, first, start - LAG) + LAG, columns.end)
        if at is not None:
            for series, known in enumerate(learn_all(columns, at, budget)):
                if known.baseline.warm:
                    before = lived(known, at, columns.between(columns.start, start), series)
                    found = went_on(columns.between(start, end).rows(series), known, before.state)
                    yield Leg(series, start, known, found)
        start = end
