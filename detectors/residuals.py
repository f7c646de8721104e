"""A second opinion that never pages: river's Page-Hinkley test on each series' residual.

It sees what is left of a window's rate after the baseline, in standard deviations, so that one setting
fits all series. It is wrapped because river's detectors do not survive a NaN, and because its default
`alpha` lets the mean of a constant stream wander (both measured, see docs/decisions).
"""

import numpy as np
from river.drift import PageHinkley

from detectors.base import Bools, Floats, Scores, Window

_CLIP = 8.0


class PageHinkleyOpinion:
    """One river detector per series. `update` says which of them saw a change in this window."""

    name = "page-hinkley-1"

    def __init__(self, threshold: float = 40.0, delta: float = 0.25) -> None:
        self.threshold = threshold
        self.delta = delta
        self._detectors: list[PageHinkley] = []

    def grow(self, series: int) -> None:
        """Make room for more series."""
        for _ in range(series - len(self._detectors)):
            self._detectors.append(PageHinkley(threshold=self.threshold, delta=self.delta, alpha=1.0))

    def update(self, window: Window, scores: Scores) -> Bools:
        """Take a window in; where the series is cold, empty or unknown it is left out."""
        usable = scores.warm & (window.evaluated > 0) & (window.coverage >= window.floor)
        residual = standardised(window, scores)
        changed: Bools = np.zeros(len(usable), dtype=np.bool_)
        for series in np.flatnonzero(usable):
            detector = self._detectors[series]
            detector.update(float(residual[series]))
            changed[series] = detector.drift_detected
        return changed


def standardised(window: Window, scores: Scores) -> Floats:
    """Bad events less the expected ones, in standard deviations of a binomial; finite and bounded."""
    variance = window.evaluated * scores.expected * (1.0 - scores.expected)
    excess = window.bad - window.evaluated * scores.expected
    found: Floats = np.clip(excess / np.sqrt(np.maximum(variance, 0.25)), -_CLIP, _CLIP)
    return found
