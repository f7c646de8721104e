"""An opinion on all KPIs of a feature at once: an anomaly detector of river, by default half-space trees.

A change in many KPIs, each too small for its own threshold, may be far from anything seen together. It is an opinion:
it is stored and shown, and never pages. What it adds and how often it errs is in `benchmarks/detection/scale.py`.
"""

import math
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import numpy as np
from river.anomaly import HalfSpaceTrees
from river.base import AnomalyDetector

from detectors.base import Bools, Floats, Scores, Window
from detectors.excess import CLIP, standardised, usable

BLOCK = 360
"""Windows of which the highest score is kept: an hour."""
BLOCKS = 168
"""Such highest scores that are remembered: a week of them."""
WARM_BLOCKS = 24
"""Without so many there is no threshold, and no opinion."""
_GUMBEL_IQR, _GUMBEL_MEDIAN = 1.5725, 0.3665
_LEAST_SCALE = 1e-3
_STRETCH = 80.0
"""So that all KPIs at the edge score 1 - exp(-20)."""
Make = Callable[[], AnomalyDetector]


def half_space_trees() -> AnomalyDetector:
    """Many low trees. Every feature has the same ones, so that the order of features does not matter."""
    return HalfSpaceTrees(n_trees=25, height=4, window_size=360, seed=1)


@dataclass(slots=True)
class _Feature:
    """What is remembered of one feature; `highest` are the highest scores of its last blocks."""

    detector: AnomalyDetector
    seen: int = 0
    block: float = -math.inf
    highest: deque[float] = field(default_factory=lambda: deque(maxlen=BLOCKS))
    threshold: float = math.inf


class SumOfSquares(AnomalyDetector):
    """How far the KPIs are from the middle, all together. It learns nothing: what is usual its threshold learns."""

    def score_one(self, x: dict[Hashable, float]) -> float:
        """Between 0 and 1."""
        squares = sum((value - 0.5) ** 2 for value in x.values())
        return -math.expm1(-_STRETCH * squares / len(x))

    def learn_one(self, x: dict[Hashable, float]) -> None:
        """Nothing."""


class VectorOpinion:
    """One anomaly detector per feature. The series of a feature are `kpis` rows in a row.

    `budget` is in windows per false opinion of a feature, and `memory` in windows: residuals are smoothed over so
    many, because what is small is not to be seen in one. It learns for `learned` windows before it scores.
    """

    def __init__(
        self,
        kpis: int,
        make: Make = half_space_trees,
        budget: float = 60_480.0,
        memory: float = 30.0,
        learned: int = 720,
    ) -> None:
        if kpis < 1 or budget <= BLOCK or memory < 1.0 or learned < 1:
            raise ValueError(
                f"kpis={kpis}, budget={budget}, memory={memory}, learned={learned}: "
                f"give at least one KPI, one window of memory, one to learn, and a budget above {BLOCK} windows"
            )
        self.name = f"vector-{type(make()).__name__}-1"
        self.kpis = kpis
        self.budget = budget
        self.learned = learned
        self._make = make
        self._keep = 1.0 - 1.0 / memory
        self._scale = math.sqrt((1.0 + self._keep) / (1.0 - self._keep))
        self._smooth: Floats = np.zeros((0, kpis))
        self._features: list[_Feature] = []

    @property
    def warm(self) -> Bools:
        """Where it has an opinion at all, shape (features,). Where it has none, it does not say "normal"."""
        return np.array([math.isfinite(one.threshold) for one in self._features], dtype=np.bool_)

    def grow(self, series: int) -> None:
        """Make room for more series; the new features are cold."""
        for _ in range(-(-series // self.kpis) - len(self._features)):
            self._features.append(_Feature(self._make()))
        new = len(self._features) - len(self._smooth)
        self._smooth = np.concatenate([self._smooth, np.zeros((new, self.kpis))])

    def update(self, window: Window, scores: Scores) -> Bools:
        """Take a window in. True, shape (series,), on all rows of the features whose KPIs are together unusual.

        A feature of which nothing is usable is left out; of the others a KPI that is not usable drifts to the middle.
        """
        use = self._by_feature(usable(window, scores).astype(np.float64)) > 0.0
        self._smooth = self._keep * self._smooth + (1.0 - self._keep) * self._by_feature(standardised(window, scores))
        # Linear, so that most of the cube stays empty: where the usual fills it, its corners are usual too.
        squashed = np.clip(0.5 + self._scale * self._smooth / (2.0 * CLIP), 0.0, 1.0)
        changed = np.zeros(len(self._features), dtype=np.bool_)
        for index in np.flatnonzero(use.any(axis=1)):
            changed[index] = self._take(self._features[index], squashed[index])
        found: Bools = np.repeat(changed, self.kpis)[: len(window.bad)]
        return found

    def _by_feature(self, column: Floats) -> Floats:
        """In shape (features, KPIs), 0 where there are no such rows."""
        padded = np.zeros(len(self._features) * self.kpis)
        padded[: len(column)] = column
        return padded.reshape(-1, self.kpis)

    def _take(self, feature: _Feature, row: Floats) -> bool:
        """Score, then learn. A detector that is still learning says nothing, and its scores set no threshold."""
        vector: dict[Hashable, float] = dict(enumerate(row.tolist()))
        score = _stretched(float(feature.detector.score_one(vector)))
        feature.detector.learn_one(vector)
        feature.seen += 1
        if feature.seen <= self.learned:
            return False
        feature.block = max(feature.block, score)
        if (feature.seen - self.learned) % BLOCK == 0:
            feature.highest.append(feature.block)
            feature.block = -math.inf
            feature.threshold = threshold(np.array(feature.highest), self.budget)
        return score > feature.threshold


def threshold(highest: Floats, budget: float) -> float:
    """What the highest score of a block passes once in `budget` windows; infinite where there are too few blocks.

    The highest of many follow Gumbel's law; it is fitted by quartiles, so that incidents do not move it.
    """
    if len(highest) < WARM_BLOCKS:
        return math.inf
    low, middle, high = np.quantile(highest, [0.25, 0.5, 0.75])
    scale = max(float(high - low) / _GUMBEL_IQR, _LEAST_SCALE)
    return float(middle) - scale * (_GUMBEL_MEDIAN + math.log(-math.log1p(-BLOCK / budget)))


def _stretched(score: float) -> float:
    """Scores of 1 less a little, told apart; not finite means nothing."""
    if not math.isfinite(score):
        return 0.0
    return -math.log(max(1.0 - score, 1e-9)) if score < 1.0 else score
