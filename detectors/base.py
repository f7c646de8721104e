"""The verbs every detector has, and the columns they speak in.

`score` looks at a window and changes nothing; `learn` takes it in and returns nothing; score comes first,
because a window that was already learned looks normal.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Window:
    """One closed window over all series: parallel columns of shape (series,).

    `bad` of `evaluated` events were bad; `coverage` is evaluated over expected, and below `floor`
    the window is unknown and says nothing. Where nothing was expected, `coverage` is 1. `mix` is by what the mix of
    strata multiplies the odds of a bad event; without it, 1 everywhere.
    """

    start: int
    evaluated: Floats
    bad: Floats
    coverage: Floats
    floor: Floats
    mix: Floats | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """What a detector thinks of one window: parallel columns of shape (series,).

    `log_e` is the natural logarithm of the statistic, `expected` the rate it held for normal, `low`
    and `high` a 99 % prediction interval for this window's rate. `warm` says that it knows enough.
    """

    log_e: Floats
    up: Bools
    expected: Floats
    low: Floats
    high: Floats
    warm: Bools


class Detector(Protocol):
    """Scores rates over a fixed number of series. Vectorised; a pure function of what it was given."""

    name: str

    def score(self, window: Window) -> Scores:
        """The opinion on a window. Changes nothing; never NaN."""

    def learn(self, window: Window, keep: Bools) -> None:
        """Take the window in; where `keep` is False, time passes but the baseline stays as it is."""

    def grow(self, series: int) -> None:
        """Make room for more series; the new ones are cold."""

    def forget(self, series: npt.NDArray[np.int64]) -> None:
        """Start the evidence of these series anew; the baseline stays."""
