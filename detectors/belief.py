"""One belief about the level of a rate: two parts, fast and slow, each known to so much.

The level is the logarithm of the rate over its season; its parts forget with memories of their own. A belief is
FAST, SLOW and the covariance FAST_FAST, FAST_SLOW, SLOW_SLOW, `BELIEF` numbers in a row of state from index `at` on.
Most series need no slow part; then its numbers are 0.
"""

import math

from detectors.base import Floats
from detectors.betabinomial import MAX_RATE, log_density, updated
from detectors.compiled import compiled
from detectors.rows import FAST, FAST_FAST, FAST_SLOW, MEMORY, SLOW, SLOW_MEMORY, SLOW_SLOW, SLOW_VARIANCE, VARIANCE


@compiled
def start_belief(state: Floats, at: int, parameters: Floats) -> None:
    """Nothing is known of the level but how it wanders."""
    state[at + FAST] = 0.0
    state[at + SLOW] = 0.0
    state[at + FAST_FAST] = parameters[VARIANCE]
    state[at + FAST_SLOW] = 0.0
    state[at + SLOW_SLOW] = parameters[SLOW_VARIANCE]


@compiled
def let_pass(state: Floats, at: int, parameters: Floats) -> None:
    """One window passes: both parts forget."""
    fast, slow = parameters[MEMORY], parameters[SLOW_MEMORY]
    state[at + FAST] *= fast
    state[at + SLOW] *= slow
    state[at + FAST_FAST] = fast * fast * state[at + FAST_FAST] + (1.0 - fast * fast) * parameters[VARIANCE]
    state[at + FAST_SLOW] *= fast * slow
    state[at + SLOW_SLOW] = slow * slow * state[at + SLOW_SLOW] + (1.0 - slow * slow) * parameters[SLOW_VARIANCE]


@compiled
def merge(state: Floats, at: int, fresh: int, odds: float, shift: float, spread: float) -> None:
    """What the level is if it parted from the belief at `fresh` just now, or earlier, by these odds.

    Parting just now shifts its fast part, and makes the part that lasts less known by `spread`. The two are merged
    by their moments.
    """
    share = odds / (1.0 + odds)
    rest = share * (1.0 - share)
    lasting = SLOW_SLOW if state[fresh + SLOW_SLOW] > 0.0 else FAST_FAST
    fast = state[at + FAST] - (state[fresh + FAST] + shift)
    slow = state[at + SLOW] - state[fresh + SLOW]
    state[at + FAST] = state[fresh + FAST] + shift + share * fast
    state[at + SLOW] = state[fresh + SLOW] + share * slow
    for i, gap in ((FAST_FAST, fast * fast), (FAST_SLOW, fast * slow), (SLOW_SLOW, slow * slow)):
        now = state[fresh + i] + (spread if i == lasting else 0.0)
        state[at + i] = now + share * (state[at + i] - now) + rest * gap


@compiled
def mean_of(state: Floats, at: int) -> float:
    """Mean of the level's logarithm."""
    return float(state[at + FAST] + state[at + SLOW])


@compiled
def spread_of(state: Floats, at: int) -> float:
    """Variance of the level's logarithm."""
    return max(float(state[at + FAST_FAST] + 2.0 * state[at + FAST_SLOW] + state[at + SLOW_SLOW]), 0.0)


@compiled
def take(state: Floats, at: int, rate: float, evaluated: float, bad: float, rho: float) -> float:
    """Logarithm of a window's density before it was known; then the belief takes the window in.

    `rate` is what the level multiplies. A level that is known stays put.
    """
    mean, spread = mean_of(state, at), spread_of(state, at)
    relative = math.exp(mean)
    here = min(rate * relative, MAX_RATE)
    found = log_density(bad, evaluated, here, rho + spread * here / (1.0 - here))
    if spread > 0.0:
        scatter = 1.0 + (evaluated - 1.0) * rho
        mean_after, spread_after = updated(relative, spread, bad, evaluated, rate, scatter)
        # Each part takes its share of what is new, as in a Kalman filter.
        fast = (state[at + FAST_FAST] + state[at + FAST_SLOW]) / spread
        slow = (state[at + SLOW_SLOW] + state[at + FAST_SLOW]) / spread
        state[at + FAST] += fast * (mean_after - mean)
        state[at + SLOW] += slow * (mean_after - mean)
        narrow(state, at, spread, spread_after)
    return found


@compiled
def narrow(state: Floats, at: int, before: float, after: float) -> None:
    """The covariance, when the variance of the whole level has become smaller."""
    fast = (state[at + FAST_FAST] + state[at + FAST_SLOW]) / before
    slow = (state[at + SLOW_SLOW] + state[at + FAST_SLOW]) / before
    state[at + FAST_FAST] -= fast * fast * (before - after)
    state[at + FAST_SLOW] -= fast * slow * (before - after)
    state[at + SLOW_SLOW] -= slow * slow * (before - after)
