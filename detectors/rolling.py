"""What is known of a series at a moment, and how it came about: learned, and then lived through.

Whoever scores by a baseline begins a day before the moment it was learned at, with no evidence. So the state
at any later time depends on the windows and that baseline alone, and not on who watched since when.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from detectors.backtest import Run, run
from detectors.base import Floats
from detectors.baseline import Baseline
from detectors.learning import learn
from detectors.schedule import HISTORY, LAG, REPLAYED, learned_at, next_moment


@dataclass(frozen=True, slots=True)
class Columns:
    """Windows of some series of one feature from a Unix time on: `evaluated` and `bad` of shape (series, windows).

    Where a window is unknown it has nothing evaluated. `mix`, of that shape, is by what the mix of strata multiplies
    the odds of a bad event; without it, 1 everywhere.
    """

    start: int
    seconds: int
    evaluated: Floats
    bad: Floats
    mix: Floats | None = None

    @property
    def end(self) -> int:
        """Unix time after the last window."""
        return self.start + int(self.evaluated.shape[1]) * self.seconds

    def between(self, start: int, end: int) -> "Columns":
        """The windows that start in [start, end)."""
        first, last = (max(at - self.start, 0) // self.seconds for at in (start, end))
        mix = None if self.mix is None else self.mix[:, first:last]
        evaluated, bad = self.evaluated[:, first:last], self.bad[:, first:last]
        return Columns(max(start, self.start), self.seconds, evaluated, bad, mix)

    def mix_of(self, series: int) -> Floats | None:
        """The mix of one series, shape (windows,); None where it is 1 everywhere."""
        return None if self.mix is None else self.mix[series]

    def first(self) -> int:
        """Where the first window with anything in it starts; `end` if there is none."""
        found = np.flatnonzero((self.evaluated > 0.0).any(axis=0))
        return self.start + int(found[0]) * self.seconds if len(found) else self.end


def learn_all(columns: Columns, at: int, budget: float) -> list[Baseline]:
    """A baseline for each series, from the windows within HISTORY before `at`; `budget` in windows per false page."""
    known = columns.between(at - HISTORY, at)
    known = known.between(known.first(), at)
    return [
        learn(known.start, evaluated, bad, budget, known.seconds, mix=known.mix_of(series))
        for series, (evaluated, bad) in enumerate(zip(known.evaluated, known.bad, strict=True))
    ]


def lived(baseline: Baseline, at: int, columns: Columns, series: int) -> Run:
    """What a series went through from REPLAYED before the moment its baseline was learned to the columns' end."""
    part = columns.between(at - REPLAYED, columns.end)
    return run(baseline, part.start, part.evaluated[series], part.bad[series], mix=part.mix_of(series))


@dataclass(frozen=True, slots=True)
class Leg:
    """What one series went through while one baseline was in force: from window `start` (Unix seconds) on."""

    series: int
    start: int
    baseline: Baseline
    run: Run


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
            for series, baseline in enumerate(learn_all(columns, at, budget)):
                if baseline.warm:
                    before = lived(baseline, at, columns.between(columns.start, start), series)
                    part = columns.between(start, end)
                    evaluated, bad, mix = part.evaluated[series], part.bad[series], part.mix_of(series)
                    found = run(baseline, start, evaluated, bad, before.state, mix)
                    yield Leg(series, start, baseline, found)
        start = end
