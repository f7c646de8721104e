"""How much more a series scatters than its season and a coin explain, learned from its history."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from detectors.base import Bools, Floats
from detectors.level import surprises
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
_HOPELESS = 4.0
"""Nats by which jumps may be less likely than none, and still be tried with other memories and sizes."""
_SHORT = 900.0
_LAGS = 6
_VECTOR = 4
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
    memories = tuple(memory / seconds for memory in MEMORIES)
    without, gain, wandering = _wandering(minutes, still, windows, memories)
    if gain >= without - _GAIN_WANDER:
        return still
    found = wandering
    if gain < without - 2.0:
        gain, found = _with_slow(minutes, wandering, gain, windows, memories)
        found = _with_jumps(minutes, found, gain, windows, memories, WEEK / seconds)
    if found.tau <= _SHORT / seconds:
        # A minute is long against such a memory: its mean hides some of the level's movement.
        factors = (0.9, 1.0, 1.12, 1.25, 1.4)
        _, found = _likeliest(history, [replace(found, sigma=found.sigma * factor) for factor in factors], 1)
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

    products = np.empty(len(mean))  # one for all: fresh memory costs more than the products

    def together(column: Floats, lag: int) -> float:
        return float(np.multiply(column[:-lag], column[lag:], out=products[:-lag]).sum())

    def covariance(lags: range) -> float:
        shared = sum(together(residual, lag) for lag in lags)
        scale = sum(together(mean, lag) for lag in lags)
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


def _surprises(history: History, candidates: Sequence[Noise], windows: int) -> list[float]:
    """Minus the log-likelihood of each; all have the same rho."""
    # Whole vectors of them: one alone would take as long.
    filled = [*candidates, *[candidates[0]] * (-len(candidates) % _VECTOR)]
    rows = np.array([parameters_of(noise, windows) for noise in filled])
    known = history.known.astype(np.float64)
    return list(
        surprises(rows, history.rates, history.evaluated, history.bad, known, float(windows))[: len(candidates)]
    )


def _likeliest(history: History, candidates: Sequence[Noise], windows: int) -> tuple[float, Noise]:
    """Minus the log-likelihood of a history, and the candidate by which it is likeliest."""
    values = _surprises(history, candidates, windows)
    best = int(np.argmin(values))
    return values[best], candidates[best]


def _better(
    best: tuple[float, Noise], history: History, candidates: Sequence[Noise], windows: int
) -> tuple[float, Noise]:
    """The likeliest of these and the best so far."""
    return min(best, _likeliest(history, candidates, windows), key=lambda one: one[0]) if candidates else best


def _binned(history: History, windows: int) -> History:
    """Sums over so many windows; a bin with an unknown window in it is unknown."""
    size = len(history.bad) // windows * windows

    def sums(column: Floats) -> Floats:
        found = np.zeros(size // windows)
        for i in range(windows):
            found += column[i:size:windows]
        return found

    evaluated = sums(history.evaluated)
    expected = sums(history.evaluated * history.rates)
    return History(
        evaluated=evaluated,
        bad=sums(history.bad),
        rates=expected / np.maximum(evaluated, 1.0),
        known=sums(history.known.astype(np.float64)) == windows,
    )


def _wandering(history: History, still: Noise, windows: int, memories: tuple[float, ...]) -> tuple[float, float, Noise]:
    """Minus the log-likelihood without a wander, and with the best one, and that noise.

    A parabolic search of the logarithm of sigma, for all memories at a time.
    """
    xs = [[math.log(sigma) for sigma in (0.03, 0.1, 0.3)] for _ in memories]
    first = [
        still,
        *(replace(still, tau=tau, sigma=math.exp(x)) for tau, row in zip(memories, xs, strict=True) for x in row),
    ]
    without, *values = _surprises(history, first, windows)
    ys = [values[3 * i : 3 * i + 3] for i in range(len(memories))]
    # The least likely memory is not looked at again.
    alive = sorted(range(len(memories)), key=lambda i: min(ys[i]))[:_VECTOR]
    for _ in range(4):
        points = [(i, x) for i in alive if (x := _next_point(xs[i], ys[i])) is not None]
        if not points:
            break
        tried = [replace(still, tau=memories[i], sigma=math.exp(x)) for i, x in points]
        for (i, x), y in zip(points, _surprises(history, tried, windows), strict=True):
            place = int(np.searchsorted(xs[i], x))
            xs[i].insert(place, x)
            ys[i].insert(place, y)
    best = min(range(len(memories)), key=lambda i: min(ys[i]))
    least = int(np.argmin(ys[best]))
    return without, ys[best][least], replace(still, tau=memories[best], sigma=math.exp(xs[best][least]))


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

    two = _likeliest(history, found, windows)
    for factor in (2.0, 1.4, 1.2):
        steps = [step for step in itertools.product((1.0 / factor, 1.0, factor), repeat=2) if step != (1.0, 1.0)]
        at = two[1]
        near = [replace(at, sigma=at.sigma * f, slow_sigma=at.slow_sigma * g) for f, g in steps]
        two = _better(two, history, near, windows)
    return two if two[0] < best - _GAIN_SLOW else (best, noise)


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

    jumping = _likeliest(history, found, windows)
    sigma, slow, sd = 2.0 * jumping[1].sigma, 2.0 * jumping[1].slow_sigma, jumping[1].jump_sd
    scaled = [replace(jumping[1], sigma=sigma * f, slow_sigma=slow * f) for f in (1.0, 0.7, 0.25, 0.1)]
    jumping = _better(jumping, history, scaled, windows)
    if jumping[0] > best + _HOPELESS:
        return noise
    tau = jumping[1].tau
    near = [replace(jumping[1], tau=other) for other in memories if other != tau and tau / 5 <= other <= tau * 5]
    jumping = _better(jumping, history, near, windows)
    jumping = _better(jumping, history, [replace(jumping[1], jump_sd=sd * f) for f in (0.7, 1.4)], windows)
    return jumping[1] if jumping[0] < best - _GAIN_JUMPS else noise
