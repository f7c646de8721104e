"""From stored counts to the detectors' columns: masks become KPIs here. No I/O."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array

from detectors.arrivals import as_rate
from detectors.base import Bools, Floats, Window
from monitor.windows import COMPLETENESS_SECONDS, WINDOW_SECONDS
from schemas.kpis import ARRIVALS, KPIS, PROMPT_MIX, TELEMETRY_COMPLETENESS, counts
from schemas.outcomes import Bit

SCORED = (*(kpi.name for kpi in KPIS), TELEMETRY_COMPLETENESS, ARRIVALS, PROMPT_MIX)
"""KPIs that are scored, in the order of their rows."""
_COMPLETENESS, _ARRIVALS, _MIX = len(KPIS), len(KPIS) + 1, len(KPIS) + 2
_REFUSALS = SCORED.index("refusal_rate")
FLOORS = np.array([*(kpi.coverage_floor for kpi in KPIS), 0.0, 0.0, KPIS[_REFUSALS].coverage_floor])
"""The catalogue's coverage below which a KPI is unknown, shape (KPIs,); what arrives or is missing never is."""


def judged_after(kpi: str) -> int:
    """How many seconds later than its other KPIs this KPI of a window is judged."""
    return COMPLETENESS_SECONDS if kpi == TELEMETRY_COMPLETENESS else 0


Expected = Mapping[tuple[int, str], tuple[float, float]]
"""(window start, feature) to (expected, arrived) interactions, from heartbeats."""


Names = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class MaskCounts:
    """Events per window, feature, stratum and mask: parallel columns. Synthetic events are among them."""

    window_start: npt.NDArray[np.int64]
    feature: Names
    stratum: Names
    mask: npt.NDArray[np.uint64]
    n: npt.NDArray[np.int64]

    def only(self, keep: npt.NDArray[np.bool_]) -> "MaskCounts":
        """The rows for which `keep`, of shape (rows,), is True."""
        return MaskCounts(
            self.window_start[keep], self.feature[keep], self.stratum[keep], self.mask[keep], self.n[keep]
        )


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
    """What the windows from `start` on hold, empty ones too: each of shape (windows, features, KPIs).

    `by_stratum` is evaluated and bad of shape (windows, features, strata, KPIs); the last stratum is what has no place
    among a feature's. `floors`, shape (KPIs,), are what coverage is held against.
    """

    start: int
    evaluated: Floats
    bad: Floats
    coverage: Floats
    by_stratum: tuple[Floats, Floats]
    floors: Floats

    def unknown(self) -> Bools:
        """Where a window says nothing of a KPI, in the same shape."""
        found: Bools = self.coverage < self.floors
        return found


@dataclass(frozen=True, slots=True)
class Layout:
    """Whose windows are laid out: where each feature begins, Unix seconds, its strata, in order, and the KPIs' floors.

    After its beginning silence is a number of arrivals. `rates_only`: arrivals and what is asked are not laid out.
    """

    series: Series
    first: Mapping[str, int] = field(default_factory=dict)
    strata: Mapping[str, Sequence[str]] = field(default_factory=dict)
    floors: Floats = field(default_factory=lambda: FLOORS)
    rates_only: bool = False

    def slots(self, found: MaskCounts) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
        """Of each row the place of its feature and of its stratum, and how many strata are told apart."""
        width = 1 + max((len(self.strata.get(name, ())) for name in self.series.features), default=0)
        features, feature = np.unique(found.feature, return_inverse=True)
        names, stratum = np.unique(found.stratum, return_inverse=True)
        places = np.full((len(features), len(names)), width - 1)
        for row, name in enumerate(features.tolist()):
            order = {one: place for place, one in enumerate(self.strata.get(name, ()))}
            places[row] = [order.get(one, width - 1) for one in names.tolist()]
        rows = np.array([self.series.index(name) for name in features.tolist()], dtype=np.int64)
        return rows[feature], places[feature, stratum], width


def tables(found: MaskCounts, expected: Expected, start: int, end: int, layout: Layout) -> Tables:
    """The windows in [start, end). Features without a row must have been added before."""
    series = layout.series
    steps, features = (end - start) // WINDOW_SECONDS, len(series.features)
    masks, which = np.unique(found.mask, return_inverse=True)
    of, stratum, strata = layout.slots(found)
    at = ((found.window_start - start) // WINDOW_SECONDS * features + of) * strata + stratum
    events = coo_array((found.n.astype(np.float64), (at, which)), (steps * features * strata, len(masks))).tocsr()
    shape = (steps, features, strata, len(SCORED))
    by_stratum = [(events @ truth).reshape(shape) for truth in truth_of(masks)]
    if layout.rates_only:
        for table in by_stratum:
            table[..., len(KPIS) :] = 0.0
    bad, evaluated, population = (table.sum(axis=2) for table in by_stratum)
    arrived_share = np.ones((steps, features))
    for (window, feature), (wanted, arrived) in expected.items():
        step, row = (window - start) // WINDOW_SECONDS, series.index(feature)
        arrived_share[step, row] = min(arrived / wanted, 1.0) if wanted > 0 else 1.0
        evaluated[step, row, _COMPLETENESS] = population[step, row, _COMPLETENESS] = wanted
        bad[step, row, _COMPLETENESS] = max(wanted - arrived, 0.0)
    began = np.array([layout.first.get(name, start) for name in series.features])
    silent = (start + WINDOW_SECONDS * np.arange(steps)[:, None] < began) | layout.rates_only
    slots, arrivals = as_rate(np.where(silent, np.nan, bad[:, :, _ARRIVALS]))
    evaluated[:, :, _ARRIVALS] = population[:, :, _ARRIVALS] = slots
    bad[:, :, _ARRIVALS] = arrivals
    coverage = _coverage(evaluated, population, arrived_share)
    return Tables(start, evaluated, bad, coverage, (by_stratum[1], by_stratum[0]), layout.floors)


def windows(found: Tables) -> Iterator[tuple[Window, Floats, Floats]]:
    """The same as columns over all series, one window after the other, each with evaluated and bad by stratum.

    Those have shape (strata, series).
    """
    steps, features, _ = found.evaluated.shape
    floor = np.tile(found.floors, features)
    strata = found.by_stratum[0].shape[2]
    for step in range(steps):
        flat = (found.evaluated[step].ravel(), found.bad[step].ravel(), found.coverage[step].ravel())
        evaluated, bad = (table[step].transpose(1, 0, 2).reshape(strata, -1) for table in found.by_stratum)
        yield Window(found.start + step * WINDOW_SECONDS, *flat, floor), evaluated, bad


def _coverage(evaluated: Floats, population: Floats, arrived_share: Floats) -> Floats:
    share = np.divide(evaluated, population, out=np.ones_like(evaluated), where=population > 0)
    found: Floats = np.minimum(share, 1.0) * arrived_share[:, :, None]
    found[:, :, _COMPLETENESS:] = 1.0  # measured against what was expected, so always known
    found[:, :, _MIX] = found[:, :, _REFUSALS]
    return found


def truth_of(masks: npt.NDArray[np.uint64]) -> tuple[Floats, Floats, Floats]:
    """Per mask and scored KPI: is it bad, evaluated, in the population; each of shape (masks, KPIs)."""
    found = np.zeros((3, len(masks), len(SCORED)))
    for row, mask in enumerate(masks):
        for column, kpi in enumerate(KPIS):
            found[:, row, column] = counts(kpi, int(mask))
        found[:, row, _MIX] = found[:, row, _REFUSALS]
        found[0, row, _ARRIVALS] = int(mask) & (Bit.INTERACTION | Bit.SYNTHETIC) == Bit.INTERACTION
    return found[0], found[1], found[2]
