"""Compile everything now: ten seconds or so where nothing was compiled before, under one where it was.

For the making of an image and the start of a worker, so that the first window does not wait.
"""

import numpy as np

from detectors.base import Window
from detectors.learning import learn, min_windows
from detectors.mixture import StateSpaceDetector, run


def warm_up() -> None:
    """Learn, adopt, score and forget a series made up for this."""
    windows = min_windows(10)
    evaluated = np.full(windows, 100.0)
    bad = np.where(np.arange(windows) % 20 < 10, 4.0, 16.0)
    baseline = learn(0, evaluated, bad)
    run(baseline, 0, evaluated, bad)
    detector = StateSpaceDetector(1)
    for _ in range(2):
        detector.adopt(0, baseline)
    one = np.ones(1)
    window = Window(0, one, one, one, np.zeros(1))
    detector.score(window)
    detector.learn(window, np.ones(1, dtype=np.bool_))
    detector.forget(np.zeros(1, dtype=np.int64))
