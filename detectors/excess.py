"""What is left of a window after its baseline: bad events above the expected ones, in standard deviations."""

import numpy as np

from detectors.base import Bools, Floats, Scores, Window

CLIP = 8.0
"""No residual is further from 0."""
_INTERVAL = 2.0 * 2.5758
"""Standard deviations that a 99 % interval spans."""


def usable(window: Window, scores: Scores) -> Bools:
    """Where a window says something and the baseline can judge it, shape (series,): warm, known, finite, not empty."""
    finite = np.isfinite(window.evaluated) & np.isfinite(window.bad) & np.isfinite(scores.expected)
    found: Bools = scores.warm & finite & (window.evaluated > 0.0) & (window.coverage >= window.floor)
    return found


def standardised(window: Window, scores: Scores) -> Floats:
    """The residuals, shape (series,); 0 where the window is not usable, never NaN, and at most CLIP from 0.

    The scale is that of the prediction interval, so that a series that scatters is not always surprising; it is no
    smaller than a coin's and than half an event.
    """
    use = usable(window, scores)
    n, k = np.where(use, window.evaluated, 0.0), np.where(use, window.bad, 0.0)
    expected = np.where(use, scores.expected, 0.0)
    coin = n * expected * (1.0 - expected)
    width = np.nan_to_num(scores.high - scores.low, nan=0.0, posinf=1.0, neginf=0.0)
    spread = np.sqrt(np.maximum(coin, np.maximum((n * width / _INTERVAL) ** 2, 0.25)))
    found: Floats = np.clip((k - n * expected) / spread, -CLIP, CLIP)
    return found
