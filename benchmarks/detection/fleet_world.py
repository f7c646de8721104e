"""A fleet of features to watch: learned, drawn, and taken through the detector and the statistic of the whole."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import process_time

import numpy as np

from benchmarks.detection.worlds import MAX_RATE, MIDDLE, WEEK, WINDOW_SECONDS, Floats, Noise, World, any_start, level
from detectors.base import Window
from detectors.baseline import Baseline
from detectors.fleet import Fleet
from detectors.learning import learn
from detectors.mixture import StateSpaceDetector
from detectors.pools import Pooled, mean_of, pooled, shared_level, usual_rates
from detectors.season import seasonal_rates

PARTS = 3
"""Among which the budget is divided."""


@dataclass(frozen=True, slots=True)
class FleetTask:
    """A fleet of so many features, in groups of `changed`; `shared` is a noise that they have in common."""

    series: int
    changed: int
    seed: tuple[int, ...]
    repeats: int
    null_windows: int
    shared: Noise = field(default_factory=Noise)

    @property
    def groups(self) -> int:
        """How many there are."""
        return self.series // self.changed


class Watched:
    """A fleet that was learned: the features, then the groups, then all as one pool."""

    def __init__(self, task: FleetTask, chance: np.random.Generator) -> None:
        self.task, self.world = task, World(MIDDLE)
        budget = float(PARTS * WEEK)
        start = any_start(chance)
        shared = np.exp(level(task.shared, WEEK, chance))
        evaluated, bad, expected = (np.zeros((task.groups, WEEK)) for _ in range(3))
        self.baselines: list[Baseline] = []
        for one in range(task.series):
            n, k = draw(self.world, start, shared, np.ones((1, 1)), chance)
            baseline = learn(start, n[0], k[0], budget=budget * task.series)
            group = one // task.changed
            evaluated[group] += n[0]
            bad[group] += k[0]
            expected[group] += n[0] * usual_rates(baseline, start, np.ones(WEEK))
            self.baselines.append(baseline)
        whole = evaluated.sum(axis=0), bad.sum(axis=0), expected.sum(axis=0)
        pools = [*zip(evaluated, bad, expected, strict=True), whole]
        self.means = [mean_of(n, usual) for n, _, usual in pools]
        for (n, k, usual), mean in zip(pools, self.means, strict=True):
            one_pool = pooled(n, k, usual, mean)
            self.baselines.append(
                learn(start, one_pool.evaluated, one_pool.bad, budget=budget * len(pools), mix=one_pool.mix)
            )

    def detector(self) -> StateSpaceDetector:
        """One that has seen nothing yet."""
        found = StateSpaceDetector(len(self.baselines))
        for series, baseline in enumerate(self.baselines):
            found.adopt(series, baseline)
        return found

    def seasons(self, start: int, windows: int) -> Floats:
        """Usual rates of the features, shape (series, windows)."""
        members = self.baselines[: self.task.series]
        return np.array([seasonal_rates(one.season.coefficients, start, WINDOW_SECONDS, windows) for one in members])

    def pools(self, evaluated: Floats, bad: Floats, usual: Floats) -> list[Pooled]:
        """The groups and the whole, from counts of shape (series, windows)."""
        columns = np.array([evaluated, bad, evaluated * usual])
        by_group = columns.reshape(3, self.task.groups, self.task.changed, -1).sum(axis=2)
        rows = np.concatenate([by_group, columns.sum(axis=1, keepdims=True)], axis=1).swapaxes(0, 1)
        return [pooled(n, k, usual, mean) for (n, k, usual), mean in zip(rows, self.means, strict=True)]


def draw(
    world: World, start: int, shared: Floats, factors: Floats, chance: np.random.Generator
) -> tuple[Floats, Floats]:
    """Evaluated and bad, shape (series, windows): `shared` (windows,) times `factors`, (series, 1 or windows), times
    the season's rate.
    """
    windows = len(shared)
    n = chance.poisson(world.traffic(start, windows), (len(factors), windows))
    rates = np.minimum(world.rate(start, windows) * shared * factors, MAX_RATE)
    return n.astype(np.float64), chance.binomial(n, rates).astype(np.float64)


class Scene:
    """Windows of a fleet, one after the other, through the detector and the statistic; with what they cost."""

    def __init__(self, watched: Watched, start: int, n: Floats, k: Floats, fleets: Sequence[Fleet]) -> None:
        """The first of `fleets` takes the evidence as it is, a second one beside the shared level."""
        self.watched, self.start, self.n, self.k, self.fleets = watched, start, n, k, fleets
        self.usual = watched.seasons(start, n.shape[1])
        pools = watched.pools(n, k, self.usual)
        self.evaluated = np.concatenate([n, [one.evaluated for one in pools]])
        self.bad = np.concatenate([k, [one.bad for one in pools]])
        self.mix = np.concatenate([np.ones(n.shape), [one.mix for one in pools]])
        self.detector = watched.detector()
        self.spent = np.zeros(3)

    def step(self, i: int) -> None:
        """Window i."""
        size = len(self.evaluated)
        window = Window(
            self.start + i * WINDOW_SECONDS,
            self.evaluated[:, i].copy(),
            self.bad[:, i].copy(),
            np.ones(size),
            np.zeros(size),
            self.mix[:, i].copy(),
        )
        series = self.watched.task.series
        levels = self.detector.levels()
        shared = shared_level(float(levels[-1]), self.n[:, i], self.usual[:, i], levels[:series])
        for fleet, common in zip(self.fleets, (0.0, shared), strict=False):
            before = process_time()
            evidence = self.detector.evidence(window, common)[:, :series]
            between = process_time()
            fleet.update(evidence)
            self.spent += (0.0, between - before, process_time() - between)
        before = process_time()
        self.detector.learn(window, np.ones(size, dtype=np.bool_))
        self.spent[0] += process_time() - before
