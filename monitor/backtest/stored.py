"""Histories from the store, read as the scorer reads them."""

import threading
from collections.abc import Sequence

import numpy as np
from clickhouse_connect.driver.client import Client

from detectors.schedule import HISTORY, LAG
from detectors.season import DAY
from monitor.backtest.history import History, Task
from monitor.columns import SCORED, judged_after
from monitor.errors import UserError
from monitor.history import read_columns
from monitor.store.changes import read_new_baselines
from monitor.store.windows import read_lively
from monitor.windows import WINDOW_SECONDS, window_start

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
        parts = []
        with self._lock:
            marks = read_new_baselines(self.client, start, self._end)
        for day in range(start, self._end, DAY):
            with self._lock:  # a client answers one question at a time
                until = min(day + DAY, self._end)
                [(_, columns)] = read_columns(self.client, [task.feature], day, until, {task.feature: start})
            parts.append((columns.evaluated, columns.bad))
        evaluated, bad = (np.concatenate(rows, axis=1) for rows in zip(*parts, strict=True))
        kept = np.flatnonzero((evaluated > 0.0).any(axis=1))
        names = tuple(SCORED[kpi] for kpi in kept)
        # What was unknown has nothing evaluated already, by the KPIs' own floors.
        return History(
            task.feature,
            names,
            start,
            WINDOW_SECONDS,
            evaluated[kept],
            bad[kept],
            np.ones((len(kept), evaluated.shape[1])),
            np.zeros(len(kept)),
            behind=tuple(judged_after(kpi) for kpi in names),
            anew=tuple(window_start(at) for feature, at in marks if feature in ("", task.feature)),
        )
