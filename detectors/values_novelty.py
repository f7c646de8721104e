"""How far a pattern is from every pattern seen before. What came once is no news the second time."""

import math

from detectors.base import Floats
from detectors.compiled import compiled
from detectors.values_features import ACTIVITY, DAY, MEAN, STEP, VALUE
from detectors.values_memory import CENTRES, SIDES, Memory

_RADIUS = 0.5
"""Patterns nearer than this are the same one; in logarithms of scatters."""


@compiled
def take_pattern(memory: Memory, now: float) -> float:
    """Distance to the nearest pattern that is remembered; a new one is remembered, and displaces the stalest.

    `now` counts windows. The first pattern is at distance 0.
    """
    features, centres = memory.features, memory.centres
    sides = (
        _squeezed(features[VALUE]),
        _squeezed(features[STEP]),
        _squeezed(features[MEAN + 1]),
        features[ACTIVITY + 1],
        _squeezed(features[DAY]),
    )
    nearest, place, stalest = math.inf, 0, 0
    for c in range(CENTRES):
        if centres[c, SIDES] < centres[stalest, SIDES]:
            stalest = c
        if centres[c, SIDES] < 0.0:
            break
        distance = _distance(centres, c, sides, nearest)
        if distance < nearest:
            nearest, place = distance, c
    found = math.sqrt(nearest / SIDES) if nearest < math.inf else 0.0
    if nearest < math.inf and found <= _RADIUS:
        centres[place, SIDES] = now
        return found
    for k in range(SIDES):
        centres[stalest, k] = sides[k]
    centres[stalest, SIDES] = now
    return found


@compiled
def _distance(centres: Floats, c: int, sides: tuple[float, float, float, float, float], enough: float) -> float:
    """Squared; anything above `enough` once that is passed."""
    total = 0.0
    for k in range(SIDES):
        total += (sides[k] - centres[c, k]) ** 2
        if total >= enough:
            break
    return total


@compiled
def _squeezed(size: float) -> float:
    return math.copysign(math.log1p(abs(size)), size)
