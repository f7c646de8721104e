"""One belief about the level of a rate: two parts, fast and slow, each known to so much.

The level is the logarithm of the rate over its season; its parts forget with memories of their own. A belief is
FAST, SLOW and the covariance FAST_FAST, FAST_SLOW, SLOW_SLOW, `BELIEF` numbers in a row of state from index `at` on,
`stride` apart: beliefs side by side are a stride of as many, and loops over them are compiled to vector instructions.
Most series need no slow part; then its numbers are 0.
"""

from typing import TypeAlias

from detectors.base import Floats
from detectors.betabinomial import MAX_RATE, log_density, updated
from detectors.compiled import compiled, inlined
from detectors.elementary import exp
from detectors.rows import FAST, FAST_FAST, FAST_SLOW, MEMORY, SLOW, SLOW_MEMORY, SLOW_SLOW, SLOW_VARIANCE, VARIANCE

Belief: TypeAlias = tuple[float, float, float, float, float]
Wander: TypeAlias = tuple[float, float, float, float]
"""VARIANCE, MEMORY, SLOW_VARIANCE and SLOW_MEMORY of a row of parameters."""


@inlined
def load(state: Floats, at: int, stride: int = 1) -> Belief:
    """The belief's numbers."""
    return (
        state[at + FAST * stride],
        state[at + SLOW * stride],
        state[at + FAST_FAST * stride],
        state[at + FAST_SLOW * stride],
        state[at + SLOW_SLOW * stride],
    )


@inlined
def store(belief: Belief, state: Floats, at: int, stride: int = 1) -> None:
    """Put them there."""
    fast, slow, fast_fast, fast_slow, slow_slow = belief
    state[at + FAST * stride] = fast
    state[at + SLOW * stride] = slow
    state[at + FAST_FAST * stride] = fast_fast
    state[at + FAST_SLOW * stride] = fast_slow
    state[at + SLOW_SLOW * stride] = slow_slow


@inlined
def wander_of(parameters: Floats) -> Wander:
    """How the level of a row of parameters wanders."""
    return parameters[VARIANCE], parameters[MEMORY], parameters[SLOW_VARIANCE], parameters[SLOW_MEMORY]


@inlined
def fresh_belief(wander: Wander) -> Belief:
    """Nothing is known of the level but how it wanders."""
    variance, _, slow_variance, _ = wander
    return 0.0, 0.0, variance, 0.0, slow_variance


@inlined
def passed(belief: Belief, wander: Wander) -> Belief:
    """One window passes: both parts forget."""
    fast, slow, fast_fast, fast_slow, slow_slow = belief
    variance, memory, slow_variance, slow_memory = wander
    kept, slow_kept = memory * memory, slow_memory * slow_memory
    return (
        fast * memory,
        slow * slow_memory,
        kept * fast_fast + (1.0 - kept) * variance,
        fast_slow * (memory * slow_memory),
        slow_kept * slow_slow + (1.0 - slow_kept) * slow_variance,
    )


@inlined
def merged(belief: Belief, fresh: Belief, odds: float, shift: float, spread: float) -> Belief:
    """What the level is if it parted from the belief `fresh` just now, or earlier, by these odds.

    Parting just now shifts its fast part, and makes the part that lasts less known by `spread`. The two are merged
    by their moments.
    """
    share = odds / (1.0 + odds)
    rest = share * (1.0 - share)
    now_fast, now_slow = fresh[FAST] + shift, fresh[SLOW]
    fast, slow = belief[FAST] - now_fast, belief[SLOW] - now_slow
    two_scales = fresh[SLOW_SLOW] > 0.0
    fast_fast = fresh[FAST_FAST] + (0.0 if two_scales else spread)
    slow_slow = fresh[SLOW_SLOW] + (spread if two_scales else 0.0)
    return (
        now_fast + share * fast,
        now_slow + share * slow,
        fast_fast + share * (belief[FAST_FAST] - fast_fast) + rest * (fast * fast),
        fresh[FAST_SLOW] + share * (belief[FAST_SLOW] - fresh[FAST_SLOW]) + rest * (fast * slow),
        slow_slow + share * (belief[SLOW_SLOW] - slow_slow) + rest * (slow * slow),
    )


@inlined
def taken(belief: Belief, rate: float, evaluated: float, bad: float, rho: float) -> tuple[float, Belief]:
    """Logarithm of a window's density before it was known, and the belief that has taken the window in.

    `rate` is what the level multiplies. A level that is known stays put.
    """
    fast, slow, fast_fast, fast_slow, slow_slow = belief
    spread = max(fast_fast + 2.0 * fast_slow + slow_slow, 0.0)
    relative = exp(fast + slow)
    here = min(rate * relative, MAX_RATE)
    found = log_density(bad, evaluated, here, rho + spread * here / (1.0 - here))
    moved, after = updated(relative, spread, bad, evaluated, rate, 1.0 + (evaluated - 1.0) * rho)
    # Each part takes its share of what is new, as in a Kalman filter.
    per_spread = 1.0 / spread if spread > 0.0 else 0.0
    fast_share, slow_share = (fast_fast + fast_slow) * per_spread, (slow_slow + fast_slow) * per_spread
    less = spread - after
    return found, (
        fast + fast_share * moved,
        slow + slow_share * moved,
        fast_fast - fast_share * fast_share * less,
        fast_slow - fast_share * slow_share * less,
        slow_slow - slow_share * slow_share * less,
    )


@compiled
def start_belief(state: Floats, at: int, parameters: Floats) -> None:
    """Nothing is known of the level but how it wanders."""
    store(fresh_belief(wander_of(parameters)), state, at)


@compiled
def let_pass(state: Floats, at: int, parameters: Floats) -> None:
    """One window passes: both parts forget."""
    store(passed(load(state, at), wander_of(parameters)), state, at)


@compiled
def take(state: Floats, at: int, rate: float, evaluated: float, bad: float, rho: float) -> float:
    """Logarithm of a window's density before it was known; then the belief takes the window in, see `taken`."""
    found, belief = taken(load(state, at), rate, evaluated, bad, rho)
    store(belief, state, at)
    return found


@compiled
def mean_of(state: Floats, at: int) -> float:
    """Mean of the level's logarithm."""
    return float(state[at + FAST] + state[at + SLOW])


@compiled
def spread_of(state: Floats, at: int) -> float:
    """Variance of the level's logarithm."""
    return max(float(state[at + FAST_FAST] + 2.0 * state[at + FAST_SLOW] + state[at + SLOW_SLOW]), 0.0)


@compiled
def narrow(state: Floats, at: int, before: float, after: float) -> None:
    """The covariance, when the variance of the whole level has become smaller."""
    fast = (state[at + FAST_FAST] + state[at + FAST_SLOW]) / before
    slow = (state[at + SLOW_SLOW] + state[at + FAST_SLOW]) / before
    state[at + FAST_FAST] -= fast * fast * (before - after)
    state[at + FAST_SLOW] -= fast * slow * (before - after)
    state[at + SLOW_SLOW] -= slow * slow * (before - after)
