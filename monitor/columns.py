"""From stored counts to the detectors' columns: masks become KPIs here. No I/O."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array

from detectors.arrivals import ARRIVALS, as_rate
from detectors.base import Bools, Floats, Window
from monitor.windows import COMPLETENESS_SECONDS, WINDOW_SECONDS
from schemas.kpis import KPIS, TELEMETRY_COMPLETENESS, counts
from schemas.outcomes import Bit

SCORED = (*(kpi.name for kpi in KPIS), TELEMETRY_COMPLETENESS, ARRIVALS)
"""KPIs that are scored, in the order of their rows."""
_COMPLETENESS, _ARRIVALS = len(KPIS), len(KPIS) + 1
FLOORS = np.array([*(kpi.coverage_floor for kpi in KPIS), 0.0, 0.0])
"""Coverage below which a KPI is unknown, shape (KPIs,); what arrived and what is missing is never unknown."""


def judged_after(kpi: str) -> int:
    """How many seconds later than its other KPIs this KPI of a window is judged."""
    return COMPLETENESS_SECONDS if kpi == TELEMETRY_COMPLETENESS else 0


Expected = Mapping[tuple[int, str], tuple[float, float]]
"""(window start, feature) to (expected, arrived) interactions, from heartbeats."""


@dataclass(frozen=True, slots=True)
class MaskCounts:
    """Events per window, feature and mask: parallel columns. Synthetic events are among them."""

    window_start: npt.NDArray[np.int64]
    feature: list[str]
    mask: npt.NDArray[np.uint64]
    n: npt.NDArray[np.int64]

    def only(self, keep: npt.NDArray[np.bool_]) -> "MaskCounts":
        """The rows for which `keep`, of shape (rows,), is True."""
        names = [name for name, kept in zip(self.feature, keep.tolist(), strict=True) if kept]
        return MaskCounts(self.window_start[keep], names, self.mask[keep], self.n[keep])


@dataclass(slots=True)
class Series:
    """The rows of the columns: each feature has one row per scored KPI, in the order it was first seen."""

    features: list[str] = field(default_factory=list)
    _row: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self._row = {name: row for row, name in enumerate(self.features)}

    def add(self, names: Sequence[str]) -> None:
        """Make sure these features have rows."""
        for name in names:
            if name not in self._row:
                self._row[name] = len(self.features)
                self.features.append(name)

    def __contains__(self, feature: str) -> bool:
        return feature in self._row

    def index(self, feature: str) -> int:
        """Position of a feature among the features."""
        return self._row[feature]

    def rows(self, feature: str) -> range:
        """The rows of a feature, in the order of SCORED."""
        first = self._row[feature] * len(SCORED)
        return range(first, first + len(SCORED))

    def name(self, row: int) -> tuple[str, str]:
        """(feature, KPI) of a row."""
        return self.features[row // len(SCORED)], SCORED[row % len(SCORED)]

    def __len__(self) -> int:
        return len(self.features) * len(SCORED)


@dataclass(frozen=True, slots=True)
class Tables:
    """What the windows from `start` on hold, empty ones too: each of shape (windows, features, KPIs)."""

    start: int
    evaluated: Floats
    bad: Floats
    coverage: Floats

    def unknown(self) -> Bools:
        """Where a window says nothing of a KPI, in the same shape."""
        found: Bools = self.coverage < FLOORS
        return found


def tables(
    found: MaskCounts, expected: Expected, start: int, end: int, series: Series, first: Mapping[str, int] | None = None
) -> Tables:
    """The windows in [start, end). Features without a row must have been added before.

    `first` says where the first window of a feature starts, Unix seconds: after that, silence is a number of arrivals.
    """
    steps, features = (end - start) // WINDOW_SECONDS, len(series.features)
    masks, which = np.unique(found.mask, return_inverse=True)
    at = (found.window_start - start) // WINDOW_SECONDS
    of = np.array([series.index(name) for name in found.feature], dtype=np.int64)
    events = coo_array(
        (found.n.astype(np.float64), (at * features + of, which)), (steps * features, len(masks))
    ).tocsr()
    shape = (steps, features, len(SCORED))
    bad, evaluated, population = ((events @ truth).reshape(shape) for truth in _truth(masks))
    arrived_share = np.ones((steps, features))
    for (window, feature), (wanted, arrived) in expected.items():
        step, row = (window - start) // WINDOW_SECONDS, series.index(feature)
        arrived_share[step, row] = min(arrived / wanted, 1.0) if wanted > 0 else 1.0
        evaluated[step, row, _COMPLETENESS] = population[step, row, _COMPLETENESS] = wanted
        bad[step, row, _COMPLETENESS] = max(wanted - arrived, 0.0)
    began = np.array([start if first is None else first.get(name, start) for name in series.features])
    silent = start + WINDOW_SECONDS * np.arange(steps)[:, None] < began
    slots, arrivals = as_rate(np.where(silent, np.nan, bad[:, :, _ARRIVALS]))
    evaluated[:, :, _ARRIVALS] = population[:, :, _ARRIVALS] = slots
    bad[:, :, _ARRIVALS] = arrivals
    return Tables(start, evaluated, bad, _coverage(evaluated, population, arrived_share))


def windows(found: Tables) -> Iterator[Window]:
    """The same as columns over all series, one window after the other."""
    steps, features, _ = found.evaluated.shape
    floor = np.tile(FLOORS, features)
    for step in range(steps):
        flat = (found.evaluated[step].ravel(), found.bad[step].ravel(), found.coverage[step].ravel())
        yield Window(found.start + step * WINDOW_SECONDS, *flat, floor)


def _coverage(evaluated: Floats, population: Floats, arrived_share: Floats) -> Floats:
    share = np.divide(evaluated, population, out=np.ones_like(evaluated), where=population > 0)
    found: Floats = np.minimum(share, 1.0) * arrived_share[:, :, None]
    found[:, :, _COMPLETENESS:] = 1.0  # measured against what was expected, so always known
    return found


def _truth(masks: npt.NDArray[np.uint64]) -> tuple[Floats, Floats, Floats]:
    """Per mask and scored KPI: is it bad, evaluated, in the population; each of shape (masks, KPIs)."""
    found = np.zeros((3, len(masks), len(SCORED)))
    for row, mask in enumerate(masks):
        for column, kpi in enumerate(KPIS):
            found[:, row, column] = counts(kpi, int(mask))
        found[0, row, _ARRIVALS] = int(mask) & (Bit.INTERACTION | Bit.SYNTHETIC) == Bit.INTERACTION
    return found[0], found[1], found[2]
