"""Histories from a file of windows or values."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from detectors.arrivals import SLOTS
from detectors.base import Bools, Floats
from detectors.knowledge import sorted_names
from detectors.rolling import ByStratum
from monitor.backtest.grid import Grid, grid_of, infer_seconds, usual_spacing
from monitor.backtest.history import History, Integers, Task, Values
from monitor.backtest.notes import about_spacing
from monitor.backtest.rows import Rows, read_rows
from monitor.errors import UserError
from schemas.kpis import ARRIVALS

COVERAGE_FLOOR = 0.5
"""Below half of what was expected a window is unknown, unless a policy says otherwise."""
_MOST_CELLS = 200_000_000
"""Windows times KPIs times strata of a feature that are laid out: 1.6 GB a column."""

_DENSE = 8
"""Cells a row up to which they are counted in an array, and not looked up.
"""


class FileSource:
    """A file, read once and laid out feature by feature."""

    def __init__(
        self,
        path: Path,
        seconds: int | None,
        renamed: Mapping[str, str],
        end: int | None = None,
        tick: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Read what lies before `end`; `seconds` is the window, inferred where it is None. Raises UserError."""
        self.name = path.name
        self.notes: list[str] = []
        self._rows = rows = read_rows(path, renamed, tick).before(end)
        if len(rows.ts) == 0:
            raise UserError(f"{path.name} has no rows before --to")
        if rows.zoneless:
            self.notes.append(f"{rows.zoneless:,} rows name no time zone; they were taken as UTC")
        self._inferred = seconds is None
        if seconds is None:
            seconds, said = infer_seconds(rows.ts, rows.feature * len(rows.kpis) + rows.kpi, rows.are_values)
            self.notes.append(said)
        self.seconds = seconds
        self._grid = grid_of(rows.ts, seconds)
        self._order, self._ends = _by_feature(rows)
        self.tasks: Sequence[Task] = [
            self._task(feature) for feature in np.argsort(rows.features).tolist() if len(self._mine(feature))
        ]
        self.notes += _odd_values(rows) if rows.are_values else _odd_rates(rows, self._grid)
        if not (self._inferred or rows.are_values):
            self.notes += about_spacing(seconds, self._spacing())

    @property
    def are_values(self) -> bool:
        """Whether the file has plain values, and not counts."""
        return self._rows.are_values

    @property
    def expects(self) -> bool:
        """Whether the file says how many events should have been evaluated."""
        return self._rows.expects

    def read(self, task: Task) -> History | list[Values]:
        """The history of a task. It holds no lock and changes nothing."""
        feature = self._rows.features.index(task.feature)
        mine = self._mine(feature)
        return self._values(task.feature, mine) if self._rows.are_values else self._history(task.feature, mine)

    def _spacing(self) -> int:
        """The most common spacing of the first series, in seconds."""
        rows, mine = self._rows, self._mine(int(self._rows.feature[0]))
        return usual_spacing(np.unique(rows.ts[mine][rows.kpi[mine] == rows.kpi[0]]), self.seconds)

    def _mine(self, feature: int) -> Integers:
        return self._order[self._ends[feature] : self._ends[feature + 1]]

    def _task(self, feature: int) -> Task:
        rows, mine = self._rows, self._mine(feature)
        series = len(np.unique(rows.kpi[mine]))
        ts = rows.ts[mine]
        windows = len(mine) // series if rows.are_values else int(ts.max() - ts.min()) // self.seconds + 1
        strata = len(np.unique(rows.stratum[mine]))
        if series * windows * strata > _MOST_CELLS:
            first, last = (int(rows.number[mine[find(ts)]]) for find in (np.argmin, np.argmax))
            raise UserError(
                f"{self.name}: {rows.features[feature]} has {windows:,} windows of {self.seconds} s in {strata:,} "
                f"{'stratum' if strata == 1 else 'strata'} from its first time, in row {first:,}, to its last, "
                f"in row {last:,}; is a time wrong, or --window too small?"
            )
        return Task(rows.features[feature], series, windows)

    def _history(self, feature: str, mine: Integers) -> History:
        rows, seconds = self._rows, self.seconds
        starts = self._grid.start(rows.ts[mine])
        start = int(starts.min())
        kpis, kpi = np.unique(rows.kpi[mine], return_inverse=True)
        window = (starts - start) // seconds
        shape = (len(kpis), int(window.max()) + 1)
        at = kpi * shape[1] + window

        def summed(name: str) -> Floats:
            total = np.bincount(at, rows.numbers[name][mine], shape[0] * shape[1])
            return np.asarray(total, dtype=np.float64).reshape(shape)

        evaluated, expected = summed("evaluated"), summed("expected")
        coverage = np.divide(evaluated, expected, out=np.ones(shape), where=expected > 0.0)
        names = tuple(rows.kpis[one] for one in kpis.tolist())
        floors = np.full(len(kpis), COVERAGE_FLOOR)
        bad, strata = summed("bad"), self._by_stratum(mine, kpi, window)
        return History(
            feature, names, start, seconds, evaluated, bad, coverage, floors, len(names), strata,
            arrivals=_arrivals(names, evaluated),
        )  # fmt: skip

    def _by_stratum(self, mine: Integers, kpi: Integers, window: Integers) -> ByStratum | None:
        """The KPIs that have more than one stratum, by stratum; the others have empty rows."""
        rows = self._rows
        several = _several(kpi, rows.stratum[mine])[kpi]
        if not several.any():
            return None
        stratum = rows.stratum[mine][several]
        names = sorted_names([rows.strata[one] for one in np.unique(stratum).tolist()])
        place = np.array([names.index(name) if name in names else -1 for name in rows.strata])
        shape = (int(kpi.max()) + 1, len(names), int(window.max()) + 1)
        at = np.ravel_multi_index((kpi[several], place[stratum], window[several]), shape)

        def summed(name: str) -> Floats:
            total = np.bincount(at, rows.numbers[name][mine][several], shape[0] * shape[1] * shape[2])
            return np.asarray(total, dtype=np.float64).reshape(shape)

        return ByStratum(names, summed("evaluated"), summed("bad"))

    def _values(self, feature: str, mine: Integers) -> list[Values]:
        rows, found = self._rows, []
        for kpi in np.unique(rows.kpi[mine]).tolist():
            of = mine[rows.kpi[mine] == kpi]
            of = of[np.argsort(rows.ts[of], kind="stable")]
            ts, value = rows.ts[of], rows.numbers["value"][of]
            last = np.append(ts[1:] != ts[:-1], True)
            spacing = usual_spacing(ts[last], self.seconds) if self._inferred else self.seconds
            found.append(Values(feature, rows.kpis[kpi], spacing, ts[last], value[last]))
        return found


def _odd_rates(rows: Rows, grid: Grid) -> Iterator[str]:
    """What to say of rows that are not one a window."""
    if grid.off:
        yield (
            f"{grid.off:,} of {len(rows.ts):,} rows do not begin at a multiple of {grid.seconds} s "
            f"(the first is row {rows.number[grid.first]:,}); each counts in the window that it falls into"
        )
    starts = grid.start(rows.ts)
    if again := _repeated(rows, (starts - starts.min()) // grid.seconds):
        yield f"{again:,} rows repeat a window, feature, KPI and stratum; they were added up"
    series = rows.feature * len(rows.kpis) + rows.kpi
    if strata := len(np.unique(rows.stratum[_several(series, rows.stratum)[series]])):
        yield f"a change of the mix of {strata:,} strata is adjusted for; what is in new ones counts once learned"
    if ARRIVALS in rows.kpis:
        others = (rows.kpi == rows.kpis.index(ARRIVALS)) & ~np.isin(rows.numbers["evaluated"], (0.0, SLOTS))
        if count := int(others.sum()):
            yield (
                f"{count:,} rows of {ARRIVALS} have not {SLOTS:,.0f} evaluated, as a number of arrivals has; "
                "where they are it is taken for a rate like any other"
            )


def _several(series: Integers, stratum: Integers) -> Bools:
    """Which series have more than one stratum, shape (series,), from columns of shape (rows,)."""
    width = int(stratum.max(initial=0)) + 1
    found: Bools = np.bincount(np.unique(series * width + stratum) // width) > 1
    return found


def _arrivals(kpis: Sequence[str], evaluated: Floats) -> int | None:
    """The KPI that counts arrivals, as `detectors/arrivals.py` has them; `evaluated` has shape (kpis, windows)."""
    place = kpis.index(ARRIVALS) if ARRIVALS in kpis else None
    return place if place is not None and np.isin(evaluated[place], (0.0, SLOTS)).all() else None


def _odd_values(rows: Rows) -> Iterator[str]:
    """What to say of values that are missing or come twice."""
    if missing := int(np.isnan(rows.numbers["value"]).sum()):
        yield f"{missing:,} values are missing; nothing is said of them"
    if again := _repeated(rows, rows.ts - rows.ts.min()):
        yield f"{again:,} rows repeat a time and series; the last counts"


def _repeated(rows: Rows, window: Integers) -> int:
    """How many rows have a window, series and stratum that another row has."""
    key = (rows.feature * len(rows.kpis) + rows.kpi) * max(len(rows.strata), 1) + rows.stratum
    key = key * (int(window.max()) + 1) + window
    if int(key.max()) > _DENSE * len(key):
        return len(key) - len(np.unique(key))
    return len(key) - int(np.count_nonzero(np.bincount(key)))


def _by_feature(rows: Rows) -> tuple[Integers, Integers]:
    """The rows in the order of their features, and where each feature ends: feature f is order[ends[f]:ends[f + 1]]."""
    few = len(rows.features) <= np.iinfo(np.uint16).max  # short numbers are sorted in one go
    order = np.argsort(rows.feature.astype(np.uint16) if few else rows.feature, kind="stable")
    ends = np.searchsorted(rows.feature[order], np.arange(len(rows.features) + 1))
    return order, ends.astype(np.int64)
