"""All series side by side: scores, what opened and closed, since when, and how much. A pure function of the windows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.adjusting import Adjuster
from detectors.base import Bools, Floats, Scores, Window
from detectors.knowledge import Knowledge, Rows, adjusted
from detectors.mixture import StateSpaceDetector
from detectors.onset import size_of
from detectors.river_opinions import Opinion
from detectors.rolling import went_on

MEMORY = 360
"""Windows kept to look for an onset: an hour. An older onset is given as an hour ago."""
_EVALUATED, _BAD, _EXPECTED = range(3)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the bank says of one window: the detector's scores, and parallel columns of shape (series,)."""

    start: int
    scores: Scores
    unknown: Bools
    alarm: Bools
    opened: Bools
    closed: Bools
    others: dict[str, Bools]
    """By the name of another detector, where it saw a change. It is stored and shown, and never pages."""


@dataclass(frozen=True, slots=True)
class Size:
    """How an alarm looks in the data: since when (Unix seconds), how many of how many."""

    onset: int
    evaluated: int
    bad: int
    expected: float


class Bank:
    """Scores then learns each window, in order. Series are added by `grow`, and never removed."""

    def __init__(self, detector: StateSpaceDetector, others: Sequence[Opinion] = ()) -> None:
        self.detector = detector
        self.others = others
        self._adjuster = Adjuster()
        self._ones: Bools = np.zeros(0, dtype=np.bool_)
        self._past: Floats = np.zeros((3, MEMORY, 0))
        """The last windows; that of a moment is at its number modulo MEMORY."""
        self._end = 0
        self.coverage: Floats = np.zeros(0)
        """In the window stepped last, shape (series,); 0 where there was none yet."""

    def thresholds(self, cold: Floats) -> Floats:
        """What `log_e` must pass, shape (series,); `cold`, of that shape, where the detector does not know yet."""
        found = self.detector.threshold
        return np.where(np.isfinite(found), found, cold)

    def grow(self, series: int) -> None:
        """Make room for more series."""
        new = series - len(self._ones)
        if new > 0:
            self._ones = np.ones(series, dtype=np.bool_)
            self.coverage = np.concatenate([self.coverage, np.zeros(new)])
            self._past = np.concatenate([self._past, np.zeros((3, MEMORY, new))], axis=2)
            self.detector.grow(series)
            self._adjuster.grow(series)
            for other in self.others:
                other.grow(series)

    def adopt(self, series: int, known: Knowledge, rows: Rows) -> None:
        """Score a series by this from the end of these rows on, where they have brought it.

        By a cold baseline nothing is scored: a series that has become rare is WARMING again, here and after a restart.
        """
        if not known.baseline.warm:
            self.cool([series])
            return
        evaluated, bad, _ = adjusted(rows, known)
        lived, end = went_on(rows, known), rows.start + rows.seconds * len(evaluated)
        self.detector.adopt(series, known.baseline, lived.state)
        self._adjuster.adopt(series, known)
        for kind, column in ((_EVALUATED, evaluated), (_BAD, bad), (_EXPECTED, lived.expected)):
            kept = column[-MEMORY:]
            places = (end // self.detector.seconds - len(kept) + np.arange(len(kept))) % MEMORY
            self._past[kind, :, series] = 0.0
            self._past[kind, places, series] = kept
        self._end = max(self._end, end)

    def cool(self, series: Sequence[int]) -> None:
        """Know nothing of these series any more, until they adopt another baseline."""
        self.detector.cool(np.array(series, dtype=np.int64))
        self._adjuster.cool(list(series))
        self._past[:, :, list(series)] = 0.0

    def step(self, counted: Window, evaluated: Floats, bad: Floats) -> tuple[Window, Verdict]:
        """Score one window, decide, and learn it. Windows must come in the order of time.

        The counts by stratum have shape (strata, series). Returns the window as it was held against the baselines too.
        """
        window, detector = self._adjuster(counted, evaluated, bad), self.detector
        scores = detector.score(window)
        unknown: Bools = window.coverage < window.floor
        others = {other.name: other.update(window, scores) for other in self.others}
        self._remember(window, unknown, scores)
        detector.learn(window, self._ones)
        return window, Verdict(window.start, scores, unknown, detector.open, detector.opened, detector.closed, others)

    def _remember(self, window: Window, unknown: Bools, scores: Scores) -> None:
        place = window.start // self.detector.seconds % MEMORY
        self._past[_EVALUATED, place] = np.where(unknown, 0.0, window.evaluated)
        self._past[_BAD, place] = np.where(unknown, 0.0, window.bad)
        self._past[_EXPECTED, place] = scores.expected
        self._end = window.start + self.detector.seconds
        self.coverage = window.coverage

    def size(self, series: int) -> Size:
        """Onset and size of what is going on in a series."""
        seconds = self.detector.seconds
        first = self._end // seconds - MEMORY
        evaluated, bad, expected = self._past[:, (first + np.arange(MEMORY)) % MEMORY, series]
        found = size_of(evaluated, bad, expected)
        return Size((first + found.first) * seconds, found.evaluated, found.bad, found.expected)
