"""Histories from the store, read as the scorer reads them."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from clickhouse_connect.driver.client import Client

from detectors.base import Floats
from detectors.knowledge import sorted_names
from detectors.rolling import ByStratum
from detectors.schedule import HISTORY, LAG
from detectors.season import DAY
from monitor.backtest.history import Anew, History, Integers, Task
from monitor.columns import FLOORS, SCORED, Layout, Series, Tables, judged_after, tables
from monitor.errors import UserError
from monitor.history import as_columns, expected_when_judged
from monitor.store.changes import HEARD_WITHIN, read_new_baselines
from monitor.store.windows import read_lively, read_mask_counts
from monitor.windows import WINDOW_SECONDS, window_start
from schemas.kpis import ARRIVALS, PROMPT_MIX

EARLIER = HISTORY + 2 * DAY + LAG
"""Seconds of history before the first window: the newest baseline may be a day old, and a look begins a day early."""


class StoredSource:
    """Windows of the store that start in [start, end), Unix seconds, and EARLIER ones to learn from."""

    def __init__(self, client: Client, start: int, end: int, features: Sequence[str] = ()) -> None:
        """Find the features; without `features`, all. Raises UserError when there are none. Blocking."""
        self.name = "store"
        self.seconds = WINDOW_SECONDS
        self.notes: list[str] = []
        self.client = client
        self._lock = threading.Lock()
        self._start = (start - EARLIER) // WINDOW_SECONDS * WINDOW_SECONDS
        self._end = -(-end // WINDOW_SECONDS) * WINDOW_SECONDS
        seen = {one.feature: one for one in read_lively(client, self._start, self._end)}
        if unknown := sorted(set(features) - seen.keys()):
            raise UserError(f"the store has no windows of {unknown[0]} there; `vigil sql` tells which features it has")
        if not seen:
            raise UserError("the store has no windows there; look at --from and --to")
        self.tasks: Sequence[Task] = [
            Task(name, len(SCORED), (self._end - seen[name].first) // WINDOW_SECONDS)
            for name in sorted(features or seen)
        ]

    def read(self, task: Task) -> History:
        """The history of a feature, a day at a time; KPIs that were never evaluated are left out. Blocking."""
        start = self._end - task.windows * WINDOW_SECONDS
        with self._lock:
            marks = read_new_baselines(self.client, start, self._end)
        found = _Gathered(task.windows)
        for day in range(start, self._end, DAY):
            names, of_day = self._tables(task.feature, start, day, min(day + DAY, self._end))
            found.take((day - start) // WINDOW_SECONDS, names, of_day)
        kept = np.flatnonzero((found.evaluated > 0.0).any(axis=1))
        if not found.mixed:
            kept = kept[kept != SCORED.index(PROMPT_MIX)]
        kpis = tuple(SCORED[kpi] for kpi in kept)
        return History(
            task.feature,
            kpis,
            start,
            WINDOW_SECONDS,
            found.evaluated[kept],
            found.bad[kept],
            found.coverage[kept],
            FLOORS[kept],
            len(SCORED),
            strata=found.strata(kept),
            arrivals=_place(kpis, ARRIVALS),
            shifts=_place(kpis, PROMPT_MIX),
            behind=tuple(judged_after(kpi) for kpi in kpis),
            anew=tuple(
                Anew(window_start(at), window_start(at + HEARD_WITHIN))
                for feature, at in marks
                if feature in ("", task.feature)
            ),
        )

    def _tables(self, feature: str, first: int, start: int, end: int) -> tuple[tuple[str, ...], Tables]:
        """The strata of a feature in [start, end), and its windows there."""
        with self._lock:  # a client answers one question at a time
            counts = read_mask_counts(self.client, start, end, [feature])
            expected = expected_when_judged(self.client, start, end, [feature])
        names = sorted_names(counts.stratum.tolist())
        layout = Layout(Series([feature]), {feature: first}, {feature: names}, np.zeros(len(SCORED)))
        return names, tables(counts, expected, start, end, layout)


def _place(kpis: tuple[str, ...], name: str) -> int | None:
    return kpis.index(name) if name in kpis else None


@dataclass(slots=True)
class _Gathered:
    """All days of a feature of so many windows, whatever their coverage: `evaluated`, `bad` and `coverage` of shape
    (KPIs, windows), and the first two by stratum.
    """

    windows: int
    evaluated: Floats = field(init=False)
    bad: Floats = field(init=False)
    coverage: Floats = field(init=False)
    _strata: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.evaluated, self.bad, self.coverage = self._empty(), self._empty(), self._empty()

    def _empty(self) -> Floats:
        return np.zeros((len(SCORED), self.windows))

    def take(self, first: int, names: tuple[str, ...], found: Tables) -> None:
        """Take in the windows from index `first` on."""
        columns = as_columns(found, names)
        inside = slice(first, first + columns.evaluated.shape[1])
        self.evaluated[:, inside], self.bad[:, inside] = columns.evaluated, columns.bad
        self.coverage[:, inside] = found.coverage[:, 0, :].T
        for place, name in enumerate(names):
            evaluated, bad = self._strata.setdefault(name, (self._empty(), self._empty()))
            evaluated[:, inside], bad[:, inside] = (table[:, 0, place, :].T for table in found.by_stratum)

    @property
    def mixed(self) -> bool:
        """Whether there is more than one stratum."""
        return len(self._strata) > 1

    def strata(self, kpis: Integers) -> ByStratum | None:
        """These KPIs by stratum, and no more of it is kept here; None where there is one stratum alone."""
        if not self.mixed:
            return None
        names = sorted_names(list(self._strata))
        shape = (len(kpis), len(names), self.windows)
        evaluated, bad = np.empty(shape), np.empty(shape)
        for place, name in enumerate(names):
            of_one = self._strata.pop(name)  # so that memory holds all of it once
            evaluated[:, place], bad[:, place] = of_one[0][kpis], of_one[1][kpis]
        return ByStratum(names, evaluated, bad)
