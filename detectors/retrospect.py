"""Many windows of one series while nothing is open: to the bit what `step` says of them, and much sooner.

This is where a backtest spends its time: to learn is to hold seven days against a baseline that then scores one. So
the hypotheses lie in arrays of their own, those without weight can be left out, for they add 0 to the statistic, and
where events are coins and the level stays put a day has the logarithms of the day before.
"""

import math

import numpy as np

from detectors.base import Bools, Floats
from detectors.belief import fresh_belief, store, wander_of
from detectors.betabinomial import MAX_RATE
from detectors.compiled import compiled
from detectors.elementary import log
from detectors.lanes import Lanes, watched
from detectors.level import start_level
from detectors.outlook import expected_rate
from detectors.rows import ABSORBED, BELIEF, HYPOTHESES, RATIOS, RHO, STATE, THRESHOLD, UPWARD, VARIANCE, WEIGHTS
from detectors.season import DAY

_VECTOR = 4


def statistic(parameters: Floats, rates: Floats, evaluated: Floats, bad: Floats, seconds: int) -> Floats:
    """The statistic after each window if nothing ever opened, by a row of parameters: columns of shape (windows,).

    `rates` are those of season and mix, and `bad` counts the events that are watched; windows of so many seconds.
    """
    row, state = parameters.copy(), np.zeros(STATE)
    row[THRESHOLD] = math.inf
    start_level(state, row)
    path, up = np.zeros(len(bad)), np.zeros(len(bad), dtype=np.bool_)
    lanes = _weighed(row, rates, seconds)
    n, k = np.ascontiguousarray(evaluated), np.ascontiguousarray(bad)
    watch_on(state, row, lanes, np.ascontiguousarray(rates), n, k, 0, np.zeros(0), path, up)
    return path


def _weighed(row: Floats, rates: Floats, seconds: int) -> Lanes:
    """The hypotheses that have weight, and no more, in whole vectors."""
    weights = row[WEIGHTS : WEIGHTS + HYPOTHESES]
    chosen = np.flatnonzero(weights > 0.0)
    size = -(-(len(chosen) + 2) // _VECTOR) * _VECTOR
    ratios, absorbed = np.ones(size), np.zeros(size)
    ratios[: len(chosen)], absorbed[: len(chosen)] = RATIOS[chosen], ABSORBED[chosen]
    levels = np.zeros(BELIEF * size)
    for j in range(size):
        store(fresh_belief(wander_of(row)), levels, j, size)
    day = DAY // seconds
    daily = row[VARIANCE] == 0.0 and row[RHO] == 0.0 and 0 < day < len(rates) and (rates[day:] == rates[:-day]).all()
    return Lanes(
        weights[chosen],
        int((chosen < UPWARD).sum()),
        len(chosen),
        ratios,
        absorbed,
        np.log(ratios),
        levels,
        np.zeros(size),
        np.zeros(size),
        *_logs(rates[: day if daily else 0], ratios),
    )


@compiled
def _logs(rates: Floats, ratios: Floats) -> tuple[Floats, Floats]:
    logs, other_logs = np.zeros((len(rates), len(ratios))), np.zeros((len(rates), len(ratios)))
    for i in range(len(rates)):
        for j in range(len(ratios)):
            rate = min(rates[i] * ratios[j], MAX_RATE)
            logs[i, j], other_logs[i, j] = log(rate), log(1.0 - rate)
    return logs, other_logs


@compiled
def watch_on(  # noqa: PLR0913  columns, because compiled
    state: Floats,
    row: Floats,
    lanes: Lanes,
    rates: Floats,
    evaluated: Floats,
    bad: Floats,
    first: int,
    expected: Floats,
    log_e: Floats,
    up: Bools,
) -> tuple[int, float, float]:
    """From window `first` on until something should open: its window, and what speaks of a rise and of a drop there;
    or the number of windows. Fills `log_e`, `up` and, unless it has length 0, `expected`.
    """
    for i in range(first, len(bad)):
        if len(expected) > 0:
            expected[i] = expected_rate(state, row, rates[i])
        log_e[i], rising, falling = watched(state, row, lanes, i, rates[i], evaluated[i], bad[i])
        up[i] = rising >= falling
        if log_e[i] > row[THRESHOLD]:
            return i, rising, falling
    return len(bad), 0.0, 0.0
