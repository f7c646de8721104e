"""From stored counts to the detectors' columns: masks become KPIs here. No I/O."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from detectors.base import Floats, Window
from monitor.windows import WINDOW_SECONDS
from schemas.kpis import KPIS, TELEMETRY_COMPLETENESS, counts

SCORED = (*(kpi.name for kpi in KPIS), TELEMETRY_COMPLETENESS)
"""KPIs that are scored, in the order of their rows."""
COMPLETENESS_FLOOR = 0.5
"""Below half of its telemetry a feature's KPIs are unknown, whatever the other half says."""

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
    _row: dict[str, int] = field(default_factory=dict)

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

    def name(self, row: int) -> tuple[str, str]:
        """(feature, KPI) of a row."""
        return self.features[row // len(SCORED)], SCORED[row % len(SCORED)]

    def __len__(self) -> int:
        return len(self.features) * len(SCORED)


def columns(found: MaskCounts, expected: Expected, start: int, end: int, series: Series) -> Iterator[Window]:
    """Every window in [start, end), empty ones too. Features without a row must have been added before."""
    steps, features = (end - start) // WINDOW_SECONDS, len(series.features)
    bad, evaluated, population = (np.zeros((steps, features, len(SCORED))) for _ in range(3))
    masks, which = np.unique(found.mask, return_inverse=True)
    at = (found.window_start - start) // WINDOW_SECONDS
    of = np.array([series.index(name) for name in found.feature], dtype=np.int64)
    for total, table in zip((bad, evaluated, population), _truth(masks), strict=True):
        np.add.at(total, (at, of), table[which] * found.n[:, None])
    arrived_share = np.ones((steps, features))
    for (window, feature), (wanted, arrived) in expected.items():
        step, row = (window - start) // WINDOW_SECONDS, series.index(feature)
        arrived_share[step, row] = min(arrived / wanted, 1.0) if wanted > 0 else 1.0
        evaluated[step, row, -1] = population[step, row, -1] = wanted
        bad[step, row, -1] = max(wanted - arrived, 0.0)
    coverage = _coverage(evaluated, population, arrived_share)
    floor = np.tile(np.array([*(kpi.coverage_floor for kpi in KPIS), 0.0]), features)
    for step in range(steps):
        flat = (evaluated[step].ravel(), bad[step].ravel(), coverage[step].ravel())
        yield Window(start + step * WINDOW_SECONDS, *flat, floor)


def _coverage(evaluated: Floats, population: Floats, arrived_share: Floats) -> Floats:
    share = np.divide(evaluated, population, out=np.ones_like(evaluated), where=population > 0)
    found: Floats = np.minimum(share, 1.0) * arrived_share[:, :, None]
    found[:, :, -1] = 1.0  # completeness is measured against what was expected, so it is always known
    return found


def _truth(masks: npt.NDArray[np.uint64]) -> tuple[Floats, Floats, Floats]:
    """Per mask and scored KPI: is it bad, evaluated, in the population; each of shape (masks, KPIs)."""
    tables = np.zeros((3, len(masks), len(SCORED)))
    for row, mask in enumerate(masks):
        for column, kpi in enumerate(KPIS):
            tables[:, row, column] = counts(kpi, int(mask))
    return tables[0], tables[1], tables[2]
