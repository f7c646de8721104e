"""What a value looks like beside its past: level, steps, means and activity over several lengths, day and week.

Every feature is in units of the series' own scatter and is computed before the value is learned. What is learned is
clipped, so that an anomaly moves the level and the scales little.
"""

import math

from detectors.base import Floats
from detectors.compiled import compiled
from detectors.values_memory import (
    COUNT,
    DAY_BINS,
    DAY_MEAN,
    DAY_SPREAD,
    LARGEST,
    LAST,
    LEVEL,
    NEAR,
    NEAR_SPREAD,
    RANGE,
    SMOOTH,
    SMOOTH_SPREAD,
    SPREAD,
    STEP_SPREAD,
    WEEK_BINS,
    WEEK_MEAN,
    WEEK_SPREAD,
    WINDOWS,
    Memory,
)

# Slots of the features.
VALUE, NEAR_VALUE, STEP = 0, 1, 2
MEAN = 3  # four, by window
ACTIVITY = 7  # four, by window: logarithm of recent absolute steps over usual ones
DAY, DAY_RECENT = 11, 12
FORECAST = 13
SLOW_TREND, FAST_TREND = 14, 15
HEIGHT = 16  # logarithm of the range of the last windows
WEEK_RECENT = 17

_MEMORY, _NEAR_MEMORY = 1 / 3000, 1 / 100
_CLIPPED_AFTER = 50.0
_SMOOTHING = 0.3
_SMALLEST = 0.01
"""No scale is smaller than this share of the largest deviation, or a series that hardly moves would shout."""
_FADING = 0.999
_ROUNDING = 1e-9


@compiled
def scale_floor(memory: Memory, value: float) -> float:
    """The smallest scale that is believed, this value's own deviation included."""
    scalars = memory.scalars
    largest = max(scalars[LARGEST], abs(value - scalars[LEVEL]))
    return float(max(_SMALLEST * largest, _ROUNDING * abs(scalars[LEVEL]), 1e-200))


@compiled
def take_value(memory: Memory, time: int, value: float) -> None:
    """Fill `memory.features` for this value, then learn it. The first value has no past: all features are 0."""
    scalars = memory.scalars
    memory.features[:] = 0.0
    if scalars[COUNT] == 0.0:
        scalars[LEVEL] = scalars[NEAR] = scalars[SMOOTH] = scalars[LAST] = value
        memory.means[:] = value
        memory.recent[:] = value
    floor = scale_floor(memory, value)
    _means(memory, value, floor)
    _seasons(memory, time, value, floor)
    _height(memory, value, floor)
    _levels(memory, value, floor)
    scalars[LAST] = value
    scalars[COUNT] += 1.0


@compiled
def _rate(memory: Memory, slowest: float) -> float:
    """Share of the newest value in a mean: that of a plain mean at first."""
    return float(max(slowest, 1.0 / (memory.scalars[COUNT] + 1.0)))


@compiled
def _clipped(memory: Memory, size: float, limit: float) -> float:
    if memory.scalars[COUNT] <= _CLIPPED_AFTER:
        return size
    return min(max(size, -limit), limit)


@compiled
def _learn_spread(memory: Memory, slot: int, size: float, rate: float, floor: float) -> None:
    limit = 4.0 * max(memory.scalars[slot], floor)
    memory.scalars[slot] += rate * (_clipped(memory, abs(size), limit) - memory.scalars[slot])


@compiled
def _means(memory: Memory, value: float, floor: float) -> None:
    """Running means of the values and of their steps, against the level and the usual step."""
    scalars, features = memory.scalars, memory.features
    step = value - scalars[LAST]
    usual, spread = max(scalars[STEP_SPREAD], floor), max(scalars[SPREAD], floor)
    near = max(scalars[NEAR_SPREAD], floor)
    for k in range(len(WINDOWS)):
        rate = _rate(memory, 1.0 / WINDOWS[k])
        memory.means[k] += rate * (value - memory.means[k])
        memory.moves[k] += rate * (abs(step) - memory.moves[k])
        features[MEAN + k] = (memory.means[k] - scalars[LEVEL]) / spread
        features[ACTIVITY + k] = math.log((memory.moves[k] + 0.01 * usual) / (1.01 * usual))
    features[STEP] = step / usual
    features[SLOW_TREND] = (memory.means[1] - memory.means[3]) / near
    features[FAST_TREND] = (memory.means[0] - memory.means[2]) / near
    _learn_spread(memory, STEP_SPREAD, step, _rate(memory, _MEMORY), floor)


@compiled
def _seasons(memory: Memory, time: int, value: float, floor: float) -> None:
    """Against the same half-hour of other days, and the same hour of other weeks."""
    features, scalars = memory.features, memory.scalars
    half_hour = time % 86_400 * DAY_BINS // 86_400
    hour = time // 3600 % WEEK_BINS
    today = _against(memory, memory.day, half_hour, value, 1 / 30)
    week = _against(memory, memory.week, hour, value, 1 / 50)
    scalars[DAY_MEAN] += _rate(memory, 1 / 12) * (today - scalars[DAY_MEAN])
    scalars[WEEK_MEAN] += _rate(memory, 1 / 48) * (week - scalars[WEEK_MEAN])
    features[DAY] = today / max(scalars[DAY_SPREAD], floor)
    features[DAY_RECENT] = scalars[DAY_MEAN] / max(scalars[DAY_SPREAD], floor)
    features[WEEK_RECENT] = scalars[WEEK_MEAN] / max(scalars[WEEK_SPREAD], floor)
    _learn_spread(memory, DAY_SPREAD, today, _rate(memory, _MEMORY), floor)
    _learn_spread(memory, WEEK_SPREAD, week, _rate(memory, _MEMORY), floor)


@compiled
def _against(memory: Memory, profile: Floats, place: int, value: float, slowest: float) -> float:
    """Deviation from the level and the profile, which then learns it."""
    found: float = value - memory.scalars[LEVEL] - profile[0, place]
    profile[1, place] += 1.0
    profile[0, place] += max(slowest, 1.0 / profile[1, place]) * found
    return found


@compiled
def _height(memory: Memory, value: float, floor: float) -> None:
    """Highest less lowest of the last windows."""
    recent = memory.recent
    recent[int(memory.scalars[COUNT]) % RANGE] = value
    lowest = highest = value
    for i in range(RANGE):
        lowest, highest = min(lowest, recent[i]), max(highest, recent[i])
    spread = max(memory.scalars[SPREAD], floor)
    height = highest - lowest
    memory.features[HEIGHT] = math.log((height + 0.05 * spread) / (2.0 * spread))


@compiled
def _levels(memory: Memory, value: float, floor: float) -> None:
    """Against the slow level, the near mean and the smoothed value; then they learn."""
    scalars, features = memory.scalars, memory.features
    deviation, near, ahead = value - scalars[LEVEL], value - scalars[NEAR], value - scalars[SMOOTH]
    spread = max(scalars[SPREAD], floor)
    features[VALUE] = deviation / spread
    features[NEAR_VALUE] = near / max(scalars[NEAR_SPREAD], floor)
    features[FORECAST] = ahead / max(scalars[SMOOTH_SPREAD], floor)
    slow, fast = _rate(memory, _MEMORY), _rate(memory, _NEAR_MEMORY)
    scalars[LARGEST] = max(_FADING * scalars[LARGEST], abs(deviation))
    scalars[LEVEL] += slow * _clipped(memory, deviation, 3.0 * spread)
    scalars[NEAR] += fast * near
    scalars[SMOOTH] += _SMOOTHING * ahead
    _learn_spread(memory, SPREAD, deviation, slow, floor)
    scalars[NEAR_SPREAD] += fast * (abs(near) - scalars[NEAR_SPREAD])
    _learn_spread(memory, SMOOTH_SPREAD, ahead, slow, floor)
