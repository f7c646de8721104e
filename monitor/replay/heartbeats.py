"""What an emitter would have said of itself: cumulative counts at each window's boundary."""

from collections.abc import Iterator
from typing import Any

from monitor.replay.timing import WINDOW, window_start
from monitor.replay.values import digest, rfc3339

LONGEST_SILENCE = 360
"""Boundaries without any event, an hour of them, after which the rest of a gap gets no heartbeats."""

Beat = tuple[int, dict[str, Any]]
"""Recorded time in microseconds, and the heartbeat with its times shifted."""


class Heartbeats:
    """Counts interactions per (emitter, feature), in time order, and makes the heartbeats between them.

    Ids are made from recorded times: a replay that is repeated repeats its heartbeats, and the worker
    knows them as repeats just as it knows the events. `skipped` counts the boundaries left out.
    """

    def __init__(self, shift: int, seed: str) -> None:
        self._shift, self._seed = shift, seed
        self._counts: dict[tuple[str, str], int] = {}
        self._started = self._boundary = 0
        self.skipped = 0

    def before(self, moment: int) -> Iterator[Beat]:
        """The heartbeats due before an event at this moment."""
        if self._counts:
            yield from self._until(window_start(moment))

    def count(self, moment: int, emitter: str, feature: str) -> Iterator[Beat]:
        """Count an interaction; the first of a pair brings a heartbeat of 0, so that even it can be missed."""
        pair = emitter, feature
        if not self._counts:
            self._started = self._boundary = window_start(moment)
        if pair not in self._counts:
            yield self._beat(window_start(moment), pair, 0)
        self._counts[pair] = self._counts.get(pair, 0) + 1

    def end(self) -> Iterator[Beat]:
        """The heartbeats that close the last window."""
        if self._counts:
            yield from self._until(self._boundary + WINDOW)

    def _until(self, start: int) -> Iterator[Beat]:
        gap = (start - self._boundary) // WINDOW
        while self._boundary < start:
            self._boundary += WINDOW
            if gap > LONGEST_SILENCE:
                yield from self._all()
                self.skipped += max(gap - 2, 0)
                self._boundary, gap = start, 0
            yield from self._all()

    def _all(self) -> Iterator[Beat]:
        for pair, count in self._counts.items():
            yield self._beat(self._boundary, pair, count)

    def _beat(self, moment: int, pair: tuple[str, str], count: int) -> Beat:
        emitter, feature = pair
        return moment, {
            "kind": "heartbeat",
            "event_id": digest([self._seed, "heartbeat", emitter, feature, moment]),
            "ts": rfc3339(moment + self._shift),
            "emitter": emitter,
            "started_at": rfc3339(self._started + self._shift),
            "feature": feature,
            "interactions": count,
        }
