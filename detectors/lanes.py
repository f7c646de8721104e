"""The levels of all hypotheses side by side, and that of the null beside them: one loop takes a window into all."""

import numpy as np

from detectors.base import Floats
from detectors.belief import load, store, taken
from detectors.betabinomial import COIN, MAX_RATE, log_coins, log_density
from detectors.compiled import compiled, inlined
from detectors.level import settle_level
from detectors.rows import DENSITIES, HYPOTHESES, JUMP_RATE, JUMPED, LEVELS, NORMAL, RATIOS, RHO, ROOM, STATE

FIRST, _SECOND = HYPOTHESES, HYPOTHESES + 1
"""Places beside the hypotheses."""
_RATIOS = np.concatenate([RATIOS, np.ones(ROOM - HYPOTHESES)])


@inlined
def hypotheses(state: Floats) -> int:
    """HYPOTHESES. A compiler that knew the number would unroll the loops over it, and make no vectors."""
    return len(state) - (STATE - HYPOTHESES)


@inlined
def _room(state: Floats) -> int:
    """ROOM, likewise."""
    return len(state) - (STATE - ROOM)


@compiled
def take_wandering(state: Floats, parameters: Floats, rate: float, evaluated: float, bad: float) -> float:
    """All levels take the window in. Returns the logarithm of its density under the null, which was beside them."""
    lend(state, NORMAL, FIRST)
    lend(state, JUMPED, _SECOND)
    take_all(state, rate, evaluated, bad, parameters[RHO])
    normal, log_normal = load(state, LEVELS + FIRST, ROOM), float(state[DENSITIES + FIRST])
    if parameters[JUMP_RATE] == 0.0:
        store(normal, state, NORMAL)
        return log_normal
    log_jumped = float(state[DENSITIES + _SECOND])
    return settle_level(state, log_normal, normal, log_jumped, load(state, LEVELS + _SECOND, ROOM))


@compiled
def lend(state: Floats, at: int, lane: int) -> None:
    """Put the belief at `at` beside those of the hypotheses: one more in a vector costs nothing."""
    store(load(state, at), state, LEVELS + lane, ROOM)


@compiled
def take_all(state: Floats, rate: float, evaluated: float, bad: float, rho: float) -> None:
    """All levels side by side take the window in."""
    for j in range(_room(state)):
        usual = min(rate * _RATIOS[j], MAX_RATE)
        state[DENSITIES + j], belief = taken(load(state, LEVELS + j, ROOM), usual, evaluated, bad, rho)
        store(belief, state, LEVELS + j, ROOM)


@compiled
def hold_against(state: Floats, rate: float, evaluated: float, bad: float, rho: float) -> float:
    """The same where levels stay put. Returns the logarithm of the density under the null."""
    if rho * evaluated < COIN:
        for j in range(_room(state)):
            state[DENSITIES + j] = log_coins(bad, evaluated, min(rate * _RATIOS[j], MAX_RATE))
    else:
        for j in range(_room(state)):
            state[DENSITIES + j] = log_density(bad, evaluated, min(rate * _RATIOS[j], MAX_RATE), rho)
    return float(state[DENSITIES + FIRST])
