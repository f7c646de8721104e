"""Known groups of series as series of their own: by model, prompt version, policy version, region, tenant group.

A pool is the sum of its members, and its mix says what the members' own seasons expect of the sum. If all members'
rates are multiplied by one number, their sum is all that the counts say about it, so a pool loses nothing; and a shift
of traffic between members is no change of the pool. It has a baseline, and so a noise, of its own: what members share
and each alone is too small to see, a pool has learned.
"""

import math
from dataclasses import dataclass

import numpy as np

from detectors.base import Bools, Floats
from detectors.baseline import Baseline
from detectors.season import mixed_rates, seasonal_rates

_LEAST, _MOST = 1e-9, 0.999


@dataclass(frozen=True, slots=True)
class Pooled:
    """Columns of one pool, shape (windows,): for `learn` and `run`."""

    evaluated: Floats
    bad: Floats
    mix: Floats


def usual_rates(baseline: Baseline, start: int, mix: Floats) -> Floats:
    """Rates of bad events that a member's season and mix expect, shape (windows,), from a Unix time on."""
    tilt = 1.0 / mix if baseline.complement else mix
    watched = mixed_rates(seasonal_rates(baseline.season.coefficients, start, baseline.seconds, len(mix)), tilt)
    return 1.0 - watched if baseline.complement else watched


def expected_bad(evaluated: Floats, rates: Floats) -> Floats:
    """Sum over members of what their seasons expect, shape (windows,) from columns of shape (members, windows).

    Summed in the order of the members, so that a window gives the same bits alone and among others.
    """
    found = np.zeros(evaluated.shape[1:])
    for n, rate in zip(evaluated, rates, strict=True):
        found = found + n * rate
    return found


def pooled(evaluated: Floats, bad: Floats, expected: Floats, mean: float) -> Pooled:
    """A pool from sums over its members, all of shape (windows,).

    `mean` is the rate at which the mix is 1, any rate near the pool's; the same one in learning and in scoring.
    Raises ValueError where it is not a rate.
    """
    if not 0.0 < mean < 1.0:
        raise ValueError(f"the mean of a pool must be a rate between 0 and 1, not {mean}")
    rate = np.clip(expected / np.maximum(evaluated, 1.0), _LEAST, _MOST)
    mix = rate / (1.0 - rate) * ((1.0 - mean) / mean)
    return Pooled(evaluated, bad, np.where(evaluated > 0.0, mix, 1.0))


def mean_of(evaluated: Floats, expected: Floats) -> float:
    """The mean rate of a pool's history: what `pooled` wants. Sums as there; a half where nothing was evaluated."""
    total = float(evaluated.sum())
    return min(max(float(expected.sum()) / total, _LEAST), 0.99) if total > 0.0 else 0.5


def shared_level(pool: float, evaluated: Floats, rates: Floats, levels: Floats) -> float:
    """What all series of a fleet share beside their own levels, as a logarithm.

    `pool` is the level of the pool of all of them, 0 if it does not wander: then nothing is shared.
    `evaluated`, `rates` (usual) and `levels` (own, logarithms) have shape (series,).
    """
    weight = evaluated * rates
    total = float(weight.sum())
    return pool - math.log(float((weight * np.exp(levels)).sum()) / total) if total > 0.0 and pool != 0.0 else 0.0


def suspects(evidence: Floats, members: Bools) -> list[tuple[int, float]]:
    """Members of a pool that is in an incident, and how much each speaks for it, the loudest first.

    `evidence` is the sum over the incident's windows of a row of `StateSpaceDetector.evidence`, shape (series,).
    """
    order = np.argsort(np.where(members, -evidence, np.inf), kind="stable")
    return [(int(i), float(evidence[i])) for i in order[: int(members.sum())]]
