"""Missing telemetry: heartbeats say how many events there were, and some did not arrive."""

from dataclasses import dataclass, field

import numpy as np

from benchmarks.detection.series import BEFORE, DROPPED, delay
from benchmarks.detection.worlds import DAY, WEEK, WINDOW_SECONDS, Cell, Stream, World, any_start
from detectors.arrivals import as_rate
from detectors.backtest import Counts
from detectors.learning import learn
from detectors.mixture import run

_AFTER = DAY // 4
_USUAL = (1e-4, 1e-2)
"""Share that is lost on a normal day, in two of three series; the third loses nothing."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Of `events` a window on average, the share `lost` stops arriving; to be found within `goal` seconds."""

    name: str
    events: int
    lost: float
    goal: float


LOSSES = (Loss("all at 20", 20, 1.0, 20.0), Loss("half at 20", 20, 0.5, 60.0), Loss("5 % at 200", 200, 0.05, 600.0))


@dataclass(frozen=True, slots=True)
class LossTask:
    """One series: weeks without a loss, then so many losses.

    `alone` is without heartbeats: only what arrives is counted, and held against its own past.
    """

    loss: Loss
    seed: tuple[int, ...]
    weeks: int
    repeats: int
    alone: bool = False


@dataclass(slots=True)
class LossFound:
    """Delays in seconds; pages in the weeks without a loss."""

    task: LossTask
    pages: int = 0
    delays: list[float] = field(default_factory=list)
    dropped: int = 0


def measure_loss(task: LossTask) -> LossFound:
    """Learn completeness for a week, then watch it. Evaluated is what heartbeats count, bad what did not arrive.

    Without heartbeats evaluated and bad are those of arrivals.
    """
    chance = np.random.default_rng(task.seed)
    world = World(Cell(task.loss.events, 0.5))
    usual = 0.0 if task.seed[-1] % 3 == 0 else float(np.exp(chance.uniform(*np.log(_USUAL))))
    past = missing(world, WEEK, usual, 0.0, 0, chance)
    baseline = learn(past.start, *watched_columns(task, past))
    found = LossFound(task)
    if task.weeks:
        null = missing(world, task.weeks * WEEK, usual, 0.0, 0, chance)
        found.pages = len(run(baseline, null.start, *watched_columns(task, null)).opened)
    for _ in range(task.repeats):
        stream = missing(world, BEFORE + _AFTER, usual, task.loss.lost, BEFORE, chance)
        watched = run(baseline, stream.start, *watched_columns(task, stream))
        waited = delay(watched.opened, watched.closed, BEFORE, BEFORE + _AFTER)
        if waited == DROPPED:
            found.dropped += 1
        else:
            found.delays.append(waited * WINDOW_SECONDS)
    return found


def watched_columns(task: LossTask, stream: Stream) -> tuple[Counts, Counts]:
    """Evaluated and bad of what the task watches, shape (windows,)."""
    return as_rate(stream.evaluated - stream.bad) if task.alone else (stream.evaluated, stream.bad)


def missing(world: World, windows: int, usual: float, lost: float, onset: int, chance: np.random.Generator) -> Stream:
    """Expected and missing events, losing `usual` always and `lost` of the rest from the onset on."""
    start = any_start(chance)
    expected = chance.poisson(world.traffic(start, windows)).astype(np.int64)
    share = np.where(np.arange(windows) >= onset, 1.0 - (1.0 - usual) * (1.0 - lost), usual)
    return Stream(start, expected, chance.binomial(expected, share).astype(np.int64))
