"""Our detectors pass the checks, and each check fails a detector that breaks its rule."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from detectors.base import Bools, Detector, Floats, Scores, Window
from detectors.baseline import Baseline
from detectors.checks import (
    DETECTOR_CHECKS,
    EVENTS,
    RATE,
    a_cold_detector_says_so,
    check_detector,
    memory_is_bounded,
)
from detectors.learning import learn
from detectors.mixture import StateSpaceDetector
from tests.detectors.streams import START, stream

Check = Callable[[Callable[[int], Detector]], None]


@cache
def baseline(wander: float, complement: bool) -> Baseline:
    seen = stream(41, 8640, evaluated=EVENTS, rate=1.0 - RATE if complement else RATE, wander=wander)
    bad = seen.evaluated - seen.bad if complement else seen.bad
    return learn(START, seen.evaluated, bad)


def state_space(wander: float = 0.0, complement: bool = False) -> Callable[[int], Detector]:
    def make(series: int) -> Detector:
        detector = StateSpaceDetector(series)
        for one in range(series):
            detector.adopt(one, baseline(wander, complement))
        return detector

    return make


class Plain:
    """The simplest detector that keeps every rule: a sum of residuals that cannot fall below 0, and a running mean."""

    name = "plain"

    def __init__(self, series: int) -> None:
        self.sums, self.bad, self.good, self.known = np.zeros((4, 0))
        self.grow(series)

    def score(self, window: Window) -> Scores:
        rate = self.bad / (self.bad + self.good)
        sums = self._sums(window)
        half = np.minimum(rate, 1.0 - rate)
        return Scores(sums, sums > 0.0, rate, rate - half, rate + half, self.known >= 100.0)

    def learn(self, window: Window, keep: Bools) -> None:
        use = usable(window) & keep
        self.sums = self._sums(window)
        self.bad = self.bad + np.where(use, window.bad, 0.0)
        self.good = self.good + np.where(use, window.evaluated - window.bad, 0.0)
        self.known = np.minimum(self.known + use, 100.0)

    def grow(self, series: int) -> None:
        new = max(series - len(self.sums), 0)
        self.sums, self.known = (np.concatenate([column, np.zeros(new)]) for column in (self.sums, self.known))
        self.bad, self.good = (np.concatenate([column, np.ones(new)]) for column in (self.bad, self.good))

    def forget(self, series: npt.NDArray[np.int64]) -> None:
        self.sums[series] = 0.0

    def _sums(self, window: Window) -> Floats:
        use = usable(window)
        n, k = np.where(use, window.evaluated, 0.0), np.where(use, window.bad, 0.0)
        return np.maximum(self.sums + k - n * self.bad / (self.bad + self.good), 0.0)


def usable(window: Window) -> Bools:
    known: Bools = np.isfinite(window.evaluated) & np.isfinite(window.bad) & (window.coverage >= window.floor)
    return known & (window.evaluated > 0.0)


def plain(series: int) -> Detector:
    found = Plain(series)
    found.bad, found.good, found.known = np.full(series, 100.0), np.full(series, 1900.0), np.full(series, 100.0)
    return found


MAKERS = {
    "state-space": state_space(),
    "state-space with a level": state_space(wander=0.2),
    "state-space of good events": state_space(complement=True),
    "plain": plain,
}


def cases() -> Iterator[Any]:
    for name, make in MAKERS.items():
        for check in DETECTOR_CHECKS:
            yield pytest.param(make, check, id=f"{name}, {check.__name__}")


@pytest.mark.parametrize(("make", "check"), list(cases()))
def test_detectors_pass(make: Callable[[int], Detector], check: Check) -> None:
    check(make)


@pytest.mark.parametrize("cold", [StateSpaceDetector, Plain])
def test_cold_detectors_say_so(cold: Callable[[int], Detector]) -> None:
    a_cold_detector_says_so(cold)


def test_all_checks_are_run_and_the_first_failure_is_raised() -> None:
    check_detector(plain, Plain)
    with pytest.raises(AssertionError, match="learned three windows or none says that it is warm"):
        check_detector(plain, plain)


class Wrapped:
    """A sound detector, to be spoiled in one place."""

    name = "spoiled"

    def __init__(self, inner: Detector) -> None:
        self.inner = inner

    def score(self, window: Window) -> Scores:
        return self.inner.score(window)

    def learn(self, window: Window, keep: Bools) -> None:
        self.inner.learn(window, keep)

    def grow(self, series: int) -> None:
        self.inner.grow(series)

    def forget(self, series: npt.NDArray[np.int64]) -> None:
        self.inner.forget(series)


class LearnsWhileScoring(Wrapped):
    def score(self, window: Window) -> Scores:
        found = self.inner.score(window)
        self.inner.learn(window, np.ones(len(window.bad), dtype=np.bool_))
        return found


class SaysNaN(Wrapped):
    def score(self, window: Window) -> Scores:
        found = self.inner.score(window)
        return replace(found, log_e=np.full(len(found.log_e), np.nan))


class Random(Wrapped):
    made = 0

    def __init__(self, inner: Detector) -> None:
        super().__init__(inner)
        Random.made += 1
        self.offset = float(Random.made)

    def score(self, window: Window) -> Scores:
        found = self.inner.score(window)
        return replace(found, log_e=found.log_e + self.offset)


class NeverLearns(Wrapped):
    def learn(self, window: Window, keep: Bools) -> None:
        pass


class BelievesUnknown(Wrapped):
    def learn(self, window: Window, keep: Bools) -> None:
        self.inner.learn(replace(window, coverage=np.ones(len(window.bad))), keep)


class GrowsAnew(Wrapped):
    def grow(self, series: int) -> None:
        self.inner = MAKERS["state-space"](series)


class MixesSeries(Wrapped):
    def score(self, window: Window) -> Scores:
        found = self.inner.score(window)
        return replace(found, log_e=np.cumsum(found.log_e))


class NeverForgets(Wrapped):
    def forget(self, series: npt.NDArray[np.int64]) -> None:
        pass


class KeepsAll(Wrapped):
    def __init__(self, inner: Detector) -> None:
        super().__init__(inner)
        self.kept: list[Window] = []

    def learn(self, window: Window, keep: Bools) -> None:
        self.kept.append(window)
        self.inner.learn(window, keep)


class TakesNaN(Wrapped):
    def __init__(self, inner: Detector) -> None:
        super().__init__(inner)
        self.total = 0.0

    def score(self, window: Window) -> Scores:
        found = self.inner.score(window)
        return replace(found, log_e=found.log_e + (0.0 if np.isfinite(self.total) else 1.0))

    def learn(self, window: Window, keep: Bools) -> None:
        self.total += float(np.abs(window.bad[0]) + np.abs(window.evaluated[0]))
        self.inner.learn(window, keep)


SPOILED = {
    "scoring_is_pure": LearnsWhileScoring,
    "scores_are_well_formed": SaysNaN,
    "scores_are_repeatable": Random,
    "score_comes_before_learn": NeverLearns,
    "empty_and_unknown_windows_say_nothing": BelievesUnknown,
    "broken_numbers_leave_no_trace": TakesNaN,
    "growing_keeps_what_is_known": GrowsAnew,
    "series_do_not_touch_each_other": MixesSeries,
    "forgetting_starts_the_evidence_anew": NeverForgets,
    "memory_is_bounded": KeepsAll,
}


@pytest.mark.parametrize("check", DETECTOR_CHECKS, ids=lambda check: check.__name__)
def test_every_check_fails_a_detector_that_breaks_its_rule(check: Check) -> None:
    spoiled = SPOILED[check.__name__]
    with pytest.raises(AssertionError):
        check(lambda series: spoiled(plain(series)))


def test_the_reason_of_a_failure_says_how_much_memory_grew() -> None:
    with pytest.raises(AssertionError, match=r"memory grows: \d+ bytes after 5000 windows, \d+ after 10000"):
        memory_is_bounded(lambda series: KeepsAll(plain(series)))
