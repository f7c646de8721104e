"""What every detector must satisfy, for whoever writes one: plain functions that raise AssertionError with a reason.

    check_detector(make, cold)

`make(series)` gives a new, warm detector of so many series, all alike and fit for the rate RATE; every call gives the
same one. `cold(series)` gives one that has learned nothing. The streams are made here, from seeds. What an opinion
must satisfy is in `opinion_checks.py`.
"""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.base import Bools, Detector, Scores, Window

RATE, EVENTS = 0.05, 200.0
"""Of the streams that the checks make: the rate of bad events, and the events of a window."""
SECONDS = 10
MEMORY_WINDOWS = 10_000
_SERIES = 3
_BEFORE, _AFTER = 60, 60
_PLATEAU = 1.02
_SLACK = 1024
"""Bytes that a state may grow though it is bounded: numbers get longer."""
Make = Callable[[int], Detector]


def windows(series: int, count: int, seed: int, rate: float = RATE, first: int = 0) -> list[Window]:
    """So many windows in a row, each with binomial counts of its own in every series."""
    chance = np.random.default_rng(seed)
    ones, half = np.ones(series), np.full(series, 0.5)
    evaluated = chance.poisson(EVENTS, (count, series)).astype(np.float64) + 1.0
    bad = chance.binomial(evaluated.astype(np.int64), rate).astype(np.float64)
    return [Window((first + i) * SECONDS, evaluated[i], bad[i], ones, half) for i in range(count)]


def scoring_is_pure(make: Make) -> None:
    """A window scored twice has the same scores, and scoring changes neither the detector nor the window."""
    looked, plain = make(_SERIES), make(_SERIES)
    given = windows(_SERIES, _BEFORE, 1)
    other = windows(_SERIES, 1, 2, 4.0 * RATE)[0]
    for window in given:
        before = pickle.dumps(window)
        first = looked.score(window)
        looked.score(other)
        _same(first, looked.score(window), "a window scored twice has two scores")
        must(pickle.dumps(window) == before, "score changes the window")
        looked.score(other)
        looked.learn(window, _all(_SERIES))
        _same(first, plain.score(window), "scores depend on what was scored and not learned")
        plain.learn(window, _all(_SERIES))


def scores_are_well_formed(make: Make) -> None:
    """Columns of shape (series,), finite; an interval of rates whose ends are in order."""
    detector = make(_SERIES)
    for window in [*windows(_SERIES, _BEFORE, 3), *windows(_SERIES, _AFTER, 4, 0.9, _BEFORE)]:
        _well_formed(detector.score(window), _SERIES)
        detector.learn(window, _all(_SERIES))


def scores_are_repeatable(make: Make) -> None:
    """Two detectors made alike that see the same windows say the same, bit for bit."""
    given = windows(_SERIES, _BEFORE, 5)
    for one, two in zip(_scores(make(_SERIES), given), _scores(make(_SERIES), given), strict=True):
        _same(one, two, "two detectors made alike differ; take chance and time as arguments")


def score_comes_before_learn(make: Make) -> None:
    """A window that was learned looks otherwise: so score must come first."""
    detector, hasty = make(_SERIES), make(_SERIES)
    _scores(detector, windows(_SERIES, _BEFORE, 6))
    _scores(hasty, windows(_SERIES, _BEFORE, 6))
    last = windows(_SERIES, 1, 7, 3.0 * RATE, _BEFORE)[0]
    hasty.learn(last, _all(_SERIES))
    one, two = detector.score(last), hasty.score(last)
    must(
        _differing(one, two) is not None,
        "a window scores the same before and after it was learned: does it learn at all?",
    )


def empty_and_unknown_windows_say_nothing(make: Make) -> None:
    """Bad events below the coverage floor count as little as none: afterwards all is as after empty windows."""
    empty, unknown = make(_SERIES), make(_SERIES)
    given = windows(_SERIES, _BEFORE, 8)
    _scores(empty, given)
    _scores(unknown, given)
    nothing = np.zeros(_SERIES)
    for window in windows(_SERIES, _AFTER, 9, 0.9, _BEFORE):
        for detector, shown in (
            (empty, replace(window, evaluated=nothing, bad=nothing)),
            (unknown, replace(window, coverage=np.full(_SERIES, 0.1))),
        ):
            _well_formed(detector.score(shown), _SERIES)
            detector.learn(shown, _all(_SERIES))
    last = windows(_SERIES, 1, 10, RATE, _BEFORE + _AFTER)[0]
    _same(empty.score(last), unknown.score(last), "a window below its coverage floor leaves a trace")


def broken_numbers_leave_no_trace(make: Make) -> None:
    """A window with NaN or an infinity in it is as one with nothing evaluated, and the others' scores stay."""
    nothing = np.zeros(_SERIES)
    for name in ("evaluated", "bad"):
        for value in (np.nan, np.inf, -np.inf):
            detector, empty = make(_SERIES), make(_SERIES)
            for window in windows(_SERIES, _BEFORE, 11):
                one = broken(window, name, 0, value)
                first = broken(broken(window, "evaluated", 0, 0.0), "bad", 0, 0.0)
                _well_formed(detector.score(one), _SERIES)
                detector.learn(one, _all(_SERIES))
                empty.score(first)
                empty.learn(first, _all(_SERIES))
            last = windows(_SERIES, 1, 12, RATE, _BEFORE)[0]
            _same(detector.score(last), empty.score(last), f"{name} = {value} leaves a trace")
            _well_formed(detector.score(replace(last, coverage=nothing + np.nan)), _SERIES)


def a_cold_detector_says_so(cold: Make) -> None:
    """Nothing learned: not warm, and no interval so narrow that it could be read as "normal"."""
    detector = cold(_SERIES)
    for scores in _scores(detector, windows(_SERIES, 3, 13, 0.9)):
        _well_formed(scores, _SERIES)
        must(not scores.warm.any(), "a detector that has learned three windows or none says that it is warm")
        must(bool((scores.high - scores.low > 0.0).all()), "a cold detector gives an interval of no width: it is sure")


def growing_keeps_what_is_known(make: Make) -> None:
    """More series change nothing for those that were there; the new ones are cold, and less room is no order."""
    grown, plain = make(2), make(2)
    given = windows(_SERIES, _BEFORE + _AFTER, 15)
    _scores(plain, [only(window, [0, 1]) for window in given[:_BEFORE]])
    _scores(grown, [only(window, [0, 1]) for window in given[:_BEFORE]])
    grown.grow(1)
    grown.grow(_SERIES)
    grown.grow(_SERIES)
    for window in given[_BEFORE:]:
        many, few = grown.score(window), plain.score(only(window, [0, 1]))
        must(not many.warm[2] or window is not given[_BEFORE], "a series is warm as soon as there is room for it")
        _same(_ordered(many, [0, 1]), few, "growing changes the series that were there")
        grown.learn(window, _all(_SERIES))
        plain.learn(only(window, [0, 1]), _all(2))


def series_do_not_touch_each_other(make: Make) -> None:
    """Series in another order have the same scores in that order."""
    order = [2, 0, 1]
    given = windows(_SERIES, _BEFORE, 16)
    straight, turned = make(_SERIES), make(_SERIES)
    for window in given:
        _same(
            _ordered(straight.score(window), order),
            turned.score(only(window, order)),
            "scores depend on the order of the series",
        )
        straight.learn(window, _all(_SERIES))
        turned.learn(only(window, order), _all(_SERIES))


def forgetting_starts_the_evidence_anew(make: Make) -> None:
    """Evidence goes, the baseline stays, and other series keep both."""
    detector, plain = make(_SERIES), make(_SERIES)
    given = [*windows(_SERIES, _BEFORE, 17), *windows(_SERIES, 3, 18, 1.5 * RATE, _BEFORE)]
    _scores(detector, given)
    _scores(plain, given)
    detector.forget(np.array([0]))
    last = windows(_SERIES, 1, 19, 1.5 * RATE, len(given))[0]
    after, before = detector.score(last), plain.score(last)
    must(bool(after.log_e[0] < before.log_e[0]), "forget leaves the evidence")
    must(bool(after.expected[0] == before.expected[0]), "forget changes the baseline")
    _same(_ordered(after, [1, 2]), _ordered(before, [1, 2]), "forgetting one series changes another")


def memory_is_bounded(make: Make) -> None:
    """A plateau: what it is pickled to does not grow with the windows it has seen."""
    detector = make(1)

    def step(window: Window) -> None:
        detector.score(window)
        detector.learn(window, _all(1))

    plateau(detector, step)


DETECTOR_CHECKS: tuple[Callable[[Make], None], ...] = (
    scoring_is_pure,
    scores_are_well_formed,
    scores_are_repeatable,
    score_comes_before_learn,
    empty_and_unknown_windows_say_nothing,
    broken_numbers_leave_no_trace,
    growing_keeps_what_is_known,
    series_do_not_touch_each_other,
    forgetting_starts_the_evidence_anew,
    memory_is_bounded,
)
"""What a warm detector must satisfy. `a_cold_detector_says_so` is for a cold one."""


def check_detector(make: Make, cold: Make) -> None:
    """All of them, one after the other. Raises AssertionError at the first that fails."""
    for check in DETECTOR_CHECKS:
        check(make)
    a_cold_detector_says_so(cold)


def must(condition: bool, reason: str) -> None:
    """Raises AssertionError, also where Python leaves out assertions."""
    if not condition:
        raise AssertionError(reason)


def only(window: Window, series: Sequence[int]) -> Window:
    """The window of these series, in this order."""
    index = np.asarray(series, dtype=np.int64)
    columns = {name: getattr(window, name)[index] for name in ("evaluated", "bad", "coverage", "floor")}
    return replace(window, mix=None if window.mix is None else window.mix[index], **columns)


def broken(window: Window, name: str, series: int, value: float) -> Window:
    """The window with another value of one series in the column of this name."""
    column = getattr(window, name).copy()
    column[series] = value
    changed: dict[str, Any] = {name: column}
    return replace(window, **changed)


def plateau(state: object, step: Callable[[Window], None]) -> None:
    """Raises AssertionError if a state grows in the second half of MEMORY_WINDOWS windows of one series."""
    middle = 0
    for i, window in enumerate(windows(1, MEMORY_WINDOWS, 20)):
        step(window)
        if i + 1 == MEMORY_WINDOWS // 2:
            middle = len(pickle.dumps(state))
    end = len(pickle.dumps(state))
    must(
        end <= _PLATEAU * middle + _SLACK,
        f"memory grows: {middle} bytes after {MEMORY_WINDOWS // 2} windows, {end} after {MEMORY_WINDOWS}",
    )


def _all(series: int) -> Bools:
    return np.ones(series, dtype=np.bool_)


def _scores(detector: Detector, given: Sequence[Window]) -> list[Scores]:
    """Scores of the windows, each learned after it was scored."""
    found = []
    for window in given:
        found.append(detector.score(window))
        detector.learn(window, _all(len(window.bad)))
    return found


def _well_formed(scores: Scores, series: int) -> None:
    for one in fields(Scores):
        column: npt.NDArray[np.generic] = getattr(scores, one.name)
        kind = np.bool_ if one.name in ("up", "warm") else np.float64
        must(column.shape == (series,), f"{one.name} has shape {column.shape} in place of ({series},)")
        must(column.dtype == kind, f"{one.name} is of {column.dtype}")
        must(bool(np.isfinite(column.astype(np.float64)).all()), f"{one.name} is not finite: {column}")
    for name in ("expected", "low", "high"):
        rates = getattr(scores, name)
        must(bool(((rates >= 0.0) & (rates <= 1.0)).all()), f"{name} is no rate: {rates}")
    must(bool((scores.low <= scores.high).all()), "an interval ends before it begins")


def _differing(one: Scores, two: Scores) -> str | None:
    """Name of the first column that differs in any bit."""
    names = (part.name for part in fields(Scores))
    return next((name for name in names if not np.array_equal(getattr(one, name), getattr(two, name))), None)


def _same(one: Scores, two: Scores, reason: str) -> None:
    name = _differing(one, two)
    must(name is None, f"{reason} ({name})")


def _ordered(scores: Scores, series: Sequence[int]) -> Scores:
    index = np.asarray(series, dtype=np.int64)
    return Scores(*(getattr(scores, part.name)[index] for part in fields(Scores)))
