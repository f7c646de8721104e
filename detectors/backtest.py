"""One series over many windows: the same steps as live, one after the other."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.base import Bools, Floats
from detectors.baseline import Baseline
from detectors.compiled import compiled
from detectors.outlook import expected_rate
from detectors.retrospect import lanes_of, watch_on
from detectors.rows import HARMONICS, OPEN, SEASON, STATE
from detectors.season import mixed_rates, seasonal_rates
from detectors.statespace import CLOSED, OPENED, open_incident, start_state, step

Integers = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64] | npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Run:
    """What a series went through.

    `log_e` is the statistic after each window and `expected` the rate held for normal before it, shape (windows,).
    `opened` and `closed` are indices of windows; `up` says of each opening whether it was seen as a rise.
    `state`, shape (STATE,), is what is remembered at the end.
    """

    log_e: Floats
    expected: Floats
    opened: Integers
    closed: Integers
    up: Bools
    state: Floats


def begun(baseline: Baseline) -> Floats:
    """The state of a series of which nothing was seen yet, shape (STATE,)."""
    state = np.zeros(STATE)
    start_state(state, baseline.parameters)
    return state


def run(
    baseline: Baseline,
    start: int,
    evaluated: Counts,
    bad: Counts,
    state: Floats | None = None,
    mix: Floats | None = None,
) -> Run:
    """Score columns of shape (windows,) from a Unix time on; `mix` is by what the mix of strata multiplies the odds of
    a bad event, 1 everywhere without it.

    Goes on from `state`, which is left as it is; without one it begins with no evidence. An opened incident holds
    until it closes, and then the evidence starts anew.
    """
    n = np.ascontiguousarray(evaluated, dtype=np.float64)
    k = np.ascontiguousarray(bad, dtype=np.float64)
    state, expected = begun(baseline) if state is None else state.copy(), np.zeros(len(n))
    watched = n - k if baseline.complement else k
    rates = seasonal_rates(baseline.parameters[SEASON : SEASON + HARMONICS], start, baseline.seconds, len(n))
    if mix is not None:
        rates = mixed_rates(rates, 1.0 / mix if baseline.complement else mix)
    log_e, events, up = _steps(baseline.parameters, state, rates, n, watched, expected)
    opened = np.flatnonzero(events == OPENED)
    normal = 1.0 - expected if baseline.complement else expected
    return Run(log_e, normal, opened, np.flatnonzero(events == CLOSED), up[opened] != baseline.complement, state)


@compiled
def _steps(
    row: Floats, state: Floats, rates: Floats, evaluated: Floats, bad: Floats, expected: Floats
) -> tuple[Floats, Integers, Bools]:
    """Changes `state`, and fills `expected`."""
    windows = len(bad)
    log_e, events, up = np.zeros(windows), np.zeros(windows, dtype=np.int64), np.zeros(windows, dtype=np.bool_)
    i = 0
    while i < windows:
        if state[OPEN] == 0.0:
            i, rising, falling = watch_on(
                state, row, lanes_of(state, row), rates, evaluated, bad, i, expected, log_e, up
            )
            if i < windows:
                open_incident(state, row, log_e[i], rising + falling)
                events[i] = OPENED
        else:
            expected[i] = expected_rate(state, row, rates[i])
            log_e[i], up[i], events[i] = step(state, row, rates[i], evaluated[i], bad[i])
        i += 1
    return log_e, events, up
