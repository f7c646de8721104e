"""Streams of counts to learn from and to score: traffic and rate have a day, and the rate may wander."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

DAY = 8640
WEEK = 7 * DAY
START = 1_790_000_000 // 604_800 * 604_800

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stream:
    """Columns of shape (windows,), a window being ten seconds from START on."""

    evaluated: Floats
    bad: Floats
    rates: Floats


def stream(
    seed: int,
    windows: int,
    evaluated: float = 200.0,
    rate: float = 0.02,
    wander: float = 0.0,
    scatter: float = 1.0,
    factor: Floats | None = None,
) -> Stream:
    """Binomial counts of a seasonal rate times `factor`; `scatter` times their variance; `wander` over an hour."""
    chance = np.random.default_rng(seed)
    day = 2.0 * math.pi * np.arange(windows) / DAY
    n = chance.poisson(evaluated * (1.0 + 0.4 * np.sin(day)))
    rates = rate * (1.0 + 0.25 * np.sin(day + 1.0))
    if wander > 0.0:
        rates = rates * np.exp(wandering(chance, windows, wander, 360.0))
    if factor is not None:
        rates = rates * factor
    rates = np.minimum(rates, 0.95)
    drawn = rates
    if scatter > 1.0:
        size = (evaluated - 1.0) / (scatter - 1.0) - 1.0
        drawn = chance.beta(rates * size, (1.0 - rates) * size)
    return Stream(n.astype(np.float64), chance.binomial(n, drawn).astype(np.float64), rates)


def changed(windows: int, first: int, end: int, ratio: float) -> Floats:
    """1 everywhere but `ratio` from window `first` to before `end`."""
    factor = np.ones(windows)
    factor[first:end] = ratio
    return factor


def wandering(chance: np.random.Generator, windows: int, sigma: float, tau: float) -> Floats:
    """An autoregressive level with standard deviation sigma and a memory of tau windows."""
    memory = math.exp(-1.0 / tau)
    found: Floats = lfilter([1.0], [1.0, -memory], chance.normal(0.0, sigma * math.sqrt(1.0 - memory**2), windows))
    return found
