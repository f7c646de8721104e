"""From the history of one series to its baseline: season, noise, weights, threshold."""

import math
from dataclasses import replace

import numpy as np

from detectors.backtest import Counts
from detectors.base import Bools, Floats
from detectors.baseline import Baseline, baseline_of, cold, decided
from detectors.floor import own_floor
from detectors.masks import blocks_mask, path_mask
from detectors.noise import History, Noise, fit_noise
from detectors.overshoot import UP_SHARE, weights
from detectors.retrospect import statistic
from detectors.season import DAY, Season, fit_season, mixed_rates, seasonal_rates

MIN_EVENTS = 500.0
"""Evaluated events that a baseline must have been learned from to be warm; and so many windows, see below."""
_MIN_WINDOWS, _AN_HOUR = 48, 3600
_MARGIN_CLEAN, _MARGIN_SPARSE, _MARGIN_NOISY = 0.4, 0.6, 1.2
"""Nats above the budget's logarithm; found on other seeds than the ones that the benchmarks use."""
_SPARSE = 5000.0
_BLOCK = 1800
_INCIDENT = 2.2
"""Times the threshold: what the statistic reaches in an incident, and hardly without one."""
_SHAPE = 0.2
"""How far the rates of a day lie around their mean, as a logarithm, where nothing is known of them."""
_FEW = 1000.0
"""Bad events that give a level within 3 %, which no hypothesis takes for a change."""


def min_windows(seconds: int) -> int:
    """Windows of so many seconds that a baseline must have been learned from to be warm: an hour of them, and 48."""
    return max(_MIN_WINDOWS, _AN_HOUR // seconds)


def learn(  # noqa: PLR0913  columns, and how to take them
    start: int,
    evaluated: Counts,
    bad: Counts,
    budget: float = 60_480.0,
    seconds: int = 10,
    group: Baseline | None = None,
    mix: Floats | None = None,
    up_share: float = UP_SHARE,
) -> Baseline:
    """Learn columns of shape (windows,) from a Unix time on; windows that are unknown have nothing evaluated.

    `budget` is in windows per false page. Where there is less than a day, the shape of the day is that of `group`,
    if there is one and the same kind of events is watched. `mix`, shape (windows,), is by what the mix of strata
    multiplied the odds of a bad event in each window, 1 everywhere without it: the baseline is then that of mix 1.
    `up_share` is what rises of the bad rate have of the budget, the rest being for drops: 1 watches for rises alone,
    0 for drops.
    """
    n = np.asarray(evaluated, dtype=np.float64)
    if int((n > 0.0).sum()) < min_windows(seconds) or float(n.sum()) < MIN_EVENTS:
        return cold(len(n), seconds)
    complement = 2.0 * float(np.sum(bad)) > float(n.sum())
    k: Floats = np.clip(np.asarray(n - bad if complement else bad, dtype=np.float64), 0.0, n)
    tilt = np.ones(len(n)) if mix is None else 1.0 / mix if complement else mix
    leaning = group.season if group is not None and group.warm and group.complement == complement else None
    share = 1.0 - up_share if complement else up_share
    season, mask = _season(start, seconds, n, k, leaning, tilt)
    baseline, path = _learned(start, n, k, season, mask, budget, seconds, tilt, share)
    high = _INCIDENT * baseline.threshold
    if (path > high).any():
        again = path_mask(mask, path, high, seconds)
        if not (again == mask).all() and not again.all():
            mask = again
            season = _fitted(start, seconds, n, k, mask, leaning, tilt)
            baseline, path = _learned(start, n, k, season, mask, budget, seconds, tilt, share)
    floor = own_floor(path, baseline.threshold, budget)
    return decided(baseline, max(baseline.threshold, floor), complement)


def _season(start: int, seconds: int, n: Floats, k: Floats, group: Season | None, mix: Floats) -> tuple[Season, Bools]:
    """The season, and what of the history is normal by it."""
    mask = np.ones(len(n), dtype=np.bool_)
    for _ in range(3):
        season = _fitted(start, seconds, n, k, mask, group, mix)
        rates = mixed_rates(seasonal_rates(season.coefficients, start, seconds, len(n)), mix)
        again = blocks_mask(n, k, rates, seconds)
        if (again == mask).all():
            break
        mask = again
    return season, mask


def _fitted(  # noqa: PLR0913  the parts of a history
    start: int, seconds: int, n: Floats, k: Floats, mask: Bools, group: Season | None, mix: Floats
) -> Season:
    """The season at mix 1: an event counts as many times as its mix makes it likelier to be bad."""
    season = fit_season(start, seconds, n, k, mask, group)
    if (mix == 1.0).all():
        return season
    rates = np.full(len(n), min(max(float(k.sum() / n.sum()), 1e-9), 0.5))
    for _ in range(2):
        season = fit_season(start, seconds, n * mixed_rates(rates, mix) / rates, k, mask, group)
        rates = seasonal_rates(season.coefficients, start, seconds, len(n))
    return season


def _learned(  # noqa: PLR0913  the parts of a history
    start: int,
    n: Floats,
    k: Floats,
    season: Season,
    mask: Bools,
    budget: float,
    seconds: int,
    mix: Floats,
    up_share: float,
) -> tuple[Baseline, Floats]:
    """A baseline without its floor, and the statistic's path over the history, 0 where that is left out."""
    rates = mixed_rates(seasonal_rates(season.coefficients, start, seconds, len(n)), mix)
    noise = _widened(fit_noise(History(n, k, rates, mask), seconds), float(mask.sum()), season.fitted)
    noise = _humble(noise, float(k[mask].sum()), season, seconds)
    mean_evaluated = float(n[n > 0.0].mean())
    threshold = math.log(budget * _share(n, seconds)) + _margin(noise, float(k.sum()))
    shares = weights(float(rates.mean()), mean_evaluated, noise, up_share)
    baseline = baseline_of(season, noise, shares, threshold, len(n), seconds)
    path = statistic(baseline.parameters, rates, np.where(mask, n, 0.0), np.where(mask, k, 0.0), seconds)
    return baseline, np.where(mask, path, 0.0)


def _humble(noise: Noise, bad: float, season: Season, seconds: int) -> Noise:
    """What the history was too short to tell is a slow level, learned while the series is watched.

    A level learned from few bad events is known that badly; and without the shape of its day a rate wanders.
    """
    shapeless = season.fitted == 1
    missing = (_SHAPE**2 if shapeless else 0.0) + (1.0 / (bad + 0.5) if bad < _FEW else 0.0)
    if missing == 0.0:
        return noise
    tau = (DAY / 4 if shapeless else DAY) / seconds
    if noise.sigma == 0.0:
        return replace(noise, sigma=math.sqrt(missing), tau=tau)
    if noise.slow_sigma > 0.0:
        tau = noise.slow_tau
    return replace(noise, slow_sigma=math.sqrt(noise.slow_sigma**2 + missing), slow_tau=tau)


def _share(evaluated: Floats, seconds: int) -> float:
    """How many of the windows have events, in the half-hours that have any: only those count against the budget."""
    windows = max(_BLOCK // seconds, 1)
    padded = np.concatenate([evaluated, np.zeros(-len(evaluated) % windows)]).reshape(-1, windows)
    alive = (padded > 0.0).any(axis=1)
    return float((evaluated > 0.0).sum()) / float(min(int(alive.sum()) * windows, len(evaluated)))


def _margin(noise: Noise, bad: float) -> float:
    if noise.sigma > 0.0 or noise.rho > 0.0:
        return _MARGIN_NOISY
    return _MARGIN_CLEAN if bad >= _SPARSE else _MARGIN_SPARSE


def _widened(noise: Noise, windows: float, fitted: int) -> Noise:
    """A season fitted to a wandering level misses by more than one fitted to counts alone."""

    def factor(tau: float) -> float:
        return math.sqrt(min(3.0, 1.0 + 4.0 * fitted * tau / max(windows, 1.0)))

    return replace(noise, sigma=noise.sigma * factor(noise.tau), slow_sigma=noise.slow_sigma * factor(noise.slow_tau))
