"""All series through one detector: states, alarms, onsets and recoveries. A pure function of the windows."""

import math
from dataclasses import dataclass

import numpy as np

from detectors.base import Bools, Detector, Floats, Scores, Window
from detectors.residuals import PageHinkleyOpinion

MEMORY = 360
"""Windows kept to look for an onset: an hour. An older onset is given as an hour ago."""
LEARN_SHARE = 0.75
"""What brings a score this near its threshold is not learned as normal. Much lower would bias the baseline:
the statistic wanders up to half its threshold on its own, and leaving out those windows leaves out the high ones
(measured at a budget of 1 page per series-week, 32 series-weeks: 213 pages at 0.25, 11 at 0.5, 3 at 0.75)."""
CLOSE_AFTER = math.log(8640.0)
"""Evidence for "back to normal" that ends an alarm: one false end per alarm-day, if the alarm is real."""
_MAX_LOG = 200.0


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the bank says of one window: the detector's scores, and parallel columns of shape (series,)."""

    start: int
    scores: Scores
    unknown: Bools
    alarm: Bools
    opened: Bools
    closed: Bools
    second: Bools
    """Where the second opinion saw a change. It is stored and shown, and never pages."""


@dataclass(frozen=True, slots=True)
class Size:
    """How an alarm looks in the data: since when (Unix seconds), how many of how many."""

    onset: int
    evaluated: int
    bad: int
    expected: float


class Bank:
    """Scores then learns each window, in order. Series are added by `grow`, and never removed."""

    def __init__(self, detector: Detector, threshold: float, window_seconds: int) -> None:
        self.detector = detector
        self.second = PageHinkleyOpinion()
        self.threshold = threshold
        self._seconds = window_seconds
        self._alarm: Bools = np.zeros(0, dtype=np.bool_)
        self._normal: Floats = np.zeros(0)
        self._log_back: Floats = np.zeros(0)
        self._alarm_bad: Floats = np.zeros(0)
        self._alarm_n: Floats = np.zeros(0)
        self._past: list[tuple[int, Floats, Floats, Floats]] = []

    def grow(self, series: int) -> None:
        """Make room for more series."""
        new = series - len(self._alarm)
        if new > 0:
            self._alarm = np.concatenate([self._alarm, np.zeros(new, dtype=np.bool_)])
            for name in ("_normal", "_log_back", "_alarm_bad", "_alarm_n"):
                setattr(self, name, np.concatenate([getattr(self, name), np.zeros(new)]))
            self.detector.grow(series)
            self.second.grow(series)

    def step(self, window: Window) -> Opinion:
        """Score one window, decide, and learn it. Windows must come in the order of time."""
        scores = self.detector.score(window)
        unknown: Bools = window.coverage < window.floor
        second = self.second.update(window, scores)
        self._remember(window, scores)
        opened: Bools = scores.warm & ~self._alarm & (scores.log_e > self.threshold)
        closed = self._recovered(window)
        self._open(opened, scores)
        self._alarm = (self._alarm | opened) & ~closed
        quiet = ~self._alarm & (scores.log_e < LEARN_SHARE * self.threshold) | ~scores.warm
        self.detector.learn(window, quiet)
        self.detector.forget(np.flatnonzero(opened | closed | self._alarm))
        return Opinion(window.start, scores, unknown, self._alarm.copy(), opened, closed, second)

    def _open(self, opened: Bools, scores: Scores) -> None:
        for series in np.flatnonzero(opened):
            size = self.size(int(series))
            self._alarm_bad[series], self._alarm_n[series] = size.bad + 0.5, size.evaluated + 1.0
        self._normal = np.where(opened, scores.expected, self._normal)
        self._log_back = np.where(opened, -np.inf, self._log_back)

    def _recovered(self, window: Window) -> Bools:
        """Shiryaev-Roberts the other way round: the normal rate against the alarm's own, so far."""
        use = self._alarm & (window.evaluated > 0) & (window.coverage >= window.floor)
        if not use.any():
            return np.zeros(len(self._alarm), dtype=np.bool_)
        k, n = np.where(use, window.bad, 0.0), np.where(use, window.evaluated, 0.0)
        alarmed = np.clip(self._alarm_bad / np.maximum(self._alarm_n, 1.0), 1e-6, 1 - 1e-6)
        normal = np.clip(self._normal, 1e-6, 1 - 1e-6)
        step = k * np.log(normal / alarmed) + (n - k) * np.log((1 - normal) / (1 - alarmed))
        self._log_back = np.where(use, np.minimum(np.logaddexp(0.0, self._log_back) + step, _MAX_LOG), self._log_back)
        closed: Bools = use & (self._log_back > CLOSE_AFTER)
        # Windows that look normal must not pull the alarm's rate towards normal.
        bad_looking = use & (step <= 0.0)
        self._alarm_bad = self._alarm_bad + np.where(bad_looking, k, 0.0)
        self._alarm_n = self._alarm_n + np.where(bad_looking, n, 0.0)
        return closed

    def _remember(self, window: Window, scores: Scores) -> None:
        self._past.append((window.start, window.evaluated, window.bad, scores.expected))
        if len(self._past) > MEMORY:
            del self._past[0]

    def size(self, series: int) -> Size:
        """Onset and size of what is going on in a series, by the generalised likelihood ratio."""
        past = [row for row in self._past if len(row[1]) > series]
        n = np.array([row[1][series] for row in past])
        k = np.array([row[2][series] for row in past])
        expected = np.clip(np.array([row[3][series] for row in past]), 1e-6, 1 - 1e-6)
        first = _onset(k, n, expected)
        return Size(
            onset=past[first][0],
            evaluated=int(n[first:].sum()),
            bad=int(k[first:].sum()),
            expected=float(expected[first]),
        )


def _onset(k: Floats, n: Floats, expected: Floats) -> int:
    """Index from which on a rate of its own explains the data best against the expected rates."""
    bad, all_ = np.cumsum(k[::-1])[::-1], np.cumsum(n[::-1])[::-1]
    rate = np.clip(bad / np.maximum(all_, 1.0), 1e-6, 1 - 1e-6)
    null = k * np.log(expected) + (n - k) * np.log1p(-expected)
    gain = bad * np.log(rate) + (all_ - bad) * np.log1p(-rate) - np.cumsum(null[::-1])[::-1]
    return int(np.argmax(gain))
