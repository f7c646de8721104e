"""How much more a series scatters than its season and a coin explain, learned from its history."""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np

from detectors.base import Bools, Floats
from detectors.level import surprise
from detectors.rows import (
    JUMP_RATE,
    JUMP_VARIANCE,
    MEMORY,
    PARAMETERS,
    RHO,
    SLOW_MEMORY,
    SLOW_VARIANCE,
    VARIANCE,
)

MEMORIES = (300.0, 900.0, 3600.0, 14_400.0, 86_400.0)
"""What the memory of the level may be, in seconds."""
WEEK = 604_800.0
_BIN = 60.0
_GAIN_WANDER, _GAIN_SLOW, _GAIN_JUMPS = 1.0, 4.0, 4.0
"""Nats of log-likelihood that a wandering level, a second scale of it, and jumps must bring to be believed."""
_SHORT = 900.0
_LAGS = 6
_MAX_LOSS = 1.5


@dataclass(frozen=True, slots=True)
class Noise:
    """`rho` correlates events of one window; the level's logarithm has standard deviation `sigma` and memory `tau`
    in windows, and jumps `jump_rate` times a window with standard deviation `jump_sd`. Where it wanders on two
    scales, the slower one is `slow_sigma` and `slow_tau`.
    """

    rho: float = 0.0
    sigma: float = 0.0
    tau: float = 360.0
    jump_rate: float = 0.0
    jump_sd: float = 0.0
    slow_sigma: float = 0.0
    slow_tau: float = 8640.0


@dataclass(frozen=True, slots=True)
class History:
    """What the noise is fitted to: columns of shape (windows,), with the season's rate of each."""

    evaluated: Floats
    bad: Floats
    rates: Floats
    known: Bools


def fit_noise(history: History, seconds: int) -> Noise:
    """The noise of a history in windows of so many seconds: rho by moments, the rest by predictive likelihood."""
    windows = max(int(_BIN / seconds), 1)
    rho = moment_rho(history)
    minutes = _binned(history, windows)
    still = Noise(rho=rho, tau=3600.0 / seconds)
    without = _surprise(minutes, still, windows)
    memories = tuple(memory / seconds for memory in MEMORIES)
    gain, wandering = min(
        (_best_sigma(minutes, replace(still, tau=tau), windows) for tau in memories), key=lambda found: found[0]
    )
    if gain >= without - _GAIN_WANDER:
        return still
    found = wandering
    if gain < without - 2.0:
        gain, found = _with_slow(minutes, wandering, gain, windows, memories)
        found = _with_jumps(minutes, found, gain, windows, memories, WEEK / seconds)
    if found.tau <= _SHORT / seconds:
        # A minute is long against such a memory: its mean hides some of the level's movement.
        factors = (0.9, 1.0, 1.12, 1.25, 1.4)
        found = min(
            (replace(found, sigma=found.sigma * factor) for factor in factors),
            key=lambda noise: _surprise(history, noise, 1),
        )
    return found


def moment_rho(history: History) -> float:
    """Correlation of events within a window, from the variance that neighbouring windows do not share.

    0 unless it is more than two standard errors.
    """
    mean = np.where(history.known, history.evaluated * history.rates, 0.0)
    binomial = mean * (1.0 - history.rates)
    residual = np.where(history.known, history.bad - mean, 0.0)
    excess = np.where(history.known, residual**2 - binomial, 0.0) - _shared(residual, mean) * mean**2
    weight = float((binomial * np.maximum(history.evaluated - 1.0, 0.0)).sum())
    if weight <= 0.0:
        return 0.0
    rho, error = float(excess.sum()) / weight, math.sqrt(float((excess**2).sum())) / weight
    return min(rho, 0.95) if rho > 2.0 * error else 0.0


def _shared(residual: Floats, mean: Floats) -> float:
    """Variance of the level over one window, from the covariance of windows one to six apart."""

    def covariance(lags: range) -> float:
        shared = sum(float((residual[:-lag] * residual[lag:]).sum()) for lag in lags)
        scale = sum(float((mean[:-lag] * mean[lag:]).sum()) for lag in lags)
        return shared / scale if scale > 0.0 else 0.0

    if len(mean) <= _LAGS:
        return 0.0
    near, far = covariance(range(1, _LAGS // 2 + 1)), covariance(range(_LAGS // 2 + 1, _LAGS + 1))
    if far <= 0.0:
        return max(near, 0.0)
    # A level with a short memory has lost some of its covariance already: go back to no lag at the same pace.
    return near * math.pow(min(max(near / far, 1.0), _MAX_LOSS), 2.0 / 3.0)


def parameters_of(noise: Noise, windows: int = 1) -> Floats:
    """A row of parameters, shape (PARAMETERS,), with the noise in it; for bins of so many windows."""
    row = np.zeros(PARAMETERS)
    row[VARIANCE] = noise.sigma**2
    row[MEMORY] = math.exp(-windows / noise.tau)
    row[SLOW_VARIANCE] = noise.slow_sigma**2
    row[SLOW_MEMORY] = math.exp(-windows / noise.slow_tau)
    row[JUMP_RATE] = noise.jump_rate * windows
    row[JUMP_VARIANCE] = noise.jump_sd**2
    row[RHO] = noise.rho
    return row


def noise_of(row: Floats) -> Noise:
    """The noise whose parameters a row holds, of a memory of windows."""

    def memory(a: float) -> float:
        return -1.0 / math.log(a) if 0.0 < a < 1.0 else 0.0

    return Noise(
        rho=float(row[RHO]),
        sigma=math.sqrt(row[VARIANCE]),
        tau=memory(float(row[MEMORY])),
        jump_rate=float(row[JUMP_RATE]),
        jump_sd=math.sqrt(row[JUMP_VARIANCE]),
        slow_sigma=math.sqrt(row[SLOW_VARIANCE]),
        slow_tau=memory(float(row[SLOW_MEMORY])),
    )


def _surprise(history: History, noise: Noise, windows: int) -> float:
    known = history.known.astype(np.float64)
    return surprise(parameters_of(noise, windows), history.rates, history.evaluated, history.bad, known, float(windows))


def _binned(history: History, windows: int) -> History:
    """Sums over so many windows; a bin with an unknown window in it is unknown."""
    size = len(history.bad) // windows * windows

    def blocks(column: Floats) -> Floats:
        return column[:size].reshape(-1, windows)

    evaluated = blocks(history.evaluated).sum(axis=1)
    expected = blocks(history.evaluated * history.rates).sum(axis=1)
    return History(
        evaluated=evaluated,
        bad=blocks(history.bad).sum(axis=1),
        rates=expected / np.maximum(evaluated, 1.0),
        known=blocks(history.known.astype(np.float64)).min(axis=1) > 0.0,
    )


def _best_sigma(history: History, noise: Noise, windows: int) -> tuple[float, Noise]:
    """Minus the log-likelihood and the noise at the best sigma for this memory: a parabolic search of its logarithm."""
    xs = [math.log(sigma) for sigma in (0.03, 0.1, 0.3)]
    ys = [_surprise(history, replace(noise, sigma=math.exp(x)), windows) for x in xs]
    for _ in range(4):
        x = _next_point(xs, ys)
        if x is None:
            break
        place = int(np.searchsorted(xs, x))
        xs.insert(place, x)
        ys.insert(place, _surprise(history, replace(noise, sigma=math.exp(x)), windows))
    best = int(np.argmin(ys))
    return ys[best], replace(noise, sigma=math.exp(xs[best]))


def _next_point(xs: list[float], ys: list[float]) -> float | None:
    """Where to look next: beyond the edge, or at the bottom of the parabola; None when it is good enough."""
    i = int(np.argmin(ys))
    if i == 0:
        return xs[0] - 0.8 if xs[0] >= -4.2 else None
    if i == len(xs) - 1:
        return xs[-1] + 0.6 if xs[-1] <= 0.0 else None
    (x1, x2, x3), (y1, y2, y3) = xs[i - 1 : i + 2], ys[i - 1 : i + 2]
    down = (x2 - x1) * (y2 - y3) - (x2 - x3) * (y2 - y1)
    if down == 0.0:
        return None
    x = x2 - 0.5 * ((x2 - x1) ** 2 * (y2 - y3) - (x2 - x3) ** 2 * (y2 - y1)) / down
    return x if min(abs(x - known) for known in xs) >= 0.05 else None


def _with_slow(
    history: History, noise: Noise, best: float, windows: int, memories: tuple[float, ...]
) -> tuple[float, Noise]:
    """The noise with a second scale, if the history is so much likelier with it, and minus its log-likelihood."""
    found = []
    for fast, slow in itertools.combinations(memories, 2):
        if fast <= noise.tau <= slow:
            # What moves the level from window to window is known best: keep that, and the variance of the whole.
            # Where windows hold few events the halves are the better guess.
            for share in (min(fast / noise.tau, 0.8), 0.5):
                sigma, slow_sigma = noise.sigma * math.sqrt(share), noise.sigma * math.sqrt(1.0 - share)
                found.append(replace(noise, sigma=sigma, tau=fast, slow_sigma=slow_sigma, slow_tau=slow))

    def value(candidate: Noise) -> float:
        return _surprise(history, candidate, windows)

    two = min(found, key=value)
    for factor in (0.5, 2.0, 0.7, 1.4, 0.85, 1.2):
        two = min(two, replace(two, sigma=two.sigma * factor), key=value)
        two = min(two, replace(two, slow_sigma=two.slow_sigma * factor), key=value)
    least = value(two)
    return (least, two) if least < best - _GAIN_SLOW else (best, noise)


def _with_jumps(
    history: History, noise: Noise, best: float, windows: int, memories: tuple[float, ...], week: float
) -> Noise:
    """The noise with natural jumps, at least four a week, if the history is so much likelier with them.

    Rarer ones are what somebody wants to be told of.
    """
    half = replace(noise, sigma=0.5 * max(noise.sigma, 0.01), slow_sigma=0.5 * noise.slow_sigma)
    found = [
        replace(half, jump_rate=rate / week, jump_sd=sd) for rate in (4.0, 20.0, 100.0) for sd in (0.07, 0.15, 0.3)
    ]

    def likeliest(candidates: list[Noise]) -> Noise:
        return min(candidates, key=lambda candidate: _surprise(history, candidate, windows))

    jumping = likeliest(found)
    sigma, slow, sd = 2.0 * jumping.sigma, 2.0 * jumping.slow_sigma, jumping.jump_sd
    factors = (1.0, 0.7, 0.25, 0.1)
    jumping = likeliest([jumping, *(replace(jumping, sigma=sigma * f, slow_sigma=slow * f) for f in factors)])
    near = [tau for tau in memories if tau != jumping.tau and jumping.tau / 5 <= tau <= jumping.tau * 5]
    jumping = likeliest([jumping, *(replace(jumping, tau=tau) for tau in near)])
    jumping = likeliest([jumping, *(replace(jumping, jump_sd=sd * f) for f in (0.7, 1.4))])
    return jumping if _surprise(history, jumping, windows) < best - _GAIN_JUMPS else noise
