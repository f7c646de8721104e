"""The limit: detectors that are told what nobody knows, and the analytic bound.

CUSUM that knows the season p0(t) and the changed rate p1 minimises Lorden's worst-case delay at its mean time between
false pages (Moustakides 1986). The one for ramps knows the shape of the ramp and not its onset.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import brentq

from benchmarks.detection.worlds import MAX_RATE, WEEK, WINDOW_SECONDS, Cell, Change, Floats, Ints, Stream, World
from detectors.compiled import compiled

_FREQUENT = WEEK / 10.0
"""Windows per false page at which thresholds are tuned by counting; from there they are extrapolated."""
_ROUNDS = 6
_ONSET_GRID = 18
"""Windows between two supposed onsets of a ramp: three minutes."""
_HOPELESS = -6.0


@dataclass(frozen=True, slots=True)
class Oracle:
    """Knows this change in this world, and pages when its statistic exceeds the threshold."""

    world: World
    change: Change
    threshold: float

    def pages(self, stream: Stream) -> Ints:
        """Indices of the windows at whose end it pages; the statistic then begins anew."""
        return pager(self.world, self.change, stream)(self.threshold)


def pager(world: World, change: Change, stream: Stream) -> Callable[[float], Ints]:
    """From a threshold to the pages on this stream, with what does not depend on the threshold done once."""
    rate = np.minimum(world.rate(stream.start, len(stream.evaluated)), MAX_RATE)
    if change.ramp:
        return partial(_ramp_pages, stream.evaluated, stream.bad, rate, change.ramp)
    return partial(_cusum_pages, log_ratios(stream, rate, change.ratio))


def log_ratios(stream: Stream, rate: Floats, ratio: float) -> Floats:
    """Log-likelihood ratio of each window, changed against unchanged."""
    changed = np.minimum(rate * ratio, MAX_RATE)
    good = stream.evaluated - stream.bad
    found: Floats = stream.bad * np.log(changed / rate) + good * np.log((1.0 - changed) / (1.0 - rate))
    return found


def tune(world: World, change: Change, budget: float, streams: Sequence[Stream]) -> Oracle:
    """The oracle with one false page per `budget` windows on average, by counting pages on these unchanged streams.

    Counted is at ten pages a week, where a few streams suffice; the rest is Wald's exponential law.
    """
    windows = sum(len(stream.evaluated) for stream in streams)
    start = threshold_by_wald(_FREQUENT, information(world.cell, change)[0])
    pagers = [pager(world, change, stream) for stream in streams]
    found = _threshold(lambda threshold: sum(len(page(threshold)) for page in pagers), windows / _FREQUENT, start)
    longer = math.log(budget / _FREQUENT)
    if change.ramp:
        return Oracle(world, change, found + longer)
    # The correction to Wald's formula, (e^h - h - 1) / (pages per window), stays as the budget grows.
    scale = math.log(math.expm1(found) - found) + longer
    return Oracle(world, change, brentq(lambda h: math.log(math.expm1(h) - h) - scale, 1e-6, 400.0))


def bound(cell: Cell, change: Change, budget: float) -> float:
    """Mean delay of the optimum in a flat environment, in seconds, by Wald and Siegmund; at least one window."""
    null, changed = information(cell, change)
    threshold = threshold_by_wald(budget, null)
    windows = (threshold + math.exp(-threshold) - 1.0) / changed
    return max(windows, 1.0) * WINDOW_SECONDS


def information(cell: Cell, change: Change) -> tuple[float, float]:
    """Kullback-Leibler divergence per window, in nats: unchanged from changed, and changed from unchanged."""
    before, after = cell.rate, min(cell.rate * change.ratio, MAX_RATE)
    return cell.events * _divergence(before, after), cell.events * _divergence(after, before)


def threshold_by_wald(budget: float, null: float) -> float:
    """Solves (e^h - h - 1) / null = budget for h."""
    return float(brentq(lambda h: math.expm1(h) - h - budget * null, 1e-9, 400.0))


def _divergence(p: float, q: float) -> float:
    return p * math.log(p / q) + (1.0 - p) * math.log((1.0 - p) / (1.0 - q))


def _threshold(count: Callable[[float], int], wanted: float, start: float) -> float:
    """Where `count` is about `wanted`, if it falls about as e^-h; a small one where it is never that high."""
    threshold = start
    for _ in range(_ROUNDS):
        counted = max(count(threshold), 0.2 * wanted)
        threshold = max(threshold + math.log(counted / wanted), 0.05)
    return threshold


@compiled
def _cusum_pages(steps: Floats, threshold: float) -> Ints:
    pages = []
    total = 0.0
    for window in range(len(steps)):
        total = max(total + steps[window], 0.0)
        if total > threshold:
            pages.append(window)
            total = 0.0
    return np.array(pages, dtype=np.int64)


@compiled
def _ramp_pages(evaluated: Ints, bad: Ints, rate: Floats, ramp: int, threshold: float) -> Ints:
    """One running sum per supposed onset; those far below zero are dropped, as CUSUM forgets them at zero."""
    sums = np.zeros(len(evaluated) // _ONSET_GRID + 1)
    since = np.zeros(len(sums), dtype=np.int64)
    gains = np.log1p((np.arange(ramp + 1)) / ramp)
    pages = []
    alive = 0
    for window in range(len(evaluated)):
        if window % _ONSET_GRID == 0:
            sums[alive], since[alive] = 0.0, window - 1
            alive += 1
        best, kept = 0.0, 0
        p, k, n = rate[window], bad[window], evaluated[window]
        for onset in range(alive):
            age = min(window - since[onset], ramp)
            total = sums[onset] + k * gains[age] + (n - k) * math.log1p(-p * age / ramp / (1.0 - p))
            if total > _HOPELESS:
                sums[kept], since[kept] = total, since[onset]
                best = max(best, total)
                kept += 1
        alive = kept
        if best > threshold:
            pages.append(window)
            alive = 0
    return np.array(pages, dtype=np.int64)
