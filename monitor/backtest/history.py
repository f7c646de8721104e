"""What a backtest runs on: the windows of one feature, or one series of values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from detectors.base import Floats
from detectors.rolling import ByStratum

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Anew:
    """Normal is learned anew from `at` on, and windows are scored so from `heard` on; Unix seconds."""

    at: int
    heard: int


@dataclass(frozen=True, slots=True)
class History:
    """Windows of `seconds` of one feature from a Unix time on, summed over strata.

    `evaluated`, `bad` and `coverage` have shape (kpis, windows); `floors`, below which a window is unknown where the
    policy does not say, (kpis,). `sharing` KPIs share the feature's budget, those that are not here among them.
    `strata` are the same counts by stratum, a series a KPI, None where there is one stratum alone; a KPI whose rows
    in there are empty is not adjusted for its mix. `arrivals` is the index of the KPI that counts arrivals, `shifts` of
    the one that watches the strata themselves. What a KPI says of a window was known `behind` seconds later than that
    of the others, and stands that much later in its row.
    """

    feature: str
    kpis: tuple[str, ...]
    start: int
    seconds: int
    evaluated: Floats
    bad: Floats
    coverage: Floats
    floors: Floats
    sharing: int
    strata: ByStratum | None = None
    arrivals: int | None = None
    shifts: int | None = None
    behind: tuple[int, ...] = ()
    anew: tuple[Anew, ...] = ()

    def true_start(self, kpi: int, window: int) -> int:
        """Unix time at which this window of this KPI begins."""
        return self.start + window * self.seconds - (self.behind[kpi] if self.behind else 0)

    def known(self, floors: Floats) -> tuple[Floats, Floats]:
        """Evaluated and bad, 0 where the window is unknown: where coverage is below these, shape (kpis,)."""
        keep = self.coverage >= floors[:, None]
        return np.where(keep, self.evaluated, 0.0), np.where(keep, self.bad, 0.0)


@dataclass(frozen=True, slots=True)
class Values:
    """Numbers of one series, shape (times,), in order of time; NaN where there is none."""

    feature: str
    kpi: str
    seconds: int
    times: Integers
    values: Floats


@dataclass(frozen=True, slots=True)
class Task:
    """One part of the work: a feature with its KPIs, or one series of values; `windows` times `series` of it."""

    feature: str
    series: int
    windows: int


class Source(Protocol):
    """Where histories come from. `task` may be read from several threads at once."""

    name: str
    seconds: int
    tasks: Sequence[Task]
    notes: list[str]

    def read(self, task: Task) -> History | list[Values]:
        """The history of a task. Blocking."""
