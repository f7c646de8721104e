"""Many windows of one series while nothing is open: to the bit what `step` says of them, and much sooner.

This is where a backtest spends its time: to learn is to hold seven days against a baseline that then scores one. So
the hypotheses lie in arrays of their own, those without weight can be left out, for they add 0 to the statistic, and
where events are coins and the level stays put a day has the logarithms of the day before.

Why statespace.py does not call this for its one window: arrays that a loop takes apart once would be taken apart for
each window. That was tried, and cost a backtest up to two fifths of its speed and live scoring a sixth.
"""

import math
from typing import NamedTuple

import numpy as np

from detectors.base import Bools, Floats
from detectors.belief import Belief, Wander, fresh_belief, load, merged, passed, store, taken, wander_of
from detectors.betabinomial import COIN, MAX_RATE, log_coins, log_density
from detectors.compiled import compiled, inlined
from detectors.elementary import exp, log
from detectors.guard import forget_pages, guard
from detectors.level import predict_level, settle_level, start_level
from detectors.outlook import expected_rate
from detectors.rows import (
    ABSORBED,
    BELIEF,
    DENSITIES,
    HYPOTHESES,
    JUMP_RATE,
    JUMPED,
    LEVELS,
    NORMAL,
    RATIOS,
    RHO,
    ROOM,
    SHARES,
    STATE,
    THRESHOLD,
    UPWARD,
    VARIANCE,
    WEIGHTS,
)
from detectors.season import DAY
from detectors.statespace import MAX_GAIN, MAX_R, TINY

_VECTOR = 4


class Lanes(NamedTuple):
    """Hypotheses side by side, `rises` of them first, the others behind: `weights` has shape (hypotheses,).

    `ratios` and `densities` have shape (lanes,), with lane `null` for what is normal and the next for the level that
    has jumped, and `levels` a belief a lane. `absorbed`, `log_ratios` and `gathered`, the R, have as many as are
    stepped together. `logs` and `other_logs`, shape (windows of a day, lanes), are of the rates and of 1 less the
    rates; they have no rows where these are not the same every day.
    """

    weights: Floats
    rises: int
    null: int
    ratios: Floats
    absorbed: Floats
    log_ratios: Floats
    levels: Floats
    densities: Floats
    gathered: Floats
    logs: Floats
    other_logs: Floats


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


_RATIOS = np.concatenate([RATIOS, np.ones(ROOM - HYPOTHESES)])
_LOG_RATIOS = np.log(RATIOS)


@compiled
def lanes_of(state: Floats, row: Floats) -> Lanes:
    """All hypotheses where they lie in a row of state, which changes with them."""
    return Lanes(
        row[WEIGHTS : WEIGHTS + HYPOTHESES],
        UPWARD,
        HYPOTHESES,
        _RATIOS,
        ABSORBED,
        _LOG_RATIOS,
        state[LEVELS : LEVELS + BELIEF * ROOM],
        state[DENSITIES : DENSITIES + ROOM],
        state[SHARES : SHARES + HYPOTHESES],
        np.zeros((0, 0)),
        np.zeros((0, 0)),
    )


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
    weights, rises, null, ratios, absorbed, log_ratios, levels, densities, gathered, logs, other_logs = lanes
    wandering = row[VARIANCE] > 0.0
    for i in range(first, len(bad)):
        if len(expected) > 0:
            expected[i] = expected_rate(state, row, rates[i])
        if wandering:
            largest = math.log(MAX_RATE / rates[i])
            _predict(levels, gathered, absorbed, log_ratios, len(ratios), load(state, NORMAL), wander_of(row), largest)
            predict_level(state, row)
        if evaluated[i] > 0.0:
            if wandering:
                normal = _take_wandering(state, row, levels, densities, ratios, null, rates[i], evaluated[i], bad[i])
            elif len(logs) > 0:
                normal = _look_up(logs, other_logs, i % len(logs), null, bad[i], evaluated[i] - bad[i], densities)
            else:
                normal = _hold_against(densities, ratios, null, rates[i], evaluated[i], bad[i], row[RHO])
            _gather(densities, normal, gathered)
            forget_pages(state)
        rising, falling = _sides(weights, rises, gathered)
        log_e[i], up[i] = math.log(rising + falling + TINY) - guard(state), rising >= falling
        if log_e[i] > row[THRESHOLD]:
            return i, rising, falling
    return len(bad), 0.0, 0.0


@inlined
def _predict(  # noqa: PLR0913  columns, because compiled
    levels: Floats,
    gathered: Floats,
    absorbed: Floats,
    log_ratios: Floats,
    stride: int,
    normal: Belief,
    wander: Wander,
    largest: float,
) -> None:
    """One window passes for the level of every hypothesis, see statespace.py."""
    for j in range(len(gathered)):
        shift = -absorbed[j] * min(log_ratios[j], largest)
        belief = merged(load(levels, j, stride), normal, gathered[j], shift, 0.0)
        store(passed(belief, wander), levels, j, stride)


@inlined
def _take_wandering(  # noqa: PLR0913  columns, because compiled
    state: Floats,
    row: Floats,
    levels: Floats,
    densities: Floats,
    ratios: Floats,
    null: int,
    rate: float,
    evaluated: float,
    bad: float,
) -> float:
    """All levels take a window in. Returns the logarithm of its density under the null, as do the other two."""
    store(load(state, NORMAL), levels, null, len(ratios))
    store(load(state, JUMPED), levels, null + 1, len(ratios))
    _take(levels, densities, ratios, rate, evaluated, bad, row[RHO])
    normal = load(levels, null, len(ratios))
    if row[JUMP_RATE] == 0.0:
        store(normal, state, NORMAL)
        return float(densities[null])
    jumped = load(levels, null + 1, len(ratios))
    return settle_level(state, float(densities[null]), normal, float(densities[null + 1]), jumped)


@inlined
def _take(  # noqa: PLR0913  columns, because compiled
    levels: Floats, densities: Floats, ratios: Floats, rate: float, evaluated: float, bad: float, rho: float
) -> None:
    lanes = len(ratios)
    for j in range(lanes):
        densities[j], belief = taken(load(levels, j, lanes), min(rate * ratios[j], MAX_RATE), evaluated, bad, rho)
        store(belief, levels, j, lanes)


@compiled
def _look_up(  # noqa: PLR0913  columns, because compiled
    logs: Floats, other_logs: Floats, at: int, null: int, bad: float, good: float, densities: Floats
) -> float:
    for j in range(logs.shape[1]):
        densities[j] = bad * logs[at, j] + good * other_logs[at, j]
    return float(densities[null])


@compiled
def _hold_against(  # noqa: PLR0913  columns, because compiled
    densities: Floats, ratios: Floats, null: int, rate: float, evaluated: float, bad: float, rho: float
) -> float:
    if rho * evaluated < COIN:
        for j in range(len(ratios)):
            densities[j] = log_coins(bad, evaluated, min(rate * ratios[j], MAX_RATE))
    else:
        for j in range(len(ratios)):
            densities[j] = log_density(bad, evaluated, min(rate * ratios[j], MAX_RATE), rho)
    return float(densities[null])


@compiled
def _gather(densities: Floats, log_normal: float, gathered: Floats) -> None:
    for j in range(len(gathered)):
        gain = min(densities[j] - log_normal, MAX_GAIN)
        gathered[j] = min((1.0 + gathered[j]) * exp(gain), MAX_R)


@compiled
def _sides(weights: Floats, rises: int, gathered: Floats) -> tuple[float, float]:
    rising = 0.0
    for j in range(rises):
        rising += weights[j] * gathered[j]
    falling = 0.0
    for j in range(rises, len(weights)):
        falling += weights[j] * gathered[j]
    return rising, falling
