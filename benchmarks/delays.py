"""From what was sent and what was seen to delays and their quantiles. No I/O.

An event counts as seen when the answer that shows it was received, so a delay is never understated, and
overstated by at most the time between two looks.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from monitor.windows import WINDOW_SECONDS, window_start

Delays = list[tuple[float, int]]
"""(seconds, events that took so long); infinite for what was not seen."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Events made in one moment. Times are in Unix seconds."""

    made: float
    acked: float
    """When the broker had acknowledged them all."""
    counts: tuple[int, ...]
    """How many in each partition."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a worker's metrics said."""

    at: float
    """When the answer was received, in Unix seconds."""
    counts: tuple[int, ...]
    """Events counted in each partition."""
    scored_until: float
    """End of the newest window that was scored and stored, in Unix seconds."""


def counter_delays(ticks: Sequence[Tick], looks: Sequence[Look], before: Sequence[int]) -> Delays:
    """From the making of an event to its being in the counter; `before` was counted in each partition earlier.

    A partition keeps its order: its k-th event is counted when the counter says k.
    """
    found: Delays = []
    for number, base in enumerate(before):
        seen = list(accumulate((look.counts[number] for look in looks), max))
        sent = base
        for tick in ticks:
            sent += tick.counts[number]
            if tick.counts[number]:
                found.append((_at(looks, bisect_left(seen, sent)) - tick.made, tick.counts[number]))
    return found


def closed_delays(ticks: Sequence[Tick], looks: Sequence[Look]) -> Delays:
    """From the making of an event to its window being scored and visible."""
    seen = list(accumulate((look.scored_until for look in looks), max))
    return [(_at(looks, bisect_left(seen, _end(tick))) - tick.made, sum(tick.counts)) for tick in ticks]


def delays_of_windows(ticks: Sequence[Tick], looks: Sequence[Look]) -> Delays:
    """From the end of each window with events to its being scored and visible; every window once."""
    seen = list(accumulate((look.scored_until for look in looks), max))
    return [(_at(looks, bisect_left(seen, end)) - end, 1) for end in sorted({_end(tick) for tick in ticks})]


def in_whole_windows(ticks: Sequence[Tick], until: float) -> list[Tick]:
    """Those in windows that begin after the first of them and end before this moment, in Unix seconds."""
    if not ticks:
        return []
    first = ticks[0].made
    return [tick for tick in ticks if _end(tick) - WINDOW_SECONDS >= first and _end(tick) <= until]


def quantile(delays: Delays, share: float) -> float | None:
    """The delay that this share of the events does not exceed; None when that many were not seen, or there are none."""
    total, sofar = sum(n for _, n in delays), 0
    for delay, n in sorted(delays):
        sofar += n
        if sofar >= share * total:
            return delay if math.isfinite(delay) else None
    return None


def unseen(delays: Delays) -> int:
    """Events that were not seen to the end."""
    return sum(n for delay, n in delays if not math.isfinite(delay))


def rate(looks: Sequence[Look]) -> float:
    """Events counted per second from the first to the last of these. Raises ValueError for fewer than two."""
    if len(looks) < 2:
        raise ValueError("a rate needs two looks")
    return (sum(looks[-1].counts) - sum(looks[0].counts)) / (looks[-1].at - looks[0].at)


def sent_by(ticks: Iterable[Tick], moment: float) -> int:
    """Events that the broker had acknowledged by then, in Unix seconds."""
    return sum(sum(tick.counts) for tick in ticks if tick.acked <= moment)


def _end(tick: Tick) -> float:
    return float(window_start(tick.made) + WINDOW_SECONDS)


def _at(looks: Sequence[Look], index: int) -> float:
    return looks[index].at if index < len(looks) else math.inf
