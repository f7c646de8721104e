"""The shape of a feature's traffic where harmonics cannot draw it: office hours, nights without anybody, weekends.

By bins of five minutes, from the other days of the same kind, smoothed as much as predicts a day left out best.
Most features need none; then the shape is 1 everywhere, and the season alone says what is usual.
"""

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from detectors.base import Bools, Floats
from detectors.season import DAY, fit_season, seasonal_rates

BIN = 300
"""Seconds."""
BINS = DAY // BIN
WEEKDAYS = 7
_WEEKENDS: tuple[tuple[int, ...], ...] = ((), (2, 3), (1, 2))
"""What may be days off: none, Saturday and Sunday, Friday and Saturday."""
_WIDTHS = (3, 6, 12, 24)
"""Half-widths in bins of the triangles that smooth."""
_TRUSTED = (0.0, 1.0, 4.0, 16.0)
"""Events by which a bin is drawn to its smooth neighbourhood; 0 is the smooth alone. Where a bin has many more it
keeps its own count, and so a day may begin at eight sharp.
"""
Manner = tuple[int, float]
_GAIN = 10.0
"""Nats that a shape must predict better than harmonics do, or a split of the week better than none."""
_LITTLE = 0.02
"""Events that a bin is held to have had at least: a whole night of such bins holds under one."""


@dataclass(frozen=True, slots=True)
class Shape:
    """`factors`, shape (WEEKDAYS, BINS): traffic in a bin of a day of Unix time modulo seven, over its mean."""

    factors: Floats

    def mix(self, start: int, windows: int, seconds: int = 10) -> Floats:
        """By what the usual rate is multiplied in so many windows from a Unix time on, shape (windows,)."""
        at = start + seconds * np.arange(windows)
        found: Floats = self.factors[at // DAY % WEEKDAYS, at % DAY // BIN]
        return found


FLAT = Shape(np.ones((WEEKDAYS, BINS)))


def learn_shape(start: int, arrived: Floats, seconds: int = 10) -> tuple[Shape, Floats]:
    """The shape of counts of shape (windows,) from a Unix time on, NaN where unknown; and the history's own mix.

    In the mix, shape (windows,), each window's day is predicted from the others, so that what is learned by it
    scatters as much as what is to come. Under three days there is no shape.
    """
    days = _Days.of(start, arrived, seconds)
    plain = np.ones(len(arrived))
    if len(days.counts) < 3 or days.counts.sum() < 1.0:
        return FLAT, plain
    best = _harmonic_loss(start, arrived, seconds, days)
    chosen: tuple[tuple[int, ...], Manner] | None = None
    for off in _WEEKENDS:
        for manner in itertools.product(_WIDTHS, _TRUSTED):
            loss = _loss(days, _left_out(days, off, manner))
            if loss < best - (_GAIN if chosen is None or chosen[0] != off else 0.0):
                best, chosen = loss, (off, manner)
    if chosen is None:
        return FLAT, plain
    factors, mean = _factors(days, *chosen), float(days.counts.sum() / days.windows.sum())
    at = start + seconds * np.arange(len(arrived))
    mix = _left_out(days, *chosen)[at // DAY - days.first, at % DAY // BIN] / mean
    return Shape(factors / mean), mix


@dataclass(frozen=True, slots=True)
class _Days:
    """Counts and known windows of shape (days, BINS), the first day being `first` days after 1970 began."""

    first: int
    counts: Floats
    windows: Floats

    @classmethod
    def of(cls, start: int, arrived: Floats, seconds: int) -> "_Days":
        at = start + seconds * np.arange(len(arrived))
        first = start // DAY
        size = (int(at[-1]) // DAY - first + 1) * BINS if len(at) else 0
        index = at // BIN - first * BINS
        known = ~np.isnan(arrived)
        counts = np.bincount(index, np.where(known, arrived, 0.0), size).astype(np.float64)
        windows = np.bincount(index, known, size).astype(np.float64)
        return cls(first, counts.reshape(-1, BINS), windows.reshape(-1, BINS))

    def weekday(self) -> npt.NDArray[np.int64]:
        return (self.first + np.arange(len(self.counts))) % WEEKDAYS


@cache
def _triangle(width: int) -> Floats:
    """What sums over a triangle around each bin, around the clock: shape (BINS, BINS)."""
    apart = np.abs(np.arange(BINS)[:, None] - np.arange(BINS))
    found: Floats = np.maximum(1.0 - np.minimum(apart, BINS - apart) / width, 0.0)
    return found


def _left_out(days: _Days, off: tuple[int, ...], manner: Manner) -> Floats:
    """Arrivals a window, shape (days, BINS), each day by the others of its kind."""
    return _rates(days, days.weekday(), ~np.eye(len(days.counts), dtype=np.bool_), off, manner)


def _factors(days: _Days, off: tuple[int, ...], manner: Manner) -> Floats:
    """Arrivals a window, shape (WEEKDAYS, BINS), by all days of a kind."""
    everyone = np.ones((WEEKDAYS, len(days.counts)), dtype=np.bool_)
    return _rates(days, np.arange(WEEKDAYS), everyone, off, manner)


def _rates(days: _Days, weekdays: npt.NDArray[np.int64], among: Bools, off: tuple[int, ...], manner: Manner) -> Floats:
    """Arrivals a window on each of these weekdays, shape (weekdays, BINS).

    By those days of `among`, shape (weekdays, days), that are off, or not, as the weekday is; where they do not fill
    a day, by all of `among`.
    """
    width, trusted = manner
    alike = among & (np.isin(weekdays, off)[:, None] == np.isin(days.weekday(), off))
    full = (alike.astype(np.float64) @ days.windows > 0.0).all(axis=1)
    used = np.where(full[:, None], alike, among).astype(np.float64)
    counts, windows = used @ days.counts, used @ days.windows
    smooth = (counts @ _triangle(width) + _LITTLE) / np.maximum(windows @ _triangle(width), 1.0)
    found: Floats = smooth if trusted == 0.0 else (counts + trusted) / (windows + trusted / smooth)
    return found


def _loss(days: _Days, rates: Floats) -> float:
    """Minus the log-likelihood of the bins' counts, over their scatter: bursts are not evidence for a shape."""
    expected = np.maximum(rates * days.windows, 1e-9)
    return float((expected - days.counts * np.log(expected)).sum()) / _scatter(days)


def _scatter(days: _Days) -> float:
    """Variance over mean of neighbouring bins, at least 1."""
    before, after = days.counts.ravel()[:-1], days.counts.ravel()[1:]
    total = float((before + after).sum())
    return max(float(((after - before) ** 2).sum()) / total, 1.0) if total > 0.0 else 1.0


def _harmonic_loss(start: int, arrived: Floats, seconds: int, days: _Days) -> float:
    """The same of the season that would be fitted without a shape."""
    known = ~np.isnan(arrived)
    slots = np.full(len(arrived), 1e6)
    season = fit_season(start, seconds, slots, np.where(known, arrived, 0.0), known)
    middle = seasonal_rates(season.coefficients, days.first * DAY + BIN // 2, BIN, days.counts.size)
    return _loss(days, (middle * 1e6).reshape(days.counts.shape))
