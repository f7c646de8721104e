"""What the null expects of the next window: a rate, and an interval that holds the window's rate 99 times of 100."""

import math

from detectors.base import Floats
from detectors.belief import mean_of, spread_of
from detectors.betabinomial import MAX_RATE
from detectors.compiled import compiled
from detectors.level import predict_level
from detectors.rows import JUMP_ODDS, JUMPED, NORMAL, OPEN, RHO, VARIANCE

_Z = 2.5758


@compiled
def expected_rate(state: Floats, parameters: Floats, rate: float) -> float:
    """The rate that the null expects of the next window; `rate` is the season's."""
    mean, gap, share, _ = _ahead(state, parameters)
    return min(rate * math.exp(mean + share * gap), MAX_RATE)


@compiled
def outlook(state: Floats, parameters: Floats, rate: float, evaluated: float) -> tuple[float, float, float]:
    """Expected rate, low and high of a window with so many events, before it is taken in; `rate` is the season's."""
    mean, gap, share, spread = _ahead(state, parameters)
    expected = min(rate * math.exp(mean + share * gap), MAX_RATE)
    n = max(evaluated, 1.0)
    rho = parameters[RHO] + spread * expected / (1.0 - expected)
    variance = expected * (1.0 - expected) / n * (1.0 + (n - 1.0) * rho)
    low = math.floor(n * _quantile(expected, variance, -_Z)) / n
    high = math.ceil(n * _quantile(expected, variance, _Z)) / n
    return expected, low, min(high, 1.0)


@compiled
def _ahead(state: Floats, parameters: Floats) -> tuple[float, float, float, float]:
    """Of the level in the next window: its mean without a jump, what a jump adds, the jump's share, the variance."""
    if parameters[VARIANCE] == 0.0:
        return 0.0, 0.0, 0.0, 0.0
    ahead = state[:OPEN].copy()
    predict_level(ahead, parameters)
    share = ahead[JUMP_ODDS] / (1.0 + ahead[JUMP_ODDS])
    mean, spread = mean_of(ahead, NORMAL), spread_of(ahead, NORMAL)
    gap = mean_of(ahead, JUMPED) - mean
    spread += share * (spread_of(ahead, JUMPED) - spread) + share * (1.0 - share) * gap * gap
    return mean, gap, share, spread


@compiled
def _quantile(mean: float, variance: float, z: float) -> float:
    """Of a gamma with these moments (Wilson and Hilferty)."""
    ninth = variance / (9.0 * mean * mean)
    root = max(1.0 - ninth + z * math.sqrt(ninth), 0.0)
    return mean * root * root * root
