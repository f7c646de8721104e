"""What one window of each series says about a change: how much likelier it is after one, for a few sizes of it.

Read from rows and states, which stay as they are. The density under normality is the one that the series itself is
scored by, and only it has to be right: a ratio to it is 1 on average, whatever stands above.
"""

import math

import numpy as np

from detectors.base import Bools, Floats
from detectors.belief import mean_of, spread_of
from detectors.betabinomial import MAX_RATE, log_density
from detectors.compiled import compiled
from detectors.level import predict_level, take_level
from detectors.rows import COMPLEMENT, HARMONICS, NORMAL, OPEN, RHO, SEASON, VARIANCE
from detectors.season import basis, mixed, seasonal_rate

SIZES = np.array([1.25, 1.5, 2.0, 4.0, 0.7, 0.4])
"""By what the rate of bad events is multiplied; where good ones are watched, what theirs is divided by."""


@compiled
def season_all(rows: Floats, warm: Bools, start: int, mix: Floats) -> Floats:
    """Rates of the watched events by season and mix, shape (series,); 0 where a series is cold."""
    harmonics = np.zeros(HARMONICS)
    basis(start, harmonics)
    found = np.zeros(len(warm))
    for i in range(len(warm)):
        if warm[i]:
            rate = seasonal_rate(rows[i, SEASON : SEASON + HARMONICS], harmonics)
            found[i] = mixed(rate, 1.0 / mix[i] if rows[i, COMPLEMENT] > 0.0 else mix[i])
    return found


@compiled
def own_levels(rows: Floats, states: Floats, warm: Bools) -> Floats:
    """Logarithm of the level of bad events that each series expects, shape (series,); 0 if it watches good ones."""
    found = np.zeros(len(warm))
    for i in range(len(warm)):
        if warm[i] and rows[i, VARIANCE] > 0.0 and rows[i, COMPLEMENT] == 0.0:
            ahead = states[i, :OPEN].copy()
            predict_level(ahead, rows[i])
            found[i] = mean_of(ahead, NORMAL)
    return found


@compiled
def log_ratios(  # noqa: PLR0913  columns, because compiled
    rows: Floats, states: Floats, rates: Floats, evaluated: Floats, bad: Floats, common: float, sizes: Floats
) -> Floats:
    """Logarithms of f_size / f_normal of this window, shape (sizes, series); 0 where empty or in an incident.

    `rates` are those of `season_all`, `evaluated` and `bad` of shape (series,). `common` is the logarithm of a level
    that all share beside their own.
    """
    found = np.zeros((len(sizes), len(rates)))
    for i in range(len(rates)):
        if evaluated[i] <= 0.0 or rates[i] <= 0.0 or states[i, OPEN] > 0.0:
            continue
        row = rows[i]
        ahead = states[i, :OPEN].copy()
        if row[VARIANCE] > 0.0:
            predict_level(ahead, row)
        flipped = row[COMPLEMENT] > 0.0
        watched = evaluated[i] - bad[i] if flipped else bad[i]
        rate = min(rates[i] * math.exp(-common if flipped else common), MAX_RATE)
        level, spread = math.exp(mean_of(ahead, NORMAL)), spread_of(ahead, NORMAL)
        log_normal = take_level(ahead, row, rate, evaluated[i], watched, row[RHO])
        for j in range(len(sizes)):
            shifted = min(rate * level * (1.0 / sizes[j] if flipped else sizes[j]), MAX_RATE)
            rho = min(row[RHO] + spread * shifted / (1.0 - shifted), 0.95)
            found[j, i] = log_density(watched, evaluated[i], shifted, rho) - log_normal
    return found
