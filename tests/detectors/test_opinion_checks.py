"""Our opinions pass the checks, and each check fails an opinion that breaks its rule."""

from collections.abc import Callable

import numpy as np
import pytest
from river.base import DriftDetector
from river.drift import PageHinkley

from detectors.base import Bools, Floats, Scores, Window
from detectors.opinion_checks import OPINION_CHECKS, Subject, check_opinion
from detectors.river_opinions import PAGE_HINKLEY, Opinion, opinion
from detectors.vector import VectorOpinion

Check = Callable[[Subject], None]
KPIS = 3


def drift(path: str) -> Callable[[int], Opinion]:
    def make(series: int) -> Opinion:
        found = opinion(path)
        found.grow(series)
        return found

    return make


def vector(series: int) -> Opinion:
    found = VectorOpinion(KPIS, learned=720)
    found.grow(series)
    return found


SUBJECTS = {
    "Page-Hinkley": Subject(drift(PAGE_HINKLEY)),
    "ADWIN": Subject(drift("river.drift.ADWIN")),
    "half-space trees": Subject(vector, rows=KPIS, before=720 + 25 * 360),
}


@pytest.mark.parametrize("check", OPINION_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ["Page-Hinkley", "ADWIN"])
def test_drift_opinions_pass(name: str, check: Check) -> None:
    check(SUBJECTS[name])


@pytest.mark.slow
@pytest.mark.parametrize("check", OPINION_CHECKS, ids=lambda check: check.__name__)
def test_the_opinion_on_vectors_passes(check: Check) -> None:
    check(SUBJECTS["half-space trees"])


class Spoiled:
    """Page-Hinkley with everything wrong that the checks name, one at a time."""

    made = 0

    def __init__(self, series: int, fault: str) -> None:
        Spoiled.made += 1
        self.name = "" if fault == "nameless" else fault
        self.fault = fault
        self.threshold = 40.0 + (30.0 * (Spoiled.made % 2) if fault == "random" else 0.0)
        self.detectors: list[DriftDetector] = []
        self.kept: list[Window] = []
        self.grow(series)

    def grow(self, series: int) -> None:
        kept = [] if self.fault == "anew" and series > len(self.detectors) else self.detectors
        made = [PageHinkley(threshold=self.threshold, delta=0.25, alpha=1.0) for _ in range(series - len(kept))]
        self.detectors = [*kept, *made]

    def update(self, window: Window, scores: Scores) -> Bools:
        if self.fault == "keeps":
            self.kept.append(window)
        changed: Bools = np.zeros(len(window.bad), dtype=np.bool_)
        if self.fault == "blind":
            return changed
        use, residuals = self._seen(window, scores)
        if self.fault == "mixes":
            residuals = np.cumsum(residuals)
        for series in np.flatnonzero(use):
            self.detectors[series].update(float(residuals[series]))
            changed[series] = self.detectors[series].drift_detected
            if self.fault == "hasty":
                changed[series] |= bool(residuals[series] > 5.0)
        return changed

    def _seen(self, window: Window, scores: Scores) -> tuple[Bools, Floats]:
        known = scores.warm | (self.fault == "believes cold")
        covered = (window.coverage >= window.floor) | (self.fault == "believes unknown")
        finite = np.isfinite(window.bad) & np.isfinite(window.evaluated) | (self.fault == "takes NaN")
        n, k = window.evaluated, window.bad
        with np.errstate(invalid="ignore"):
            residuals = np.clip((k - n * scores.expected) / np.sqrt(np.maximum(n * 0.0475, 0.25)), -8.0, 8.0)
        if self.fault != "takes NaN":
            residuals = np.nan_to_num(residuals)
        use: Bools = known & covered & finite & ((n > 0.0) | ~finite | np.isnan(n))
        return use, residuals


FAULTS = {
    "an_opinion_has_a_name": "nameless",
    "a_gross_change_is_seen": "blind",
    "the_same_windows_give_the_same_opinion": "random",
    "a_cold_baseline_gives_no_opinion": "believes cold",
    "a_young_opinion_is_silent": "hasty",
    "unknown_windows_are_left_out": "believes unknown",
    "broken_numbers_do_not_blind_it": "takes NaN",
    "room_for_more_changes_nothing": "anew",
    "others_do_not_matter": "mixes",
    "memory_stays": "keeps",
}


@pytest.mark.parametrize("check", OPINION_CHECKS, ids=lambda check: check.__name__)
def test_every_check_fails_an_opinion_that_breaks_its_rule(check: Check) -> None:
    check(Subject(lambda series: Spoiled(series, "none")))
    with pytest.raises(AssertionError):
        check(Subject(lambda series: Spoiled(series, FAULTS[check.__name__])))


def test_all_checks_are_run_and_the_first_failure_is_raised() -> None:
    check_opinion(SUBJECTS["Page-Hinkley"])
    with pytest.raises(AssertionError, match="without a name"):
        check_opinion(Subject(lambda series: Spoiled(series, "nameless")))
    with pytest.raises(AssertionError, match="memory grows"):
        check_opinion(Subject(lambda series: Spoiled(series, "keeps")))
