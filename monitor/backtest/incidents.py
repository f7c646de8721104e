"""From what a detector went through to incidents: when they opened, which way, since when, until when."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from detectors.bank import MEMORY
from detectors.base import Floats
from detectors.onset import Size, size_of
from detectors.rolling import Leg
from detectors.rows import EVIDENCE, OPEN, SHARES, UPWARD
from detectors.season import WEEK
from monitor.backtest.legs import Memory
from monitor.windows import WINDOW_SECONDS

_FEWEST = 24


@dataclass(slots=True)
class Incident:
    """It opened with window `opened` and ended with window `closed`, None while it lasts.

    `taken_up` is True where it was found by a baseline learned after it began, at the start of window `opened`.
    """

    opened: int
    up: bool
    log_e: float
    taken_up: bool = False
    closed: int | None = None


@dataclass(slots=True)
class Story:
    """One series through all its legs. `expected` is the rate held for normal, `raised` the statistic over its
    threshold: columns of shape (windows,), NaN where nothing was scored.
    """

    expected: Floats
    raised: Floats
    incidents: list[Incident]
    scored: int = 0


def story(windows: int, seen: Iterable[tuple[int, Leg]], begin: int, state_before: Callable[[Leg], Floats]) -> Story:
    """Legs of one series in order of time, each with the index of its first window; nothing is new before `begin`.

    A new baseline may find an incident open that was not, or not find one that was: as in a worker it then opens or
    ends there.
    """
    told = Story(np.full(windows, np.nan), np.full(windows, np.nan), [])
    now: Incident | None = None
    end = 0
    for first, leg in seen:
        if now is not None and first > end:  # in between no baseline was in force
            now.closed, now = end - 1, None
        count = len(leg.run.log_e)
        told.expected[first : first + count] = leg.run.expected
        told.raised[first : first + count] = leg.run.log_e / leg.baseline.threshold
        told.scored += count
        was_open = _began_open(leg)
        if now is not None and not was_open:
            now.closed, now = first - 1, None
        elif now is None and was_open and first > begin:
            now = _taken_up(first, state_before(leg), leg)
            told.incidents.append(now)
        now = _through(told, now, first, leg)
        end = first + count
    if now is not None and end < windows:
        now.closed = end - 1
    return told


def _through(told: Story, now: Incident | None, first: int, leg: Leg) -> Incident | None:
    """The events of a leg; returns the incident that is open after it."""
    run = leg.run
    events = [(int(i), True, bool(up)) for i, up in zip(run.opened, run.up, strict=True)]
    events += [(int(i), False, False) for i in run.closed]
    for i, opens, up in sorted(events):
        if opens:
            now = Incident(first + i, up, float(run.log_e[i]))
            told.incidents.append(now)
        elif now is not None:
            now.closed, now = first + i, None
    return now


def _began_open(leg: Leg) -> bool:
    run = leg.run
    if len(run.closed) == 0 and len(run.opened) == 0:
        return bool(run.state[OPEN] > 0.0)
    return len(run.closed) > 0 and (len(run.opened) == 0 or bool(run.closed[0] < run.opened[0]))


def _taken_up(first: int, state: Floats, leg: Leg) -> Incident:
    rises = float(state[SHARES : SHARES + UPWARD].sum()) >= 0.5
    return Incident(first, rises != leg.baseline.complement, float(state[EVIDENCE]), taken_up=True)


def known_until(one: Incident) -> int:
    """The first window that nobody had seen yet when an incident opened."""
    return one.opened + (0 if one.taken_up else 1)


def size_at(one: Incident, since: int, told: Story, known: Memory, seconds: int) -> Size:
    """The size of an incident when it opened, by what was known then; its onset lies after window `since`.

    `first` of the answer is the index of a window.
    """
    end = known_until(one)
    start = max(end - _look_back(told.raised[:end], seconds), since, known.first)
    if start >= end:
        return Size(one.opened, 0, 0, float(told.expected[one.opened]))
    inside = slice(start - known.first, end - known.first)
    found = size_of(known.evaluated[inside], known.bad[inside], known.expected[inside])
    return Size(start + found.first, found.evaluated, found.bad, found.expected)


def _look_back(raised: Floats, seconds: int) -> int:
    """How many windows before its end an onset may lie: an hour, as in a worker, or longer where evidence grew longer.

    Evidence of a change grows evenly, so it began about as long before it was halfway from where it rests to the
    threshold as it is since. Looking back much further would find that no baseline is exact.
    """
    before = raised[:-1]
    lately = before[-max(WEEK // seconds, _FEWEST) :]
    if np.isnan(lately).all():
        return max(MEMORY * WINDOW_SECONDS // seconds, _FEWEST)
    halfway = (1.0 + min(float(np.nanmedian(lately)), 1.0)) / 2.0
    low = np.flatnonzero(before < halfway)
    rising = len(raised) - 1 - int(low[-1]) if len(low) else 1
    return max(MEMORY * WINDOW_SECONDS // seconds, _FEWEST, 2 * rising)
