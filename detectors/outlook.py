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
def outlook(state: Floats, parameters: Floats, rate: float, evaluated: float) -> tuple[float, float, float]:
    """Expected rate, low and high of a window with so many events, before it is taken in; `rate` is the season's."""
    ahead = state[:OPEN].copy()
    if parameters[VARIANCE] > 0.0:
        predict_level(ahead, parameters)
    share = ahead[JUMP_ODDS] / (1.0 + ahead[JUMP_ODDS])
    mean, spread = mean_of(ahead, NORMAL), spread_of(ahead, NORMAL)
    gap = mean_of(ahead, JUMPED) - mean
    spread += share * (spread_of(ahead, JUMPED) - spread) + share * (1.0 - share) * gap * gap
    expected = min(rate * math.exp(mean + share * gap), MAX_RATE)
    n = max(evaluated, 1.0)
    rho = parameters[RHO] + spread * expected / (1.0 - expected)
    variance = expected * (1.0 - expected) / n * (1.0 + (n - 1.0) * rho)
    low = math.floor(n * _quantile(expected, variance, -_Z)) / n
    high = math.ceil(n * _quantile(expected, variance, _Z)) / n
    return expected, low, min(high, 1.0)


@compiled
def _quantile(mean: float, variance: float, z: float) -> float:
    """Of a gamma with these moments (Wilson and Hilferty)."""
    ninth = variance / (9.0 * mean * mean)
    root = max(1.0 - ninth + z * math.sqrt(ninth), 0.0)
    return mean * root * root * root
