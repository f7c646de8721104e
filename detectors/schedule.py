"""When the baselines of a feature are learned: a function of its name and its first window, and of nothing else.

So a worker that has just started, one that has run for a month and a backtest all score by the same baselines.
A feature learns once a day, at a time of day of its own, so that a fleet does not learn all at once; and while it
is young it learns as soon as it is an hour old, two, four, eight and sixteen.
"""

import zlib

from detectors.season import DAY, WEEK

HISTORY = WEEK
"""Seconds a baseline is learned from, at most."""
REPLAYED = DAY
"""Seconds before the moment of learning at which scoring by that baseline begins: what is older is not remembered."""
LAG = 600
"""Seconds from that moment to the first window that is scored by it: time to read and to learn."""
_HOUR, _GRID = 3600, 900
_AGES = tuple(hours * _HOUR for hours in (1, 2, 4, 8, 16))


def slot(feature: str) -> int:
    """Second of the day at which a feature learns: a multiple of ten."""
    return zlib.crc32(feature.encode()) % (DAY // 10) * 10


def is_moment(feature: str, first: int, at: int) -> bool:
    """Whether the feature learns at this Unix time; its first window within HISTORY before starts at `first`."""
    ahead = at - slot(feature)
    if ahead % _GRID != 0 or at <= first:
        return False
    return ahead % DAY == 0 or any(age <= at - first < age + _GRID for age in _AGES)


def learned_at(feature: str, first: int, now: int) -> int | None:
    """The newest moment whose baseline is in force at `now`, in Unix seconds; None while there is none.

    `first` is where the feature's first window within HISTORY starts.
    """
    latest = now - LAG
    at = latest - (latest - slot(feature)) % _GRID
    while at > max(first, latest - DAY):
        if is_moment(feature, first, at):
            return at
        at -= _GRID
    return None


def next_moment(feature: str, first: int, after: int) -> int:
    """The first moment after this one."""
    begin = max(after, first)
    at = begin + _GRID - (begin - slot(feature)) % _GRID
    while not is_moment(feature, first, at):
        at += _GRID
    return at
