"""What is known of one series when its windows are scored."""

import math
from dataclasses import dataclass

from detectors.base import Floats
from detectors.noise import Noise, parameters_of
from detectors.rows import COMPLEMENT, SEASON, THRESHOLD, WEIGHTS
from detectors.season import Season


@dataclass(frozen=True, slots=True)
class Baseline:
    """Learned from `windows` windows of `seconds`. `complement` says that the good events are watched, being rarer.

    `weights` has shape (HYPOTHESES,). A baseline that is not `warm` opens nothing.
    """

    season: Season
    noise: Noise
    weights: Floats
    threshold: float
    complement: bool
    windows: int
    seconds: int
    warm: bool

    def row(self) -> Floats:
        """The parameters of `statespace.step`, shape (PARAMETERS,)."""
        row = parameters_of(self.noise)
        row[THRESHOLD] = self.threshold if self.warm else math.inf
        row[COMPLEMENT] = float(self.complement)
        row[WEIGHTS : WEIGHTS + len(self.weights)] = self.weights
        row[SEASON : SEASON + len(self.season.coefficients)] = self.season.coefficients
        return row
