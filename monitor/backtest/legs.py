"""A history through the detector: the same steps as in a worker, for windows of any length."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from detectors.base import Floats
from detectors.rolling import Columns, Leg, lived, roll
from detectors.schedule import HISTORY, LAG, learned_at, slot
from monitor.backtest.history import History
from monitor.backtest.mix import mix_of
from monitor.errors import UserError
from monitor.policy import Policy

_TRACE = 1e-9
"""Events that make a window one with events, and are too few to learn from."""


@dataclass(frozen=True, slots=True)
class Watch:
    """KPIs of a history that have one budget, as the detector takes them.

    `columns` has a row for each of `kpis`, which are indices of the history's, and one more that only says where the
    feature has windows: when it learns depends on all of its KPIs. Its times are `shift` seconds later than the true
    ones, so that the moments at which the feature learns are beginnings of windows. `budget` is in windows. What was
    learned is forgotten at the times `anew`, which are those of the columns.
    """

    feature: str
    kpis: tuple[int, ...]
    columns: Columns
    shift: int
    budget: float
    anew: tuple[int, ...] = ()

    def parts(self) -> Iterator[Columns]:
        """The columns between the times at which normal is learned anew."""
        columns = self.columns
        inside = sorted({columns.start + self.window(at) * columns.seconds for at in self.anew})
        edges = [columns.start, *(at for at in inside if columns.start < at < columns.end), columns.end]
        for start, end in pairwise(edges):
            yield columns.between(start, end)

    def window(self, at: int) -> int:
        """The index of the window that holds a time of the columns."""
        return (at - self.columns.start) // self.columns.seconds


def watches(history: History, policy: Policy) -> Iterator[Watch]:
    """The history in one part for each budget. Raises UserError where a budget is shorter than two windows."""
    evaluated, bad = history.known(policy.coverage_floor)
    mix = mix_of(history)
    shift = (slot(history.feature) - history.start) % history.seconds
    trace = np.where((evaluated > 0.0).any(axis=0), _TRACE, 0.0)[None]
    seconds = np.array([policy.budget_seconds(kpi) for kpi in history.kpis])
    for budget in np.unique(seconds).tolist():
        if budget < 2 * history.seconds:
            raise UserError(
                f"a budget of one page in {budget:,.0f} s is shorter than two windows of {history.seconds:,} s; "
                "give a longer one, such as --budget 1/week"
            )
        kpis = np.flatnonzero(seconds == budget)
        columns = Columns(
            history.start + shift,
            history.seconds,
            np.concatenate([evaluated[kpis], trace]),
            np.concatenate([bad[kpis], np.zeros_like(trace)]),
            None if mix is None else np.concatenate([mix[kpis], np.ones_like(trace)]),
        )
        anew = tuple(at + shift for at in history.anew)
        yield Watch(history.feature, tuple(kpis.tolist()), columns, shift, budget / history.seconds, anew)


def legs(watch: Watch, begin: int) -> Iterator[Leg]:
    """What each of the watch's KPIs went through from a true Unix time on; `leg.series` is an index into `kpis`."""
    for part in watch.parts():
        for leg in roll(watch.feature, part, max(begin + watch.shift, part.start), watch.budget):
            if leg.series < len(watch.kpis) and len(leg.run.log_e) > 0:
                yield leg


def state_before(watch: Watch, leg: Leg) -> Floats:
    """What the detector remembered when a leg began, shape (STATE,)."""
    columns = next(part for part in watch.parts() if part.start <= leg.start < part.end)
    first = columns.between(leg.start - LAG - HISTORY, columns.end).first()
    at = learned_at(watch.feature, first, leg.start)
    if at is None:  # then there would be no leg
        raise ValueError(f"no baseline is in force at {leg.start}")
    return lived(leg.known, at, columns.between(columns.start, leg.start), leg.series).state


def only(watch: Watch, place: int) -> Watch:
    """The same with one of its KPIs alone."""
    columns, rows = watch.columns, [place, len(watch.kpis)]
    mix = None if columns.mix is None else columns.mix[rows]
    alone = replace(columns, evaluated=columns.evaluated[rows], bad=columns.bad[rows], mix=mix)
    return replace(watch, kpis=(watch.kpis[place],), columns=alone)
