"""What is normal: a level around the season that wanders, forgets, and now and then jumps by itself.

Two beliefs, without and with a recent jump, and the odds between them. Their predictive density is the null of every
ratio; the promise about false pages rests on this density alone.
"""

import numpy as np

from detectors.base import Floats
from detectors.belief import (
    Belief,
    fresh_belief,
    let_pass,
    load,
    merged,
    narrow,
    passed,
    spread_of,
    start_belief,
    store,
    take,
    taken,
    wander_of,
)
from detectors.compiled import compiled, inlined
from detectors.elementary import exp, log
from detectors.rows import BELIEF, JUMP_ODDS, JUMP_RATE, JUMP_VARIANCE, JUMPED, NORMAL, RHO

_MAX_LOG = 50.0
_MAX_ODDS = 1e20
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
        normal, jumped = load(state, NORMAL), load(state, JUMPED)
        jumped = merged(jumped, normal, state[JUMP_ODDS] / rate, 0.0, parameters[JUMP_VARIANCE])
        store(passed(jumped, wander_of(parameters)), state, JUMPED)
        state[JUMP_ODDS] = (state[JUMP_ODDS] + rate) / (1.0 - rate)
    let_pass(state, NORMAL, parameters)


@compiled
def take_level(state: Floats, parameters: Floats, rate: float, evaluated: float, bad: float, rho: float) -> float:
    """Logarithm of the window's density under the null before it was known; then the level takes the window in."""
    if parameters[JUMP_RATE] == 0.0:
        return take(state, NORMAL, rate, evaluated, bad, rho)
    log_normal, normal = taken(load(state, NORMAL), rate, evaluated, bad, rho)
    log_jumped, jumped = taken(load(state, JUMPED), rate, evaluated, bad, rho)
    return settle_level(state, log_normal, normal, log_jumped, jumped)


@inlined
def settle_level(state: Floats, log_normal: float, normal: Belief, log_jumped: float, jumped: Belief) -> float:
    """The same where both beliefs, without and with a jump, have taken the window in already."""
    found, odds = _both(log_normal, log_jumped, state[JUMP_ODDS])
    store(jumped, state, JUMPED)
    store(_after(normal, jumped, odds), state, NORMAL)
    state[JUMP_ODDS] = _odds_after(odds)
    return found


@inlined
def _both(log_normal: float, log_jumped: float, odds: float) -> tuple[float, float]:
    """Logarithm of the density of the two together, and the odds of the jump that they leave."""
    gain = log_jumped - log_normal
    capped = min(gain, _MAX_LOG)
    likelier = odds * exp(capped)
    return log_normal + (gain - capped) + log((1.0 + likelier) / (1.0 + odds)), min(likelier, _MAX_ODDS)


@inlined
def _after(normal: Belief, jumped: Belief, odds: float) -> Belief:
    """What is normal, by the odds of the jump."""
    a, b, c, d, e = normal
    v, w, x, y, z = jumped
    fact = odds > _JUMPED
    return v if fact else a, w if fact else b, x if fact else c, y if fact else d, z if fact else e


@inlined
def _odds_after(odds: float) -> float:
    return 0.0 if odds > _JUMPED else odds


@compiled
def surprises(
    parameters: Floats, rates: Floats, evaluated: Floats, bad: Floats, known: Floats, windows: float
) -> Floats:
    """Minus the log-likelihood of a history, each part predicted from what came before it, for rows of parameters.

    Columns of shape (bins,), a bin being `windows` windows; `known` is 0 where a bin is left out. `parameters`, of
    shape (rows, PARAMETERS), has memories and jumps of a bin, and the same RHO in all rows. Returns shape (rows,).
    """
    rows = len(parameters)
    total = np.zeros(rows)
    normal, jumped, odds = np.zeros(BELIEF * rows), np.zeros(BELIEF * rows), np.zeros(rows)
    for j in range(rows):
        fresh = fresh_belief(wander_of(parameters[j]))
        store(fresh, normal, j, rows)
        store(fresh, jumped, j, rows)
    columns = np.ascontiguousarray(parameters.T)
    jumps = columns[JUMP_RATE].any()
    for i in range(len(bad)):
        if jumps:
            _jump_all(columns, normal, jumped, odds)
        _pass_all(columns, normal)
        if evaluated[i] > 0.0 and known[i] > 0.0:
            # Events of different windows are not correlated, so those of a bin are less.
            rho = max(evaluated[i] / windows - 1.0, 0.0) * columns[RHO, 0] / max(evaluated[i] - 1.0, 1.0)
            if jumps:
                _take_all_jumping(normal, jumped, odds, total, rates[i], evaluated[i], bad[i], rho)
            else:
                _take_all(normal, total, rates[i], evaluated[i], bad[i], rho)
    return -total


@compiled
def _pass_all(columns: Floats, beliefs: Floats) -> None:
    rows = columns.shape[1]
    for j in range(rows):
        store(passed(load(beliefs, j, rows), wander_of(columns[:, j])), beliefs, j, rows)


@compiled
def _jump_all(columns: Floats, normal: Floats, jumped: Floats, odds: Floats) -> None:
    rows = len(odds)
    for j in range(rows):
        rate = columns[JUMP_RATE, j]
        older = odds[j] / rate if rate > 0.0 else 0.0
        belief = merged(load(jumped, j, rows), load(normal, j, rows), older, 0.0, columns[JUMP_VARIANCE, j])
        store(passed(belief, wander_of(columns[:, j])), jumped, j, rows)
        odds[j] = (odds[j] + rate) / (1.0 - rate)


@compiled
def _take_all(beliefs: Floats, total: Floats, rate: float, evaluated: float, bad: float, rho: float) -> None:
    rows = len(total)
    for j in range(rows):
        found, belief = taken(load(beliefs, j, rows), rate, evaluated, bad, rho)
        store(belief, beliefs, j, rows)
        total[j] += found


@compiled
def _take_all_jumping(  # noqa: PLR0913  columns, because compiled
    normal: Floats,
    jumped: Floats,
    odds: Floats,
    total: Floats,
    rate: float,
    evaluated: float,
    bad: float,
    rho: float,
) -> None:
    rows = len(total)
    for j in range(rows):
        log_normal, without = taken(load(normal, j, rows), rate, evaluated, bad, rho)
        log_jumped, with_jump = taken(load(jumped, j, rows), rate, evaluated, bad, rho)
        found, now = _both(log_normal, log_jumped, odds[j])
        store(with_jump, jumped, j, rows)
        store(_after(without, with_jump, now), normal, j, rows)
        odds[j] = _odds_after(now)
        total[j] += found


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
