"""One series over many windows: the same steps as live, one after the other."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.base import Bools, Floats
from detectors.baseline import Baseline
from detectors.compiled import compiled
from detectors.rows import HARMONICS, SEASON, STATE, THRESHOLD
from detectors.season import basis, seasonal_rate
from detectors.statespace import CLOSED, OPENED, start_state, step

Integers = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64] | npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Run:
    """`log_e` is the statistic after each window, shape (windows,); the others are parallel to what opened or closed.

    `opened` and `closed` are indices of windows; `up` says of each opening whether it was seen as a rise.
    """

    log_e: Floats
    opened: Integers
    closed: Integers
    up: Bools


def run(
    baseline: Baseline,
    start: int,
    evaluated: Counts,
    bad: Counts,
    reset: bool = True,
) -> Run:
    """Score columns of shape (windows,) from a Unix time on, beginning with no evidence.

    An opened incident holds until it closes, and then the evidence starts anew. Without `reset` nothing opens,
    and the statistic runs on.
    """
    n = np.ascontiguousarray(evaluated, dtype=np.float64)
    k = np.ascontiguousarray(bad, dtype=np.float64)
    row = baseline.row()
    if not reset:
        row[THRESHOLD] = math.inf
    log_e, events, up = _steps(row, np.zeros(STATE), start, baseline.seconds, n, n - k if baseline.complement else k)
    opened = np.flatnonzero(events == OPENED)
    return Run(log_e, opened, np.flatnonzero(events == CLOSED), up[opened] != baseline.complement)


@compiled
def _steps(
    row: Floats, state: Floats, start: int, seconds: int, evaluated: Floats, bad: Floats
) -> tuple[Floats, Integers, Bools]:
    windows = len(bad)
    log_e, events, up = np.zeros(windows), np.zeros(windows, dtype=np.int64), np.zeros(windows, dtype=np.bool_)
    harmonics = np.zeros(HARMONICS)
    start_state(state, row)
    for i in range(windows):
        basis(start + i * seconds, harmonics)
        rate = seasonal_rate(row[SEASON : SEASON + HARMONICS], harmonics)
        log_e[i], up[i], events[i] = step(state, row, rate, evaluated[i], bad[i])
    return log_e, events, up
