"""What is normal: a level around the season that wanders, forgets, and now and then jumps by itself.

Two beliefs, without and with a recent jump, and the odds between them. Their predictive density is the null of every
ratio; the promise about false pages rests on this density alone.
"""

import math

import numpy as np

from detectors.base import Floats
from detectors.belief import let_pass, merge, narrow, spread_of, start_belief, take
from detectors.compiled import compiled
from detectors.rows import BELIEF, JUMP_ODDS, JUMP_RATE, JUMP_VARIANCE, JUMPED, NORMAL, RHO, VARIANCE

_MAX_LOG = 50.0
_JUMPED = 10.0
"""Odds at which the jump is taken for a fact."""


@compiled
def start_level(state: Floats, parameters: Floats) -> None:
    """Nothing is known of the level but how it wanders."""
    start_belief(state, NORMAL, parameters)
    start_belief(state, JUMPED, parameters)
    state[JUMP_ODDS] = 0.0


@compiled
def predict_level(state: Floats, parameters: Floats) -> None:
    """One window passes: the level forgets, and may jump."""
    rate = parameters[JUMP_RATE]
    if rate > 0.0:
        merge(state, JUMPED, NORMAL, state[JUMP_ODDS] / rate, 0.0, parameters[JUMP_VARIANCE])
        let_pass(state, JUMPED, parameters)
        state[JUMP_ODDS] = (state[JUMP_ODDS] + rate) / (1.0 - rate)
    let_pass(state, NORMAL, parameters)


@compiled
def take_level(state: Floats, parameters: Floats, rate: float, evaluated: float, bad: float, rho: float) -> float:
    """Logarithm of the window's density under the null before it was known; then the level takes the window in."""
    found = take(state, NORMAL, rate, evaluated, bad, rho)
    if parameters[JUMP_RATE] == 0.0:
        return found
    log_jumped = take(state, JUMPED, rate, evaluated, bad, rho)
    odds = state[JUMP_ODDS]
    gain = log_jumped - found
    state[JUMP_ODDS] = min(odds * math.exp(min(gain, _MAX_LOG)), 1e20)
    if state[JUMP_ODDS] > _JUMPED:
        for i in range(BELIEF):
            state[NORMAL + i] = state[JUMPED + i]
        state[JUMP_ODDS] = 0.0
    if gain < _MAX_LOG:
        return found + math.log((1.0 + odds * math.exp(gain)) / (1.0 + odds))
    return log_jumped + math.log(odds / (1.0 + odds))


@compiled
def surprise(parameters: Floats, rates: Floats, evaluated: Floats, bad: Floats, known: Floats, windows: float) -> float:
    """Minus the log-likelihood of a history, each part predicted from what came before it.

    Columns of shape (bins,), a bin being `windows` windows; `known` is 0 where a bin is left out. The parameters
    of memory and jumps are those of a bin.
    """
    state = np.zeros(JUMP_ODDS + 1)
    start_level(state, parameters)
    total = 0.0
    for i in range(len(bad)):
        if parameters[VARIANCE] > 0.0:
            predict_level(state, parameters)
        if evaluated[i] > 0.0 and known[i] > 0.0:
            # Events of different windows are not correlated, so those of a bin are less.
            rho = max(evaluated[i] / windows - 1.0, 0.0) * parameters[RHO] / max(evaluated[i] - 1.0, 1.0)
            total -= take_level(state, parameters, rates[i], evaluated[i], bad[i], rho)
    return total


@compiled
def known_spread(parameters: Floats, information: float) -> float:
    """Variance of the level that is left before a window, once all windows before it told so much of it."""
    state = np.zeros(JUMP_ODDS + 1)
    start_belief(state, NORMAL, parameters)
    spread = 0.0
    for _ in range(20_000):
        let_pass(state, NORMAL, parameters)
        before, spread = spread, spread_of(state, NORMAL)
        if abs(spread - before) <= 1e-9 * spread:
            break
        narrow(state, NORMAL, spread, spread / (1.0 + spread * information))
    return spread
