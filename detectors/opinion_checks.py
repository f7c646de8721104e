"""What every opinion must satisfy, for whoever writes one: plain functions that raise AssertionError with a reason.

    check_opinion(make)

`make(series)` gives a new opinion with room for so many series; every call gives the same one. It is told by the
scores whether a series is warm. Series belong to it by `rows` in a row, 1 where each is judged alone; and it needs
`before` quiet windows until it has an opinion.
"""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from detectors.base import Bools, Scores, Window
from detectors.checks import EVENTS, RATE, broken, must, only, plateau, windows
from detectors.river_opinions import Opinion

_GROSS, _AFTER = 10.0 * RATE, 400


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: see the module."""

    make: Callable[[int], Opinion]
    rows: int = 1
    before: int = 500


def scores_of(window: Window, warm: bool = True) -> Scores:
    """Scores as of a detector that knows the rate of the streams, or of one that knows nothing."""
    series = len(window.bad)
    expected, half = np.full(series, RATE), 2.5758 * np.sqrt(RATE * (1.0 - RATE) / EVENTS)
    known: Bools = np.full(series, warm)
    return Scores(np.zeros(series), known, expected, expected - half, expected + half, known)


def an_opinion_has_a_name(subject: Subject) -> None:
    """The name is stored with what it said."""
    must(bool(subject.make(subject.rows).name), "an opinion without a name")


def a_gross_change_is_seen(subject: Subject) -> None:
    """Quiet windows are no change, ten times the rate is one; verdicts are bits of shape (series,)."""
    opinion = subject.make(2 * subject.rows)
    quiet, loud = _streams(subject, 2, 1)
    must(not _seen(opinion, quiet)[-1].any(), "it sees a change in a stable rate to the end")
    must(np.any(_seen(opinion, loud), axis=0).all(), "it does not see ten times the rate")


def the_same_windows_give_the_same_opinion(subject: Subject) -> None:
    """And neither the window nor the scores are changed."""
    one, two = subject.make(subject.rows), subject.make(subject.rows)
    quiet, loud = _streams(subject, 1, 2)
    before = pickle.dumps((quiet, loud))
    _same(_seen(one, [*quiet, *loud]), _seen(two, [*quiet, *loud]), "two made alike differ")
    must(pickle.dumps((quiet, loud)) == before, "update changes the window")


def a_cold_baseline_gives_no_opinion(subject: Subject) -> None:
    """What the detector does not know yet is not judged, and leaves no trace."""
    opinion, plain = subject.make(subject.rows), subject.make(subject.rows)
    quiet, loud = _streams(subject, 1, 3)
    must(not np.any(_seen(opinion, loud, warm=False)), "it judges by a baseline that is cold")
    _same(_seen(opinion, [*quiet, *loud]), _seen(plain, [*quiet, *loud]), "windows of a cold baseline leave a trace")


def a_young_opinion_is_silent(subject: Subject) -> None:
    """Its first windows are no change, whatever they hold: there is nothing that they changed from."""
    opinion = subject.make(subject.rows)
    must(not np.any(_seen(opinion, windows(subject.rows, 5, 4, _GROSS))), "it sees a change in its first windows")


def unknown_windows_are_left_out(subject: Subject) -> None:
    """Below the coverage floor a window is as an empty one."""
    empty, unknown = subject.make(subject.rows), subject.make(subject.rows)
    quiet, loud = _streams(subject, 1, 5)
    nothing = np.zeros(subject.rows)
    hidden = [replace(window, coverage=nothing) for window in loud]
    blank = [replace(window, evaluated=nothing, bad=nothing) for window in loud]
    must(not np.any(_seen(unknown, [*quiet, *hidden])[len(quiet) :]), "it judges windows that are unknown")
    _seen(empty, [*quiet, *blank])
    _same(_seen(empty, loud), _seen(unknown, loud), "a window below its coverage floor leaves a trace")


def broken_numbers_do_not_blind_it(subject: Subject) -> None:
    """NaN and infinities are as nothing evaluated: it sees the next change as if they had not been."""
    opinion, empty = subject.make(subject.rows), subject.make(subject.rows)
    quiet, loud = _streams(subject, 1, 6)
    for name in ("evaluated", "bad", "coverage"):
        for value in (np.nan, -np.inf, np.inf):
            if (name, value) == ("coverage", np.inf):
                continue  # nothing was expected, and something came: that is known
            for window in quiet[:20]:
                _seen(opinion, [broken(window, name, 0, value)])
                _seen(empty, [broken(broken(window, "evaluated", 0, 0.0), "bad", 0, 0.0)])
    _same(_seen(opinion, [*quiet, *loud]), _seen(empty, [*quiet, *loud]), "NaN or an infinity leaves a trace")


def room_for_more_changes_nothing(subject: Subject) -> None:
    """Those that were there go on; less room is no order."""
    grown, plain = subject.make(subject.rows), subject.make(subject.rows)
    quiet, loud = _streams(subject, 2, 7)
    first = list(range(subject.rows))
    _seen(grown, [only(window, first) for window in quiet])
    _seen(plain, [only(window, first) for window in quiet])
    grown.grow(2 * subject.rows)
    grown.grow(subject.rows)
    many = [verdict[first] for verdict in _seen(grown, loud)]
    _same(many, _seen(plain, [only(window, first) for window in loud]), "growing changes what was there")


def others_do_not_matter(subject: Subject) -> None:
    """In another order, the same opinions in that order."""
    order = [*range(subject.rows, 2 * subject.rows), *range(subject.rows)]
    straight, turned = subject.make(2 * subject.rows), subject.make(2 * subject.rows)
    quiet, loud = _streams(subject, 2, 8)
    expected = [verdict[order] for verdict in _seen(straight, [*quiet, *loud])]
    found = _seen(turned, [only(window, order) for window in [*quiet, *loud]])
    _same(expected, found, "opinions depend on the order of the series")


def memory_stays(subject: Subject) -> None:
    """A plateau: what it is pickled to does not grow with the windows it has seen."""
    opinion = subject.make(1)

    def step(window: Window) -> None:
        _seen(opinion, [window])

    plateau(opinion, step)


OPINION_CHECKS: tuple[Callable[[Subject], None], ...] = (
    an_opinion_has_a_name,
    a_gross_change_is_seen,
    the_same_windows_give_the_same_opinion,
    a_cold_baseline_gives_no_opinion,
    a_young_opinion_is_silent,
    unknown_windows_are_left_out,
    broken_numbers_do_not_blind_it,
    room_for_more_changes_nothing,
    others_do_not_matter,
    memory_stays,
)


def check_opinion(subject: Subject) -> None:
    """All of them, one after the other. Raises AssertionError at the first that fails."""
    for check in OPINION_CHECKS:
        check(subject)


def _streams(subject: Subject, features: int, seed: int) -> tuple[list[Window], list[Window]]:
    """Quiet windows until there is an opinion, and loud ones after them."""
    series = features * subject.rows
    quiet = windows(series, subject.before, 10 * seed)
    return quiet, windows(series, _AFTER, 10 * seed + 1, _GROSS, subject.before)


def _seen(opinion: Opinion, given: Sequence[Window], warm: bool = True) -> list[Bools]:
    found = []
    for window in given:
        verdict = opinion.update(window, scores_of(window, warm))
        must(
            verdict.shape == window.bad.shape and verdict.dtype == np.bool_,
            f"a verdict of {verdict.dtype} and shape {verdict.shape} in place of bool and {window.bad.shape}",
        )
        found.append(verdict)
    return found


def _same(one: list[Bools], two: list[Bools], reason: str) -> None:
    must(bool(np.array_equal(one, two)), reason)
