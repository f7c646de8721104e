"""What is known of one series when its windows are scored: a row of numbers, and what they were learned from."""

import math
from dataclasses import dataclass

import numpy as np

from detectors.base import Floats
from detectors.noise import Noise, noise_of, parameters_of
from detectors.rows import COMPLEMENT, HARMONICS, PARAMETERS, SEASON, THRESHOLD, WEIGHTS
from detectors.season import Season


@dataclass(frozen=True, slots=True)
class Baseline:
    """`parameters` has shape (PARAMETERS,), see `rows.py`; it was learned from `windows` windows of `seconds`,
    and `fitted` coefficients of its season were. Numbers only, so that what was stored is what was learned.
    """

    parameters: Floats
    fitted: int
    windows: int
    seconds: int

    @property
    def warm(self) -> bool:
        """Whether enough is known; a baseline that is cold opens nothing."""
        return math.isfinite(self.threshold)

    @property
    def threshold(self) -> float:
        """What the statistic must pass; infinite where the baseline is cold."""
        return float(self.parameters[THRESHOLD])

    @property
    def complement(self) -> bool:
        """Whether the good events are watched, being rarer."""
        return bool(self.parameters[COMPLEMENT] > 0.0)

    @property
    def season(self) -> Season:
        """The shape of the rate over the day and the week."""
        return Season(self.parameters[SEASON : SEASON + HARMONICS], self.fitted)

    @property
    def noise(self) -> Noise:
        """How it scatters around its season."""
        return noise_of(self.parameters)


def baseline_of(
    season: Season, noise: Noise, weights: Floats, threshold: float, windows: int, seconds: int
) -> Baseline:
    """The parts in one row; `weights` has shape (HYPOTHESES,). It watches bad events."""
    row = parameters_of(noise)
    row[THRESHOLD] = threshold
    row[WEIGHTS : WEIGHTS + len(weights)] = weights
    row[SEASON : SEASON + HARMONICS] = season.coefficients
    return Baseline(row, season.fitted, windows, seconds)


def decided(baseline: Baseline, threshold: float, complement: bool) -> Baseline:
    """The same with this threshold, watching good events if `complement`."""
    row = baseline.parameters.copy()
    row[THRESHOLD], row[COMPLEMENT] = threshold, float(complement)
    return Baseline(row, baseline.fitted, baseline.windows, baseline.seconds)


def cold(windows: int, seconds: int) -> Baseline:
    """Too little was seen to say anything."""
    row = np.zeros(PARAMETERS)
    row[THRESHOLD] = math.inf
    return Baseline(row, 0, windows, seconds)
