"""Mean delays beside the oracle's: cell by cell, their geometric mean, and the bootstrap of both over series."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.detection.intervals import bootstrap
from benchmarks.detection.series import Found
from benchmarks.detection.worlds import Cell, Change, Floats

ENOUGH = 30.0
"""Seconds an oracle must need for a cell to count: below that all are as fast as the window."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A cell and a change: sums of delays per series, shape (series,), in seconds, and how many delays they sum."""

    cell: Cell
    change: Change
    ours: Floats
    oracle: Floats
    counts: Floats
    missed: int

    @property
    def name(self) -> str:
        """For example 200/0.02 x2."""
        return f"{self.cell.name} {self.change.name}"

    @property
    def oracle_mean(self) -> float:
        """Seconds."""
        return float(self.oracle.sum() / self.counts.sum())

    def ratio(self, chosen: npt.NDArray[np.int64] | None = None) -> float:
        """Of the means, over all series or the chosen ones."""
        index = np.arange(len(self.ours)) if chosen is None else chosen
        return float(self.ours[index].sum() / self.oracle[index].sum())

    def row(self, chance: np.random.Generator) -> dict[str, object]:
        """For JSON: means in seconds, their ratio and its 95 % interval."""
        interval = bootstrap([len(self.ours)], lambda drawn: self.ratio(drawn[0]), chance)
        return {
            "ours_s": round(float(self.ours.sum() / self.counts.sum()), 1),
            "oracle_s": round(self.oracle_mean, 1),
            "ratio": round(self.ratio(), 3),
            "interval": [round(end, 3) for end in interval],
            "changes": int(self.counts.sum()),
            "missed": self.missed,
        }


def compare(found: Sequence[Found]) -> list[Compared]:
    """Group by cell and change, in the order of the first appearance."""
    groups: dict[tuple[Cell, Change], list[Found]] = defaultdict(list)
    for one in found:
        for change in one.task.changes:
            if one.oracle[change.name]:
                groups[one.task.cell, change].append(one)
    return [_compared(cell, change, group) for (cell, change), group in groups.items()]


def _compared(cell: Cell, change: Change, group: Sequence[Found]) -> Compared:
    ours = np.array([sum(one.ours[change.name]) for one in group])
    oracle = np.array([sum(one.oracle[change.name]) for one in group])
    counts = np.array([float(len(one.ours[change.name])) for one in group])
    return Compared(cell, change, ours, oracle, counts, sum(one.missed[change.name] for one in group))


def counting(compared: Sequence[Compared], changes: Sequence[Change]) -> list[Compared]:
    """Those of these changes whose oracle needs long enough."""
    return [one for one in compared if one.change in changes and one.oracle_mean >= ENOUGH]


def geometric_mean(compared: Sequence[Compared]) -> float:
    """Of the ratios. Raises ValueError when there is none."""
    if not compared:
        raise ValueError("no cell in which the oracle needs long enough")
    return geometric([one.ratio() for one in compared])


def geometric(values: Sequence[float]) -> float:
    """Their geometric mean."""
    return math.exp(sum(math.log(value) for value in values) / len(values))


def mean_interval(compared: Sequence[Compared], chance: np.random.Generator) -> tuple[float, float]:
    """95 % interval of the geometric mean. The changes of one series are redrawn together."""
    cells = list(dict.fromkeys(one.cell for one in compared))
    sizes = [min(len(one.ours) for one in compared if one.cell == cell) for cell in cells]
    place = {cell: index for index, cell in enumerate(cells)}

    def statistic(drawn: list[npt.NDArray[np.int64]]) -> float:
        return geometric([one.ratio(drawn[place[one.cell]]) for one in compared])

    return bootstrap(sizes, statistic, chance)
