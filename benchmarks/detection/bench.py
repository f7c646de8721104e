"""What all goals share: the plan, the seed, the workers, and the oracles' thresholds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.detection.intervals import poisson_interval
from benchmarks.detection.oracle import tune
from benchmarks.detection.plan import Plan
from benchmarks.detection.pool import Workers
from benchmarks.detection.series import Found, Task, measure
from benchmarks.detection.worlds import WEEK, Cell, Change, World, any_start

Limits = Mapping[Cell, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Bench:
    """`purpose` numbers keep the chance of one part apart from another's."""

    plan: Plan
    seed: int
    workers: Workers

    def chance(self, purpose: int) -> np.random.Generator:
        """For a part's own use, such as redrawing."""
        return np.random.default_rng((self.seed, purpose))

    def limits(self, changes: Sequence[Change], budget: float, cells: Sequence[Cell]) -> Limits:
        """Oracles' thresholds by cell and change. Ramps and steps are tuned on the same kind of weeks."""
        ramps = any(change.ramp for change in changes)
        weeks = self.plan.ramp_tuning_weeks if ramps else self.plan.tuning_weeks
        tasks = [
            Tuning(cell, tuple(changes), budget, weeks, (self.seed, 1, cell.events, i)) for i, cell in enumerate(cells)
        ]
        found = self.workers.each("oracles", tuned, tasks)
        return dict(zip(cells, found, strict=True))

    def series(self, name: str, tasks: Sequence[Task]) -> list[Found]:
        """Measure them all."""
        return self.workers.each(name, measure, tasks)


@dataclass(frozen=True, slots=True)
class Tuning:
    """The oracles of one cell."""

    cell: Cell
    changes: tuple[Change, ...]
    budget: float
    weeks: int
    seed: tuple[int, ...]


def tuned(task: Tuning) -> dict[str, float]:
    """Thresholds by change."""
    chance = np.random.default_rng(task.seed)
    world = World(task.cell)
    streams = [world.stream(any_start(chance), WEEK, chance) for _ in range(task.weeks)]
    return {change.name: tune(world, change, task.budget, streams).threshold for change in task.changes}


def pages_row(pages: int, weeks: float, per: float = 1.0) -> dict[str, Any]:
    """Pages per `per` feature-weeks with their exact 95 % interval, and what stands behind them."""
    low, high = poisson_interval(pages, weeks / per)
    return {
        "value": round(pages * per / weeks, 3),
        "interval": [round(low, 3), round(high, 3)],
        "pages": pages,
        "series_weeks": round(weeks),
    }


def pages_of(found: Sequence[Found]) -> tuple[int, int]:
    """Pages, and the series-weeks in which they came."""
    return sum(one.pages for one in found), sum(one.task.weeks for one in found)
