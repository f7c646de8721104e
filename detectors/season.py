"""The shape of a day, and of a week where two were seen: a log-linear harmonic fit of the rate.

The logarithm of the rate is a sum of two harmonics of the day and three of the week, fitted by iteratively
reweighted least squares on five-minute bins.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from detectors.base import Bools, Floats
from detectors.compiled import compiled
from detectors.rows import HARMONICS

DAY = 86_400
WEEK = 7 * DAY
DAILY = 5
"""Coefficients before this index are the level and the day's, the others the week's."""
_BIN = 300
_MIN_RATE = 1e-9
_MAX_RATE = 0.999
_FREE, _SHAPE_KNOWN = 4.0, 400.0
"""Precisions of a coefficient: about 0, give or take a half; and known within 5 %."""


@dataclass(frozen=True, slots=True)
class Season:
    """Coefficients of shape (HARMONICS,), and how many of them were fitted."""

    coefficients: Floats
    fitted: int


@compiled
def basis(start: int, into: Floats) -> None:
    """Fill `into`, of shape (HARMONICS,), with the harmonics at a Unix time."""
    day = 2.0 * math.pi * (start % DAY) / DAY
    week = 2.0 * math.pi * (start % WEEK) / WEEK
    sine, cosine = math.sin(day), math.cos(day)
    into[0], into[1], into[2] = 1.0, sine, cosine
    into[3], into[4] = 2.0 * sine * cosine, 1.0 - 2.0 * sine * sine
    sine, cosine = math.sin(week), math.cos(week)
    twice_sine, twice_cosine = 2.0 * sine * cosine, 1.0 - 2.0 * sine * sine
    into[DAILY], into[DAILY + 1] = sine, cosine
    into[DAILY + 2], into[DAILY + 3] = twice_sine, twice_cosine
    into[DAILY + 4] = twice_sine * cosine + twice_cosine * sine
    into[DAILY + 5] = twice_cosine * cosine - twice_sine * sine


@compiled
def seasonal_rate(coefficients: Floats, harmonics: Floats) -> float:
    """The rate: both of shape (HARMONICS,)."""
    log_rate = 0.0
    for i in range(HARMONICS):
        log_rate += coefficients[i] * harmonics[i]
    return min(max(math.exp(log_rate), _MIN_RATE), _MAX_RATE)


@compiled
def seasonal_rates(coefficients: Floats, start: int, seconds: int, windows: int) -> Floats:
    """The rates of so many windows of so many seconds from a Unix time on."""
    harmonics = np.zeros(HARMONICS)
    rates = np.zeros(windows)
    period = windows if DAY % seconds != 0 or (coefficients[DAILY:] != 0.0).any() else DAY // seconds
    for i in range(windows):
        if i < period:
            basis(start + i * seconds, harmonics)
            rates[i] = seasonal_rate(coefficients, harmonics)
        else:
            # Without a shape of the week a day is like the one before, to the bit.
            rates[i] = rates[i - period]
    return rates


@compiled
def mixed(rate: float, mix: float) -> float:
    """The rate when the mix of what is asked multiplies its odds by `mix`; see strata.py. At 1 it is the rate itself.

    Odds, because a rate stays a rate by them, and because of good and bad events either may be watched.
    """
    if mix == 1.0:
        return rate
    odds = rate / (1.0 - rate) * mix
    return min(max(odds / (1.0 + odds), _MIN_RATE), _MAX_RATE)


@compiled
def mixed_rates(rates: Floats, mix: Floats) -> Floats:
    """The same of columns of shape (windows,)."""
    found = np.zeros(len(rates))
    for i in range(len(rates)):
        found[i] = mixed(rates[i], mix[i])
    return found


def fit_season(
    start: int, seconds: int, evaluated: Floats, bad: Floats, known: Bools, group: Season | None = None
) -> Season:
    """Fit columns of shape (windows,), leaving out those not `known`.

    Under a day nothing can be said of the day's shape: it is drawn to the group's, and flat without a group.
    """
    span = len(evaluated) * seconds
    around = np.zeros(HARMONICS) if group is None else group.coefficients.copy()
    precision = np.zeros(HARMONICS)
    fitted = np.arange(HARMONICS) < 1
    if span >= DAY:
        fitted[:DAILY], around[:DAILY], precision[1:DAILY] = True, 0.0, _FREE
    elif group is not None:
        fitted[:DAILY], precision[1:DAILY] = True, _SHAPE_KNOWN
    if span >= 2 * WEEK:
        fitted[DAILY:], around[DAILY:], precision[DAILY:] = True, 0.0, _FREE
    period = WEEK if span >= 2 * WEEK else DAY
    n, k = np.zeros(period // _BIN), np.zeros(period // _BIN)
    _add_up(start, seconds, evaluated, bad, known, n, k)
    middle = _middles(period)
    found = around.copy()
    found[0] = 0.0
    n = n * np.exp(middle @ np.where(fitted, 0.0, found))
    found[fitted] = _solve(middle[:, fitted], n, k, found[fitted], precision[fitted])
    return Season(found, int(fitted.sum()))


@cache
def _middles(period: int) -> Floats:
    """The harmonics in the middle of each bin, shape (bins, HARMONICS). Not to be written to."""
    found = np.zeros((period // _BIN, HARMONICS))
    for i, row in enumerate(found):
        basis(i * _BIN + _BIN // 2, row)
    return found


@compiled
def _add_up(  # noqa: PLR0913  columns, because compiled
    start: int, seconds: int, evaluated: Floats, bad: Floats, known: Bools, n: Floats, k: Floats
) -> None:
    """Sums of the known windows by bin of the period, into `n` and `k` of shape (bins,)."""
    for i in range(len(evaluated)):
        if known[i]:
            at = (start + i * seconds) % (len(n) * _BIN) // _BIN
            n[at] += evaluated[i]
            k[at] += bad[i]


def _solve(design: Floats, n: Floats, k: Floats, around: Floats, precision: Floats) -> Floats:
    """Poisson regression with a normal prior of the shape. No count, however small, gives a rate of 0."""
    found = around.copy()
    found[0] = math.log(max(k.sum(), 0.5) / max((n * np.exp(design @ around)).sum(), 1.0))
    if k.sum() < 1.0:
        return found
    around = found.copy()
    for _ in range(12):
        expected = np.exp(np.clip(design @ found, -30.0, 0.0)) * n
        gradient = design.T @ (k - expected) - precision * (found - around)
        curvature = (design * expected[:, None]).T @ design + np.diag(precision + 1e-3)
        step = np.linalg.solve(curvature, gradient)
        found = found + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-6:
            break
    return found
