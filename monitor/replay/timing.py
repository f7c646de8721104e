"""Which moment each row gets: its own or borrowed, and by how much all of them are shifted."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monitor.errors import UserError
from monitor.replay.reading import Source, open_source
from monitor.replay.values import BadCellError, is_absent, micros
from monitor.windows import WINDOW_SECONDS

Moments = NDArray[np.int64]
"""Microseconds since 1970, UTC; NONE for a row that has none."""

NONE = -1
WINDOW = WINDOW_SECONDS * 1_000_000


def window_start(moment: int) -> int:
    """Start of the window that holds a moment; both in microseconds."""
    return moment - moment % WINDOW


@dataclass(frozen=True, slots=True)
class Pace:
    """From recorded to replayed time: how far everything moves, and when each event is due."""

    first: int
    shift: int
    speed: float
    """0 is as fast as possible."""

    def due(self, moment: int) -> float:
        """Seconds after the start at which a recorded moment is sent."""
        return max(0.0, (moment - self.first) / 1e6 / self.speed) if self.speed else 0.0


def pace(first: int, last: int, speed: float, now: int | None) -> Pace:
    """The pace of a recording from `first` to `last`; `now` in microseconds, None to keep the times.

    The shift is a whole number of windows, so that every window holds the events it held. Recorded
    gaps stay; the last event's window ends when the replay does, or, at speed 1 and below, the first
    event is now. No event is ahead of the clock when it is sent.
    """
    if now is None:
        return Pace(first, 0, speed)
    end = window_start(last) + WINDOW
    span = end - first
    takes = min(span / speed, span) if speed else 0
    return Pace(first, window_start(int(now + takes) - end), speed)


def recorded(
    source: Source,
    time_of: Callable[[dict[str, object]], int],
    columns: list[str] | None,
    limit: int,
    done: Callable[[int], None],
) -> Moments:
    """The time of each of the first `limit` rows, in file order. `done` is told of rows that were read."""
    out = np.full(limit, NONE, np.int64)
    at = 0
    for block in source.blocks(columns):
        for row in block[: limit - at]:
            if isinstance(row, dict):
                with suppress(BadCellError):  # the row is refused, and counted, when it is mapped
                    out[at] = time_of(row)
            at += 1
        done(len(block))
        if at >= limit:
            break
    return out


def arrivals(path: Path, column: str) -> Moments:
    """The moments in one column of another file, in order. Raises UserError for one that is no time."""
    source = open_source(path)
    if column not in source.columns:
        raise UserError(f"{path.name} has no column {column!r}; it has {', '.join(source.columns)}")
    found: list[int] = []
    for block in source.blocks([column]):
        for row in block:
            value = row.get(column) if isinstance(row, dict) else None
            if is_absent(value):
                continue
            try:
                found.append(micros(value))
            except BadCellError:
                raise UserError(f"{path.name}: {str(value)[:40]!r} in column {column!r} is not a time") from None
    if not found:
        raise UserError(f"{path.name}: column {column!r} holds no times")
    return np.sort(np.array(found, np.int64))


def repeated(moments: Moments, count: int) -> Moments:
    """The first `count` of the moments; past their end they begin again, later by their span."""
    index = np.arange(count)
    span = int(moments[-1] - moments[0])
    out: Moments = moments[index % len(moments)] + (index // len(moments)) * span
    return out
