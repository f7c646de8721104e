"""What is remembered of a series of plain values: one named tuple of arrays, so that compiled code can hold it."""

from typing import NamedTuple

import numpy as np

from detectors.base import Floats

# Slots of `Memory.scalars`.
COUNT = 0  # values taken in
LEVEL = 1  # robust mean, slow
SPREAD = 2  # mean absolute deviation from it
NEAR = 3  # mean of the last hundred windows or so, and the deviation from that
NEAR_SPREAD = 4
LAST = 5  # the value before this one
STEP_SPREAD = 6  # mean absolute difference of neighbours
SMOOTH = 7  # exponentially smoothed value, and how far values are from it
SMOOTH_SPREAD = 8
LARGEST = 9  # deviation from the level, forgotten slowly
DAY_SPREAD = 10  # deviation from the profile of the day, and the mean of the last few
DAY_MEAN = 11
WEEK_SPREAD = 12  # the same for the profile of the week
WEEK_MEAN = 13
TIME = 14  # Unix seconds of the last value
SECONDS = 15  # length of a window
NEWS = 16  # what the last news was worth, fading
OPEN = 17  # 1 while an incident is open
QUIET = 18  # windows in which an open incident was not seen
SCALARS = 19

WINDOWS = np.array([6.0, 24.0, 96.0, 288.0])
"""Lengths of the running means, in windows."""
DAY_BINS, WEEK_BINS = 48, 168
RANGE = 192
"""Windows over which highest and lowest are taken."""
FEATURES = 18
BINS = 160
CENTRES, SIDES = 256, 5


class Memory(NamedTuple):
    """All state of one series; `step` in values_step.py changes it in place.

    `scalars` (SCALARS,); `means` and `moves` (4,) are running means of the values and of their absolute steps;
    `day`, `week` (2, bins) are profiles and how often each bin was seen; `recent` (RANGE,) a ring of values;
    `features` (FEATURES,) is scratch; `above` (2 * FEATURES, BINS) and `edges` (2 * FEATURES,) are the histories of
    the features' sizes above zero, then below; `centres` (CENTRES, SIDES + 1) are patterns that were seen, the last
    column being when, or -1 for none.
    """

    scalars: Floats
    means: Floats
    moves: Floats
    day: Floats
    week: Floats
    recent: Floats
    features: Floats
    above: Floats
    edges: Floats
    centres: Floats


def fresh() -> Memory:
    """Nothing seen yet."""
    return Memory(
        scalars=np.zeros(SCALARS),
        means=np.zeros(len(WINDOWS)),
        moves=np.zeros(len(WINDOWS)),
        day=np.zeros((2, DAY_BINS)),
        week=np.zeros((2, WEEK_BINS)),
        recent=np.zeros(RANGE),
        features=np.zeros(FEATURES),
        above=np.zeros((2 * FEATURES, BINS)),
        edges=np.zeros(2 * FEATURES),
        centres=np.full((CENTRES, SIDES + 1), -1.0),
    )
