"""Event-time windows as sums: what a flush adds to each cell, and how far each partition has come. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass

WINDOW_SECONDS = 10
COMPLETENESS_SECONDS = 20
"""How long after its end the completeness of a window is judged: by then the next heartbeats have come."""

DIMENSIONS = (
    "feature", "model", "prompt_version", "policy_version", "release", "arm", "tenant", "user_segment",
    "locale", "region", "risk_tier", "prompt_category",
)  # fmt: skip
"""What a window is cut by; "" is "not said". Columns of the `windows` table."""

_WHOLE_SLICES = 50_000
"""Slices known to be within the cap; bounds memory."""
_HELD_VALUES = 200_000
"""Values a cap holds, over all features and windows; bounds memory when every event names a new feature."""
_HOLDS = set.__contains__

OTHER = "other"
"""Stands for the values of a dimension beyond its cap. No identifier of ours is reserved, so it may also be real."""

Slice = tuple[str, ...]
"""One value per dimension, in the order of DIMENSIONS."""

Said = tuple[str | None, ...]
"""The same as an event has it: None or "" where it says nothing."""

CellKey = tuple[int, Slice, int]
"""Window start in Unix seconds, slice, mask."""

Cells = dict[CellKey, list[int]]
"""What a flush adds: how many events of each, and how many they stand for."""


def window_start(unix_seconds: float) -> int:
    """Start of the window that holds this moment, in Unix seconds."""
    return int(unix_seconds // WINDOW_SECONDS) * WINDOW_SECONDS


class SliceCap:
    """At most `limit` distinct values per dimension, feature and window; the rest becomes `other`.

    The feature itself is never folded: a total per feature is exact whatever the caps do. When too many
    values are held in all, every feature begins anew: then more than `limit` may be told apart, never fewer.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held = 0
        self._seen: dict[tuple[int, str], list[set[str]]] = {}
        self._whole: dict[tuple[int, Said], Slice] = {}

    def __call__(self, start: int, said: Said) -> tuple[Slice, tuple[str, ...]]:
        """The slice to count under, and the dimensions that were folded."""
        whole = self._whole.get((start, said))
        if whole is not None:
            return whole, ()
        cut = tuple([value or "" for value in said])
        folded = self._folded(start, cut)
        if folded:
            kept = tuple(OTHER if position in folded else value for position, value in enumerate(cut))
            return kept, tuple(DIMENSIONS[position] for position in folded)
        if len(self._whole) >= _WHOLE_SLICES:
            self._whole.clear()
        self._whole[start, said] = cut
        return cut, ()

    def _folded(self, start: int, cut: Slice) -> list[int]:
        """Positions of the values that are beyond the cap; the others are taken note of."""
        if self._held >= _HELD_VALUES:
            self._seen.clear()
            self._held = 0
        seen = self._seen.get((start, cut[0]))
        if seen is None:
            seen = self._seen[start, cut[0]] = [{cut[0]}, *(set() for _ in DIMENSIONS[1:])]
            self._held += 1
        if all(map(_HOLDS, seen, cut)):
            return []
        folded = []
        for position in range(1, len(DIMENSIONS)):
            value, known = cut[position], seen[position]
            if value not in known:
                if len(known) >= self.limit:
                    folded.append(position)
                else:
                    known.add(value)
                    self._held += 1
        return folded

    def __len__(self) -> int:
        """How many values it holds."""
        return self._held

    def forget(self, before: int) -> None:
        """Drop what is known of windows that start before this moment."""
        for key in [key for key in self._seen if key[0] < before]:
            self._held -= sum(map(len, self._seen.pop(key)))
        for whole in [key for key in self._whole if key[0] < before]:
            del self._whole[whole]


@dataclass(slots=True)
class Watermark:
    """How far one partition is complete, in Unix seconds: the largest event time less the grace.

    Never ahead of the wall clock less the grace, so that one fast clock does not make its neighbours
    late. A partition that has had nothing to read for `idle_after` follows the wall clock, so that it
    does not hold every window open. Neither does one in which only events older than `hold` arrive: a
    replay of the past, or a slow clock. Their windows stay exact, and what they add is late.
    """

    grace: float
    idle_after: float
    value: float = 0.0
    heard_at: float | None = None
    """When an event came that was not older than `hold`."""
    hold: float = 300.0
    """Seconds an event may be late, by its producer's clock or on its way, and still be waited for."""
    read_at: float | None = None
    """When Kafka last had nothing more to read: what was written before is counted."""

    def advance(self, event_time: float, now: float) -> None:
        """An event was seen; `now` is in Unix seconds."""
        self.value = max(self.value, min(event_time, now) - self.grace)
        if event_time >= now - self.hold:
            self.heard_at = now

    def tick(self, now: float, caught_up: bool) -> None:
        """Time went by. `caught_up`: Kafka has just said that there is nothing more to read.

        A partition with a backlog, or with a broker that does not answer, is slow and not idle. A few
        records that are on their way at this moment are no backlog.
        """
        if caught_up:
            self.read_at = now
        elif self.read_at is None or now - self.read_at >= self.idle_after:
            self.heard_at = now
        if self.heard_at is None:
            self.heard_at = now
        if self.read_at is not None and now - self.heard_at >= self.idle_after:
            self.value = max(self.value, self.read_at - self.grace)


def closed_until(watermarks: Iterable[float]) -> int:
    """End of the last window that all partitions have passed, in Unix seconds; 0 before the first."""
    lowest = min(watermarks, default=0.0)
    return window_start(lowest)
