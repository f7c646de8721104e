"""Which windows a file has: how long they are, and where they begin."""

from dataclasses import dataclass

import numpy as np

from monitor.backtest.history import Integers
from monitor.errors import UserError

_IRREGULAR = 0.01
"""Share of spacings that may be no multiple of the smallest before it is not taken for the window."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Windows of `seconds` that begin `offset` after its multiples; `off` rows lie on none, the first being `first`."""

    seconds: int
    offset: int
    off: int
    first: int

    def start(self, ts: Integers) -> Integers:
        """Start of the window that holds each time."""
        found: Integers = (ts - self.offset) // self.seconds * self.seconds + self.offset
        return found


def grid_of(ts: Integers, seconds: int) -> Grid:
    """Windows that begin at the rows' own times where these are all as far from a multiple of `seconds`."""
    rest = ts % seconds
    if (rest == rest[0]).all():
        return Grid(seconds, int(rest[0]), 0, 0)
    off = rest != 0
    return Grid(seconds, 0, int(off.sum()), int(np.argmax(off)))


def usual_spacing(ts: Integers, otherwise: int) -> int:
    """The most common spacing of different times in order, in seconds."""
    different, often = np.unique(np.diff(ts), return_counts=True)
    return int(different[np.argmax(often)]) if len(different) else otherwise


def infer_seconds(ts: Integers, series: Integers, uneven: bool = False) -> tuple[int, str]:
    """The smallest spacing within a series, and what to say of it. Columns of shape (rows,).

    Raises UserError where times do not follow one another evenly, unless they may: then it is the most common spacing.
    """
    order = np.lexsort((ts, series))
    steps = np.diff(ts[order])
    steps = steps[(np.diff(series[order]) == 0) & (steps > 0)]
    if len(steps) == 0:
        raise UserError("no series has two different times, so nobody can tell the window; give --window")
    different, often = np.unique(steps, return_counts=True)
    smallest, usual = int(different[0]), int(different[np.argmax(often)])
    if uneven:
        return usual, f"one value in {usual} s, the most common spacing; each series has its own"
    if float((steps % smallest != 0).mean()) > _IRREGULAR:
        raise UserError(
            f"times do not follow one another evenly: the smallest spacing is {smallest} s, the most common {usual} s; "
            f"give the window, such as --window {usual}s"
        )
    said = f"windows of {smallest} s, the smallest spacing of a series"
    if usual != smallest:
        said += f"; the most common is {usual} s: give --window {usual}s if that is what they are"
    return smallest, said
