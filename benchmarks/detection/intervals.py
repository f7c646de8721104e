"""How sure a measured figure is: exact Poisson intervals, and bootstraps that redraw whole series."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

Floats = npt.NDArray[np.float64]
_REDRAWS = 1000


def poisson_interval(count: int, exposure: float, level: float = 0.95) -> tuple[float, float]:
    """Exact (Garwood) interval of a rate: `count` events in `exposure` units of time, both ends per unit.

    Raises ValueError for a negative count or no exposure.
    """
    if count < 0 or exposure <= 0:
        raise ValueError("a rate needs a count of at least 0 and an exposure above 0")
    tail = (1.0 - level) / 2.0
    low = float(chi2.ppf(tail, 2 * count)) / 2.0 if count else 0.0
    return low / exposure, float(chi2.ppf(1.0 - tail, 2 * count + 2)) / 2.0 / exposure


def bootstrap(
    groups: Sequence[int], statistic: Callable[[list[npt.NDArray[np.int64]]], float], chance: np.random.Generator
) -> tuple[float, float]:
    """95 % percentile interval of a statistic of several groups of independent series.

    `groups` are their sizes; `statistic` takes, per group, the indices of the series that were drawn.
    """
    values = [statistic([chance.integers(0, size, size) for size in groups]) for _ in range(_REDRAWS)]
    low, high = np.percentile(np.array(values), [2.5, 97.5])
    return float(low), float(high)
