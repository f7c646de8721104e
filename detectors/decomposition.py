"""Why a rate changed: because strata have other rates, or because other strata are asked for (Kitagawa; Oaxaca)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.base import Floats


@dataclass(frozen=True, slots=True)
class Tally:
    """Events by stratum in some span of time, and how many of them were bad: both of shape (strata,)."""

    evaluated: Floats
    bad: Floats

    @property
    def rate(self) -> float:
        """Of all events; 0 where there are none."""
        return float(self.bad.sum()) / max(float(self.evaluated.sum()), 1.0)


@dataclass(frozen=True, slots=True)
class Decomposition:
    """A change of a rate from `before` to `after`, as the sum of what each stratum adds, shape (strata,).

    `rates` is what the stratum adds by answering differently, `mix` by its share of the events having moved away from
    or towards what is better than average. All as differences of rates, so that they add up: before + rates.sum() +
    mix.sum() == after.
    """

    before: float
    after: float
    rates: Floats
    mix: Floats


def decompose(before: Tally, after: Tally) -> Decomposition:
    """Kitagawa's decomposition: each effect is weighed by the mean of both times, so that neither is the base.

    Tallies have the same strata in the same order. A stratum that was seen at one of the times only has at the other
    the rate it had: all it adds is mix. Raises ValueError where there is no event before, or none after.
    """
    if before.evaluated.sum() <= 0.0 or after.evaluated.sum() <= 0.0:
        raise ValueError("a change of a rate needs events before and after")
    share_before, share_after = before.evaluated / before.evaluated.sum(), after.evaluated / after.evaluated.sum()
    rate_before, rate_after = _rates(before, after), _rates(after, before)
    average = 0.5 * (before.rate + after.rate)
    return Decomposition(
        before.rate,
        after.rate,
        0.5 * (share_before + share_after) * (rate_after - rate_before),
        (share_after - share_before) * (0.5 * (rate_before + rate_after) - average),
    )


def ranked(names: Sequence[str], effects: Floats, direction: float) -> list[tuple[str, float]]:
    """Strata and their effects, the one that explains most of a change in this direction (1 or -1) first."""
    order = np.argsort(-direction * effects, kind="stable")
    return [(names[i], float(effects[i])) for i in order]


def _rates(tally: Tally, other: Tally) -> Floats:
    """Rates by stratum, shape (strata,), those of the other time where there are no events."""
    use = tally.evaluated > 0.0
    bad, evaluated = np.where(use, tally.bad, other.bad), np.where(use, tally.evaluated, other.evaluated)
    found: Floats = bad / np.maximum(evaluated, 1.0)
    return found
