"""What is asked, and how it moves a rate: events fall into strata, and each stratum has a rate of its own.

From a history comes a rate for each stratum, and with those rates the mix of a window says by how much its rate should
differ from the usual. So a change in what is asked is not taken for a change in how it is answered. A stratum that
the history did not have, or hardly, has a rate that nobody knows: its events are not counted until it is learned.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.base import Bools, Floats
from detectors.season import DAY

_HOURS = 24
_ROUNDS = 8
_PRIOR = 10.0
"""Bad events that an hour of the day is given beside its own, at the rate of the whole day."""
_WELL_KNOWN = 0.15
"""Relative standard deviation of a stratum's rate above which its events are not counted. The smallest change that is
looked for is 1.25: a stratum must be able to grow to most of the traffic without looking like one."""
_ENOUGH = 0.5
"""Share of the events that well-known strata must have. In a history with fewer, all strata that it had are counted."""
_LEAST, _MOST = 1e-9, 0.999


@dataclass(frozen=True, slots=True)
class Reference:
    """Rates of strata, shape (strata,), in the order of `names`; `spread` is their relative standard deviation.

    Events of strata that are not `counted` say nothing. `mean` is the rate of those that are, in the history's mix.
    """

    names: tuple[str, ...]
    rates: Floats
    spread: Floats
    counted: Bools
    mean: float

    def of(self, names: Sequence[str]) -> Floats:
        """Rates of these strata, shape (len(names),); NaN where events are not counted."""
        known = dict(zip(self.names, np.where(self.counted, self.rates, np.nan), strict=True))
        return np.array([known.get(name, np.nan) for name in names], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Mixed:
    """Columns of shape (windows,): the counted events, how many were bad, and by what their mix multiplies the odds of
    a bad event. `unknown` is the share of events that are not counted; it lowers the coverage of a window.
    """

    evaluated: Floats
    bad: Floats
    mix: Floats
    unknown: Floats


def learn_strata(names: Sequence[str], start: int, seconds: int, evaluated: Floats, bad: Floats) -> Reference:
    """The reference of a history: columns of shape (strata, windows) from a Unix time on, rows in the order of `names`.

    Rates are shrunk to the mean of all, the more so the less the strata differ. Hours of the day may have rates of
    their own: a stratum of the night is not held against the day.
    """
    n, k = _by_hour(evaluated, start, seconds), _by_hour(bad, start, seconds)
    relative, spread = _relative(n, k)
    events = n.sum(axis=1)
    counted = (events > 0.0) & (spread <= _WELL_KNOWN)
    if events[counted].sum() < _ENOUGH * events.sum():
        counted = events > 0.0
    total = float(events[counted].sum())
    if total == 0.0:
        return Reference(tuple(names), np.full(len(events), 0.5), spread, counted, 0.5)
    mean = min(max(float(k[counted].sum()) / total, _LEAST), 0.99)
    usual = float((events * relative)[counted].sum()) / total
    rates = np.clip(mean * relative / usual, _LEAST, _MOST)
    return Reference(tuple(names), rates, spread, counted, float((events * rates)[counted].sum()) / total)


def extended(
    reference: Reference, names: Sequence[str], start: int, seconds: int, evaluated: Floats, bad: Floats
) -> Reference:
    """The reference, and beside it the strata that it does not count and that later windows make well known.

    Arguments as of `learn_strata`. What the reference counts stays as it is: an incident does not become normal.
    """
    later = learn_strata(names, start, seconds, evaluated, bad)
    old = np.isin(names, [name for name, counted in zip(reference.names, reference.counted, strict=True) if counted])
    new = ~old & later.counted & (later.spread <= _WELL_KNOWN)
    if not new.any() or not old.any():
        return reference
    rates = np.where(old, reference.of(names), np.nan)
    expected = float((evaluated[old].sum(axis=1) * rates[old]).sum())
    level = float(bad[old].sum()) / expected if expected > 0.0 else 1.0
    found = later.rates[new] / max(level, 0.1)
    kept = [i for i, name in enumerate(reference.names) if name not in set(np.asarray(names)[new])]
    return Reference(
        (*(reference.names[i] for i in kept), *(str(name) for name in np.asarray(names)[new])),
        np.concatenate([reference.rates[kept], np.clip(found, _LEAST, _MOST)]),
        np.concatenate([reference.spread[kept], later.spread[new]]),
        np.concatenate([reference.counted[kept], np.ones(int(new.sum()), dtype=np.bool_)]),
        reference.mean,
    )


def mix_of(reference: Reference, names: Sequence[str], evaluated: Floats, bad: Floats) -> Mixed:
    """Columns of shape (strata, windows), rows in the order of `names`, as columns of one series."""
    return mix_columns(reference.of(names)[:, None], np.full(1, reference.mean), evaluated, bad)


def mix_columns(rates: Floats, mean: Floats, evaluated: Floats, bad: Floats) -> Mixed:
    """The same of many series in one window: all of shape (strata, series), and `mean` of shape (series,).

    `rates` are NaN where a stratum is not counted, or a series has no more of them. A column gives the same bits alone
    and among others, if its strata come in the same order.
    """
    counted = ~np.isnan(rates)
    known = np.where(counted, rates, 0.0)
    n, k, all_, expected = (np.zeros(evaluated.shape[1:]) for _ in range(4))
    for use, rate, more, worse in zip(counted, known, evaluated, bad, strict=True):
        all_, expected = all_ + more, expected + more * rate
        n, k = n + np.where(use, more, 0.0), k + np.where(use, worse, 0.0)
    usual = np.where(n > 0.0, expected / np.maximum(n, 1.0), mean)
    mix = usual / (1.0 - usual) * ((1.0 - mean) / mean)
    return Mixed(n, k, np.where(n > 0.0, mix, 1.0), np.where(all_ > 0.0, 1.0 - n / np.maximum(all_, 1.0), 0.0))


def shift_of(reference: Reference, names: Sequence[str], evaluated: Floats) -> tuple[Floats, Floats]:
    """The mix itself as a series to watch, evaluated and bad of shape (windows,), from events of (strata, windows).

    Bad is what belongs to strata whose rate is above the mean: a share of whole events, and so a coin like the others.
    """
    rates = reference.of(names)
    counted, heavy = ~np.isnan(rates), np.nan_to_num(rates) > reference.mean
    return evaluated[counted].sum(axis=0), evaluated[heavy].sum(axis=0)


def _by_hour(columns: Floats, start: int, seconds: int) -> Floats:
    """Sums of shape (strata, 24), by the hour of the day, from columns of shape (strata, windows)."""
    hours = (start + seconds * np.arange(columns.shape[1])) % DAY * _HOURS // DAY
    return np.array([np.bincount(hours, row, _HOURS) for row in columns]).reshape(-1, _HOURS)


def _relative(n: Floats, k: Floats) -> tuple[Floats, Floats]:
    """Of sums of shape (strata, 24): rates over the mean of the hour, shrunk to 1, and their relative spread."""
    mean = max(float(k.sum()) / max(float(n.sum()), 1.0), _LEAST)
    relative = np.ones(len(n))
    for _ in range(_ROUNDS):
        hours = (k.sum(axis=0) + _PRIOR) / (relative @ n + _PRIOR / mean)
        expected = n @ hours
        relative = np.where(expected > 0.0, k.sum(axis=1) / np.maximum(expected, _LEAST), 1.0)
        relative = np.maximum(relative, 1e-3)
    worth = 1.0 / max(_between(k.sum(axis=1), expected), 1e-6)
    bad = k.sum(axis=1)
    return (bad + worth) / (expected + worth), 1.0 / np.sqrt(bad + worth)


def _between(bad: Floats, expected: Floats) -> float:
    """Variance of the relative rates between strata, by moments (DerSimonian and Laird)."""
    total = float(expected.sum())
    weight = total - float((expected**2).sum()) / max(total, _LEAST)
    if weight <= 0.0:
        return 0.0
    centre = float(bad.sum()) / total
    ratios = np.where(expected > 0.0, bad / np.maximum(expected, _LEAST), centre)
    scatter = float((expected * (ratios - centre) ** 2).sum()) / max(centre, _LEAST)
    return max((scatter - (int((expected > 0.0).sum()) - 1)) / weight, 0.0)
