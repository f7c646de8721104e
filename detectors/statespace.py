"""One window of one series: what is normal, what else it might be, and the evidence between them.

Each hypothesis has a level of its own, and a statistic R <- (1 + R) f / f_normal. Both densities depend on the past
only, so under the null R less the time is a martingale, whatever a hypothesis believes; the weighted sum of the R is
the statistic. A window without events does not count as time, lest silence become evidence. Live scoring and
backtests call the same `step`.
"""

import math

import numpy as np

from detectors.base import Floats
from detectors.belief import (
    fresh_belief,
    let_pass,
    load,
    merged,
    passed,
    start_belief,
    store,
    wander_of,
)
from detectors.betabinomial import MAX_RATE
from detectors.compiled import compiled
from detectors.elementary import exp
from detectors.guard import forget_pages, guard, remember_evidence, remember_page
from detectors.lanes import FIRST, hold_against, hypotheses, lend, take_all, take_wandering
from detectors.level import predict_level, start_level
from detectors.rows import (
    ABSORBED,
    BACK,
    BACK_R,
    BELIEF,
    DENSITIES,
    EVIDENCE,
    HYPOTHESES,
    JUMP_ODDS,
    JUMPED,
    LEVELS,
    NORMAL,
    OPEN,
    RATIOS,
    RHO,
    ROOM,
    SHARES,
    SLOW_VARIANCE,
    THRESHOLD,
    UPWARD,
    VARIANCE,
    WEIGHTS,
)

NOTHING, OPENED, CLOSED = 0, 1, 2
CLOSE_AT = math.log(60_480.0)
"""Evidence for normality that closes an incident: one false closing per incident-week, if the incident is real."""
_FORGOTTEN = 1e-4
"""Share of the posterior that goes back to all hypotheses in a window, so that a changing incident is followed."""
_OWN_SPREAD, _MAX_SPREAD = 0.3, 0.1
"""How far an incident's level may lie around its hypothesis: a share of the distance to normal, and a logarithm."""
MAX_GAIN = 60.0
MAX_R = 1e80
_MAX_EVIDENCE = 200.0
TINY = 1e-300
_LOG_RATIOS = np.log(RATIOS)
_OWN_VARIANCES = np.minimum(np.abs(_LOG_RATIOS) * _OWN_SPREAD, _MAX_SPREAD) ** 2
"""Of an incident's level around each hypothesis."""


@compiled
def start_state(state: Floats, parameters: Floats) -> None:
    """No evidence, no incident, and nothing known of the level."""
    state[:] = 0.0
    start_level(state, parameters)
    for j in range(HYPOTHESES):
        store(fresh_belief(wander_of(parameters)), state, LEVELS + j, ROOM)


@compiled
def forget_evidence(state: Floats) -> None:
    """No evidence and no incident; the level stays."""
    state[OPEN] = 0.0
    state[EVIDENCE] = 0.0
    state[BACK_R] = 0.0
    for j in range(HYPOTHESES):
        state[SHARES + j] = 0.0


@compiled
def step(state: Floats, parameters: Floats, rate: float, evaluated: float, bad: float) -> tuple[float, bool, int]:
    """Take one window in, `rate` being the season's. A window with nothing evaluated only passes.

    Returns the statistic, whether it speaks of a rise, and what happened: NOTHING, OPENED or CLOSED.
    """
    if state[OPEN] > 0.0:
        return _follow(state, parameters, rate, evaluated, bad)
    return _watch(state, parameters, rate, evaluated, bad)


@compiled
def _watch(state: Floats, parameters: Floats, rate: float, evaluated: float, bad: float) -> tuple[float, bool, int]:
    """While nothing is open: evidence is gathered, and enough of it opens an incident."""
    if parameters[VARIANCE] > 0.0:
        _predict_hypotheses(state, parameters, rate)
        predict_level(state, parameters)
    if evaluated > 0.0:
        _take_evidence(state, parameters, rate, evaluated, bad)
        forget_pages(state)
    up, down = _sides(state, parameters)
    statistic = math.log(up + down + TINY) - guard(state)
    if statistic <= parameters[THRESHOLD]:
        return statistic, up >= down, NOTHING
    open_incident(state, parameters, statistic, up + down)
    return statistic, up >= down, OPENED


@compiled
def open_incident(state: Floats, parameters: Floats, statistic: float, weight: float) -> None:
    """Enough evidence: R of every hypothesis by its weight, over their sum, becomes its share of the posterior."""
    state[OPEN] = 1.0
    state[EVIDENCE] = min(statistic, _MAX_EVIDENCE)
    remember_evidence(state)
    state[BACK_R] = 0.0
    state[JUMP_ODDS] = 0.0
    start_belief(state, BACK, parameters)
    for j in range(HYPOTHESES):
        state[SHARES + j] *= parameters[WEIGHTS + j] / weight
    _free_levels(state, parameters)


@compiled
def _free_levels(state: Floats, parameters: Floats) -> None:
    """An incident seldom has the size of a hypothesis: from its opening on the level is learned around it.

    A size between two would else look normal to the wrong one of them, now and then for long enough to close.
    """
    still = parameters[VARIANCE] == 0.0
    for j in range(hypotheses(state)):
        belief = fresh_belief(wander_of(parameters)) if still else load(state, LEVELS + j, ROOM)
        fast, slow, fast_fast, fast_slow, slow_slow = belief
        store((fast, slow, fast_fast, fast_slow, slow_slow + _OWN_VARIANCES[j]), state, LEVELS + j, ROOM)


@compiled
def _take_evidence(state: Floats, parameters: Floats, rate: float, evaluated: float, bad: float) -> None:
    """R <- (1 + R) f / f_normal, for every hypothesis."""
    if parameters[VARIANCE] > 0.0:
        log_normal = take_wandering(state, parameters, rate, evaluated, bad)
    else:
        log_normal = hold_against(state, rate, evaluated, bad, parameters[RHO])
    for j in range(hypotheses(state)):
        gain = min(state[DENSITIES + j] - log_normal, MAX_GAIN)
        state[SHARES + j] = min((1.0 + state[SHARES + j]) * exp(gain), MAX_R)


@compiled
def _sides(state: Floats, parameters: Floats) -> tuple[float, float]:
    up = 0.0
    for j in range(UPWARD):
        up += parameters[WEIGHTS + j] * state[SHARES + j]
    down = 0.0
    for j in range(UPWARD, HYPOTHESES):
        down += parameters[WEIGHTS + j] * state[SHARES + j]
    return up, down


@compiled
def _predict_hypotheses(state: Floats, parameters: Floats, rate: float) -> None:
    """One window passes. By the odds R a change is older, and the level after it known by now, or it is just now."""
    normal, wander = load(state, NORMAL), wander_of(parameters)
    largest = math.log(MAX_RATE / rate)
    for j in range(hypotheses(state)):
        # Where the rate does not jump the level has, the other way.
        shift = -ABSORBED[j] * min(_LOG_RATIOS[j], largest)
        belief = merged(load(state, LEVELS + j, ROOM), normal, state[SHARES + j], shift, 0.0)
        store(passed(belief, wander), state, LEVELS + j, ROOM)


@compiled
def _follow(state: Floats, parameters: Floats, rate: float, evaluated: float, bad: float) -> tuple[float, bool, int]:
    """While an incident is open: its posterior is followed, and held against a level that is back to normal.

    The null's own level only forgets; the incident must not teach it.
    """
    up = 0.0
    for j in range(UPWARD):
        up += state[SHARES + j]
    rises = up >= 0.5
    if parameters[VARIANCE] > 0.0:
        let_pass(state, NORMAL, parameters)
        _predict_followed(state, parameters)
    if evaluated <= 0.0:
        return state[EVIDENCE], rises, NOTHING
    forget_pages(state)
    _mix_shares(state, parameters)
    lend(state, BACK, FIRST)
    take_all(state, rate, evaluated, bad, parameters[RHO])
    store(load(state, LEVELS + FIRST, ROOM), state, BACK)
    gain = float(state[DENSITIES + FIRST]) - _take_incident(state, parameters)
    state[BACK_R] = min((1.0 + state[BACK_R]) * math.exp(min(gain, MAX_GAIN)), MAX_R)
    state[EVIDENCE] = min(max(state[EVIDENCE] - gain, 0.0), _MAX_EVIDENCE)
    remember_evidence(state)
    if math.log(state[BACK_R] + TINY) <= CLOSE_AT:
        return state[EVIDENCE], rises, NOTHING
    remember_page(state, parameters)
    forget_evidence(state)
    state[JUMP_ODDS] = 0.0
    for i in range(BELIEF):
        state[NORMAL + i] = state[BACK + i]
    return 0.0, rises, CLOSED


@compiled
def _predict_followed(state: Floats, parameters: Floats) -> None:
    """One window passes. An end is just now, when nothing is known of the level, or older, by the odds."""
    wander = wander_of(parameters)
    for j in range(hypotheses(state)):
        store(passed(load(state, LEVELS + j, ROOM), wander), state, LEVELS + j, ROOM)
    # The level that jumped has no use while an incident is open: here it is one of which nothing is known.
    start_belief(state, JUMPED, parameters)
    store(passed(merged(load(state, BACK), load(state, JUMPED), state[BACK_R], 0.0, 0.0), wander), state, BACK)


@compiled
def _take_incident(state: Floats, parameters: Floats) -> float:
    """Logarithm of the window's density under the posterior of the hypotheses; then it takes the window in."""
    largest = -math.inf
    for j in range(HYPOTHESES):
        if parameters[WEIGHTS + j] > 0.0:
            largest = max(largest, state[DENSITIES + j])
    total = 0.0
    for j in range(HYPOTHESES):
        state[SHARES + j] *= math.exp(state[DENSITIES + j] - largest) if parameters[WEIGHTS + j] > 0.0 else 0.0
        total += state[SHARES + j]
    for j in range(HYPOTHESES):
        state[SHARES + j] /= total
    return largest + math.log(total)


@compiled
def _mix_shares(state: Floats, parameters: Floats) -> None:
    """A little of the posterior goes back to all hypotheses by their weights, and it adds up to 1."""
    weight = 0.0
    total = 0.0
    for j in range(HYPOTHESES):
        weight += parameters[WEIGHTS + j]
        total += state[SHARES + j]
    slow_variance = parameters[SLOW_VARIANCE]
    for j in range(HYPOTHESES):
        old = (1.0 - _FORGOTTEN) * state[SHARES + j] / total
        fresh = _FORGOTTEN * parameters[WEIGHTS + j] / weight
        state[SHARES + j] = old + fresh
        # What comes back knows nothing of the level.
        share = old / (old + fresh) if old + fresh > 0.0 else 0.0
        fast, slow, fast_fast, fast_slow, slow_slow = load(state, LEVELS + j, ROOM)
        slow_slow += (1.0 - share) * (slow_variance + _OWN_VARIANCES[j] - slow_slow + share * slow * slow)
        store((fast, share * slow, fast_fast, share * fast_slow, slow_slow), state, LEVELS + j, ROOM)
