"""One window of one series: what is normal, what else it might be, and the evidence between them.

Each hypothesis has a level of its own, and a statistic R <- (1 + R) f / f_normal. Both densities depend on the past
only, so under the null R less the time is a martingale, whatever a hypothesis believes; the weighted sum of the R is
the statistic. A window without events does not count as time, lest silence become evidence. Live scoring and
backtests call the same `step`.
"""

import math

from detectors.base import Floats
from detectors.belief import let_pass, merge, start_belief, take
from detectors.betabinomial import MAX_RATE, log_density
from detectors.compiled import compiled
from detectors.guard import forget_pages, guard, remember_evidence, remember_page
from detectors.level import predict_level, start_level, take_level
from detectors.rows import (
    ABSORBED,
    BACK,
    BACK_R,
    BELIEF,
    EVIDENCE,
    FAST_SLOW,
    HYPOTHESES,
    JUMP_ODDS,
    JUMPED,
    LEVELS,
    NORMAL,
    OPEN,
    RATIOS,
    RHO,
    SHARES,
    SLOW,
    SLOW_SLOW,
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
_MAX_GAIN = 60.0
_MAX_R = 1e80
_MAX_EVIDENCE = 200.0
_TINY = 1e-300


@compiled
def start_state(state: Floats, parameters: Floats) -> None:
    """No evidence, no incident, and nothing known of the level."""
    state[:] = 0.0
    start_level(state, parameters)
    for j in range(HYPOTHESES):
        start_belief(state, LEVELS + j * BELIEF, parameters)


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
    statistic = math.log(up + down + _TINY) - guard(state)
    if statistic <= parameters[THRESHOLD]:
        return statistic, up >= down, NOTHING
    state[OPEN] = 1.0
    state[EVIDENCE] = min(statistic, _MAX_EVIDENCE)
    remember_evidence(state)
    state[BACK_R] = 0.0
    state[JUMP_ODDS] = 0.0
    start_belief(state, BACK, parameters)
    for j in range(HYPOTHESES):
        state[SHARES + j] *= parameters[WEIGHTS + j] / (up + down)
        _free_level(state, parameters, j)
    return statistic, up >= down, OPENED


@compiled
def _free_level(state: Floats, parameters: Floats, j: int) -> None:
    """An incident seldom has the size of a hypothesis: from its opening on the level is learned around it.

    A size between two would else look normal to the wrong one of them, now and then for long enough to close.
    """
    at = LEVELS + j * BELIEF
    if parameters[VARIANCE] == 0.0:
        start_belief(state, at, parameters)
    state[at + SLOW_SLOW] += _own_variance(j)


@compiled
def _own_variance(j: int) -> float:
    """Of an incident's level around hypothesis j."""
    spread = min(abs(math.log(RATIOS[j])) * _OWN_SPREAD, _MAX_SPREAD)
    return spread * spread


@compiled
def _take_evidence(state: Floats, parameters: Floats, rate: float, evaluated: float, bad: float) -> None:
    """R <- (1 + R) f / f_normal, for every hypothesis."""
    log_normal = take_level(state, parameters, rate, evaluated, bad, parameters[RHO])
    for j in range(HYPOTHESES):
        if parameters[WEIGHTS + j] > 0.0:
            gain = _take_hypothesis(state, parameters, j, rate, evaluated, bad) - log_normal
            state[SHARES + j] = min((1.0 + state[SHARES + j]) * math.exp(min(gain, _MAX_GAIN)), _MAX_R)


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
    for j in range(HYPOTHESES):
        if parameters[WEIGHTS + j] > 0.0:
            shift = 0.0
            if ABSORBED[j] > 0.0:
                shift = -math.log(min(rate * RATIOS[j], MAX_RATE) / rate)
            at = LEVELS + j * BELIEF
            merge(state, at, NORMAL, state[SHARES + j], shift, 0.0)
            let_pass(state, at, parameters)


@compiled
def _take_hypothesis(state: Floats, parameters: Floats, j: int, rate: float, evaluated: float, bad: float) -> float:
    """Logarithm of the window's density under hypothesis j before it was known; then its level takes it in."""
    usual = min(rate * RATIOS[j], MAX_RATE)
    if parameters[VARIANCE] == 0.0 and state[OPEN] == 0.0:
        return log_density(bad, evaluated, usual, parameters[RHO])
    return take(state, LEVELS + j * BELIEF, usual, evaluated, bad, parameters[RHO])


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
    log_incident = _take_incident(state, parameters, rate, evaluated, bad)
    log_back = take(state, BACK, rate, evaluated, bad, parameters[RHO])
    gain = log_back - log_incident
    state[BACK_R] = min((1.0 + state[BACK_R]) * math.exp(min(gain, _MAX_GAIN)), _MAX_R)
    state[EVIDENCE] = min(max(state[EVIDENCE] - gain, 0.0), _MAX_EVIDENCE)
    remember_evidence(state)
    if math.log(state[BACK_R] + _TINY) <= CLOSE_AT:
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
    for j in range(HYPOTHESES):
        let_pass(state, LEVELS + j * BELIEF, parameters)
    # The level that jumped has no use while an incident is open: here it is one of which nothing is known.
    start_belief(state, JUMPED, parameters)
    merge(state, BACK, JUMPED, state[BACK_R], 0.0, 0.0)
    let_pass(state, BACK, parameters)


@compiled
def _take_incident(state: Floats, parameters: Floats, rate: float, evaluated: float, bad: float) -> float:
    """Logarithm of the window's density under the posterior of the hypotheses; then it takes the window in."""
    _mix_shares(state, parameters)
    largest = -math.inf
    for j in range(HYPOTHESES):
        if parameters[WEIGHTS + j] > 0.0:
            log_share = math.log(state[SHARES + j])
            state[SHARES + j] = log_share + _take_hypothesis(state, parameters, j, rate, evaluated, bad)
            largest = max(largest, state[SHARES + j])
        else:
            state[SHARES + j] = -math.inf
    total = 0.0
    for j in range(HYPOTHESES):
        total += math.exp(state[SHARES + j] - largest)
    found = largest + math.log(total)
    for j in range(HYPOTHESES):
        state[SHARES + j] = math.exp(state[SHARES + j] - found)
    return found


@compiled
def _mix_shares(state: Floats, parameters: Floats) -> None:
    """A little of the posterior goes back to all hypotheses by their weights, and it adds up to 1."""
    weight = 0.0
    total = 0.0
    for j in range(HYPOTHESES):
        weight += parameters[WEIGHTS + j]
        total += state[SHARES + j]
    for j in range(HYPOTHESES):
        if parameters[WEIGHTS + j] > 0.0:
            old = (1.0 - _FORGOTTEN) * state[SHARES + j] / total
            fresh = _FORGOTTEN * parameters[WEIGHTS + j] / weight
            state[SHARES + j] = old + fresh
            # What comes back knows nothing of the level.
            share, at = old / (old + fresh), LEVELS + j * BELIEF
            slow, variance = state[at + SLOW], parameters[SLOW_VARIANCE] + _own_variance(j)
            state[at + SLOW] = share * slow
            state[at + FAST_SLOW] *= share
            state[at + SLOW_SLOW] += (1.0 - share) * (variance - state[at + SLOW_SLOW] + share * slow * slow)
