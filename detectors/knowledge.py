"""What is known of one series: its baseline, and by what its rate is adjusted before it is held against that."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.base import Floats
from detectors.baseline import Baseline, cold
from detectors.learning import learn
from detectors.season import DAY
from detectors.strata import Reference, learn_strata, mix_of, shift_of
from detectors.traffic_shape import FLAT, Shape, learn_shape

KNOWN_SHARE = 0.5
"""Where fewer of a window's events are in strata whose rates are known, the window is unknown."""

TRAFFIC_KNOWN = 3 * DAY
"""Seconds of history without which nobody knows when a feature sleeps: until then its arrivals are not scored."""


@dataclass(frozen=True, slots=True)
class Strata:
    """One series by stratum: `evaluated` and `bad` of shape (strata, windows), in the alphabetical order of `names`."""

    names: tuple[str, ...]
    evaluated: Floats
    bad: Floats


@dataclass(frozen=True, slots=True)
class Rows:
    """One series from a Unix time on: columns of shape (windows,); where a window is unknown nothing is evaluated.

    `mix` is by what something outside multiplies the odds of a bad event, None where by 1. `arrivals` says that it
    counts arrivals; `shifts`, that not the rate is watched but what its strata alone would make of it.
    """

    start: int
    seconds: int
    evaluated: Floats
    bad: Floats
    mix: Floats | None = None
    strata: Strata | None = None
    arrivals: bool = False
    shifts: bool = False


@dataclass(frozen=True, slots=True)
class Knowledge:
    """`strata` and `shape` are None where a rate is not adjusted by them. `shifts` as of the rows."""

    baseline: Baseline
    strata: Reference | None = None
    shape: Shape | None = None
    shifts: bool = False


def know(rows: Rows, budget: float) -> Knowledge:
    """Learn from a history; `budget` in windows per false page."""
    reference: Reference | None = None
    shape: Shape | None = None
    evaluated, bad, mix = rows.evaluated, rows.bad, rows.mix
    if rows.strata is not None and len(rows.strata.names) > 1:
        known = rows.strata
        here = rows.evaluated > 0.0
        n, k = np.where(here, known.evaluated, 0.0), np.where(here, known.bad, 0.0)
        reference = learn_strata(known.names, rows.start, rows.seconds, n, k)
        evaluated, bad, mix = by_strata(rows, reference)
    elif rows.shifts:
        evaluated = bad = np.zeros_like(rows.evaluated)
    elif rows.arrivals and len(rows.bad) * rows.seconds < TRAFFIC_KNOWN:
        return Knowledge(cold(len(rows.bad), rows.seconds))
    elif rows.arrivals:
        arrived = np.where(rows.evaluated > 0.0, rows.bad, np.nan)
        shape, mix = learn_shape(rows.start, arrived, rows.seconds)
        if shape is FLAT:
            shape = mix = None
    return Knowledge(learn(rows.start, evaluated, bad, budget, rows.seconds, mix=mix), reference, shape, rows.shifts)


def adjusted(rows: Rows, known: Knowledge) -> tuple[Floats, Floats, Floats | None]:
    """Evaluated, bad and mix, shape (windows,), as they are held against the baseline."""
    if known.strata is not None and rows.strata is not None:
        return by_strata(rows, known.strata)
    if known.shifts:
        return np.zeros_like(rows.evaluated), np.zeros_like(rows.bad), None
    if known.shape is not None:
        return rows.evaluated, rows.bad, known.shape.mix(rows.start, len(rows.bad), rows.seconds)
    return rows.evaluated, rows.bad, rows.mix


def by_strata(rows: Rows, reference: Reference) -> tuple[Floats, Floats, Floats | None]:
    """The events in strata whose rates are known, and by what their mix multiplies the odds."""
    if rows.strata is None:
        none = np.zeros_like(rows.evaluated) if rows.shifts else rows.evaluated
        return none, np.minimum(rows.bad, none), rows.mix
    found = mix_of(reference, rows.strata.names, rows.strata.evaluated, rows.strata.bad)
    use = (rows.evaluated > 0.0) & (1.0 - found.unknown >= KNOWN_SHARE)
    if rows.shifts:
        evaluated, heavy = shift_of(reference, rows.strata.names, rows.strata.evaluated)
        return np.where(use, evaluated, 0.0), np.where(use, heavy, 0.0), None
    return np.where(use, found.evaluated, 0.0), np.where(use, found.bad, 0.0), found.mix


def sorted_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names of strata, each once, in the order in which sums are made everywhere, so that they have the same bits."""
    return tuple(sorted(set(names)))
