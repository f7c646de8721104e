"""How many interactions arrive: the count of a window as a rate, so that what watches rates watches traffic too.

A window has SLOTS places for an interaction, and `arrived` of them are taken. With that many places a binomial is a
Poisson and a beta-binomial a negative binomial, so season, noise, threshold and evidence are those of every other
KPI. Where heartbeats say what was expected, `telemetry_completeness` is the sharper test; this one needs none.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.base import Floats, Scores

SLOTS = 1e6
"""Its square root is the middle of what a season can hold: 1e-3 to 1e6 arrivals a window, 0.4 an hour to 1e5 a second
at ten seconds. A binomial's variance is below a Poisson's by the mean over SLOTS: 1 % at 1000 a second.
"""
Counts = npt.NDArray[np.int64] | npt.NDArray[np.float64]


def as_rate(arrived: Counts) -> tuple[Floats, Floats]:
    """Evaluated and bad, of the shape of `arrived`; where that is NaN nobody could know, and nothing is evaluated.

    A window in which nothing arrived is 0, not NaN: silence is evidence. Counts above SLOTS count as SLOTS.
    """
    counts = np.asarray(arrived, dtype=np.float64)
    known = ~np.isnan(counts)
    return np.where(known, SLOTS, 0.0), np.where(known, np.clip(counts, 0.0, SLOTS), 0.0)


@dataclass(frozen=True, slots=True)
class Expected:
    """Interactions a window, columns of shape (series,): the expected number, and a 99 % prediction interval."""

    count: Floats
    low: Floats
    high: Floats


def as_count(scores: Scores) -> Expected:
    """What scores of rates from `as_rate` say of the number of interactions."""
    return Expected(scores.expected * SLOTS, np.round(scores.low * SLOTS), np.round(scores.high * SLOTS))
