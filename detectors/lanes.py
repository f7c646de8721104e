"""One window while nothing is open: every hypothesis, side by side, gathers evidence against what is normal.

Live scoring steps one window of a row of state, a backtest thousands, and learning those of the past week in arrays of
its own: all by `watched`, so that they agree to the bit.
"""

import math
from typing import NamedTuple

import numpy as np

from detectors.base import Floats
from detectors.belief import Belief, Wander, load, merged, passed, store, taken, wander_of
from detectors.betabinomial import COIN, MAX_RATE, log_coins, log_density
from detectors.compiled import compiled, inlined
from detectors.elementary import exp
from detectors.guard import forget_pages, guard
from detectors.level import predict_level, settle_level
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
    UPWARD,
    VARIANCE,
    WEIGHTS,
)

MAX_GAIN = 60.0
MAX_R = 1e80
TINY = 1e-300
_RATIOS = np.concatenate([RATIOS, np.ones(ROOM - HYPOTHESES)])
_LOG_RATIOS = np.log(RATIOS)
_NO_LOGS = np.zeros((0, 0))


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
        _NO_LOGS,
        _NO_LOGS,
    )


@compiled
def watched(  # noqa: PLR0913  columns, because compiled
    state: Floats, row: Floats, lanes: Lanes, at: int, rate: float, evaluated: float, bad: float
) -> tuple[float, float, float]:
    """Take window number `at` in. Returns the statistic, and what of it speaks of a rise and of a drop.

    A window without events does not count as time, lest silence become evidence.
    """
    wandering = row[VARIANCE] > 0.0
    if wandering:
        _predict(lanes, load(state, NORMAL), wander_of(row), math.log(MAX_RATE / rate))
        predict_level(state, row)
    if evaluated > 0.0:
        if wandering:
            normal = _take_wandering(state, row, lanes, rate, evaluated, bad)
        elif len(lanes.logs) > 0:
            normal = _look_up(lanes, at % len(lanes.logs), bad, evaluated - bad)
        else:
            normal = _hold_against(lanes, rate, evaluated, bad, row[RHO])
        _gather(lanes.densities, normal, lanes.gathered)
        forget_pages(state)
    rising, falling = _sides(lanes.weights, lanes.rises, lanes.gathered)
    return math.log(rising + falling + TINY) - guard(state), rising, falling


@inlined
def _predict(lanes: Lanes, normal: Belief, wander: Wander, largest: float) -> None:
    """One window passes. By the odds R a change is older, and the level after it known by now, or it is just now."""
    levels, stride = lanes.levels, len(lanes.ratios)
    for j in range(len(lanes.gathered)):
        # Where the rate does not jump the level has, the other way.
        shift = -lanes.absorbed[j] * min(lanes.log_ratios[j], largest)
        belief = merged(load(levels, j, stride), normal, lanes.gathered[j], shift, 0.0)
        store(passed(belief, wander), levels, j, stride)


@inlined
def _take_wandering(state: Floats, row: Floats, lanes: Lanes, rate: float, evaluated: float, bad: float) -> float:
    """All levels take a window in. Returns the logarithm of its density under the null, as do the other two."""
    levels, densities, null, stride = lanes.levels, lanes.densities, lanes.null, len(lanes.ratios)
    store(load(state, NORMAL), levels, null, stride)  # beside the others: one more in a vector costs nothing
    store(load(state, JUMPED), levels, null + 1, stride)
    take_all(lanes, rate, evaluated, bad, row[RHO])
    normal = load(levels, null, stride)
    if row[JUMP_RATE] == 0.0:
        store(normal, state, NORMAL)
        return float(densities[null])
    jumped = load(levels, null + 1, stride)
    return settle_level(state, float(densities[null]), normal, float(densities[null + 1]), jumped)


@inlined
def take_all(lanes: Lanes, rate: float, evaluated: float, bad: float, rho: float) -> None:
    """All levels side by side take a window in."""
    levels, densities, ratios = lanes.levels, lanes.densities, lanes.ratios
    stride = len(ratios)
    for j in range(stride):
        densities[j], belief = taken(load(levels, j, stride), min(rate * ratios[j], MAX_RATE), evaluated, bad, rho)
        store(belief, levels, j, stride)


@inlined
def _look_up(lanes: Lanes, at: int, bad: float, good: float) -> float:
    for j in range(lanes.logs.shape[1]):
        lanes.densities[j] = bad * lanes.logs[at, j] + good * lanes.other_logs[at, j]
    return float(lanes.densities[lanes.null])


@inlined
def _hold_against(lanes: Lanes, rate: float, evaluated: float, bad: float, rho: float) -> float:
    densities, ratios = lanes.densities, lanes.ratios
    if rho * evaluated < COIN:
        for j in range(len(ratios)):
            densities[j] = log_coins(bad, evaluated, min(rate * ratios[j], MAX_RATE))
    else:
        for j in range(len(ratios)):
            densities[j] = log_density(bad, evaluated, min(rate * ratios[j], MAX_RATE), rho)
    return float(densities[lanes.null])


@inlined
def _gather(densities: Floats, log_normal: float, gathered: Floats) -> None:
    """R <- (1 + R) f / f_normal, for every hypothesis."""
    for j in range(len(gathered)):
        gain = min(densities[j] - log_normal, MAX_GAIN)
        gathered[j] = min((1.0 + gathered[j]) * exp(gain), MAX_R)


@inlined
def _sides(weights: Floats, rises: int, gathered: Floats) -> tuple[float, float]:
    rising = 0.0
    for j in range(rises):
        rising += weights[j] * gathered[j]
    falling = 0.0
    for j in range(rises, len(weights)):
        falling += weights[j] * gathered[j]
    return rising, falling
