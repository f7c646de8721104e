"""A threshold from a series' own history: what its statistic crossed without an incident, it will cross again."""

import math

import numpy as np

from detectors.base import Floats
from detectors.compiled import compiled

_BELOW, _GAP = 4.0, 2.0
_MAX_EXCESS = 30.0
_KAPPA = 20.0
"""How many episodes with the excess that theory says, one nat on average, are believed before the first was seen."""


def own_floor(path: Floats, threshold: float, budget: float) -> float:
    """The level that is crossed once in `budget` windows, by the episodes of a path of shape (windows,).

    Above a level a little under the threshold the excess of an episode's highest point is exponential.
    """
    base = threshold - _BELOW
    highest = _episodes(path, base, _GAP)
    count = len(highest)
    if count == 0:
        return base
    mean = (_KAPPA + float(np.minimum(highest - base, _MAX_EXCESS).sum())) / (_KAPPA + count)
    return base + mean * math.log(max(count * budget / len(path), 1.0))


@compiled
def _episodes(path: Floats, base: float, gap: float) -> Floats:
    """The highest point of each episode above `base`; one ends when the path is `gap` below."""
    found = np.zeros(len(path))
    count = 0
    inside = False
    for value in path:
        if inside:
            found[count] = max(found[count], value)
            if value < base - gap:
                inside = False
                count += 1
        elif value > base:
            inside = True
            found[count] = value
    if inside:
        count += 1
    return found[:count].copy()
