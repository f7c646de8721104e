"""One series through the detector: a week to learn, weeks in which nothing happens, and changes beside an oracle."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from benchmarks.detection.oracle import Oracle, bound
from benchmarks.detection.settings import BY_NAME
from benchmarks.detection.worlds import (
    DAILY,
    DAY,
    WEEK,
    WINDOW_SECONDS,
    Cell,
    Change,
    Ints,
    World,
    any_start,
)
from detectors.learning import learn
from detectors.mixture import run

BEFORE = DAY // 2
"""Windows before an onset, so that statistics are as they are in the middle of things."""
CLEAN = "binomial"
DROPPED = -1


@dataclass(frozen=True, slots=True)
class Task:
    """What to do with one series; all its chance comes from `seed`.

    `limits` are the oracle's thresholds by change; changes that have none are measured without an oracle.
    """

    cell: Cell
    seed: tuple[int, ...]
    setting: str = CLEAN
    drawn: bool = False
    budget: float = float(WEEK)
    weeks: int = 0
    changes: tuple[Change, ...] = ()
    repeats: int = 0
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Found:
    """What one series gave. Delays are in seconds, by change, ours and the oracle's in the same order."""

    task: Task
    pages: int = 0
    open_windows: int = 0
    ours: dict[str, list[float]] = field(default_factory=dict)
    oracle: dict[str, list[float]] = field(default_factory=dict)
    missed: dict[str, int] = field(default_factory=dict)
    dropped: int = 0
    """Changes at whose onset an incident was open already."""


def measure(task: Task) -> Found:
    """Learn, wait, change. The future begins at any time of a week, with the noise in its stationary state."""
    chance = np.random.default_rng(task.seed)
    world = World(task.cell, DAILY, BY_NAME[task.setting].noise(chance, task.drawn))
    past = world.stream(any_start(chance), WEEK, chance)
    baseline = learn(past.start, past.evaluated, past.bad, budget=task.budget)
    found = Found(task)
    if task.weeks:
        null = world.stream(any_start(chance), task.weeks * WEEK, chance)
        watched = run(baseline, null.start, null.evaluated, null.bad)
        found.pages = len(watched.opened)
        found.open_windows = open_windows(watched.opened, watched.closed, len(null.bad))
    for change in task.changes:
        after = horizon(task, change)
        ours, oracle = found.ours.setdefault(change.name, []), found.oracle.setdefault(change.name, [])
        for _ in range(task.repeats):
            stream = world.stream(any_start(chance), BEFORE + after, chance, change, BEFORE)
            watched = run(baseline, stream.start, stream.evaluated, stream.bad)
            waited = delay(watched.opened, watched.closed, BEFORE, BEFORE + after)
            if waited == DROPPED:
                found.dropped += 1
                continue
            ours.append(waited * WINDOW_SECONDS)
            found.missed[change.name] = found.missed.get(change.name, 0) + int(waited > after)
            if change.name in task.limits:
                pages = Oracle(world, change, task.limits[change.name]).pages(stream)
                oracle.append(delay(pages, pages, BEFORE, BEFORE + after) * WINDOW_SECONDS)
    return found


def horizon(task: Task, change: Change) -> int:
    """Windows after the onset: a day at most, and less where the optimum is far faster and nothing but counts."""
    if task.setting != CLEAN or change.ramp:
        return DAY
    return min(DAY, 360 + int(10 * bound(task.cell, change, task.budget) / WINDOW_SECONDS))


def delay(opened: Ints, closed: Ints, onset: int, windows: int) -> int:
    """Windows from the onset to the end of the one that paged: at least 1.

    DROPPED when an incident was open at the onset; one more than there are windows when nothing paged.
    """
    if np.count_nonzero(opened < onset) > np.count_nonzero(closed < onset):
        return DROPPED
    later = opened[opened >= onset]
    return (int(later[0]) if len(later) else windows) - onset + 1


def open_windows(opened: Ints, closed: Ints, windows: int) -> int:
    """Windows spent in an incident; one that never closed lasts to the end."""
    ends = np.append(closed, np.full(len(opened) - len(closed), windows))
    return int((ends - opened).sum())
