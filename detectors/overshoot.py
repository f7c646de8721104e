"""Weights of the hypotheses, corrected for overshoot.

A Shiryaev-Roberts statistic with threshold A has its first false alarm after A / zeta windows, zeta being the mean
of exp(-overshoot) under the hypothesis. Dividing a hypothesis' share by its zeta uses the budget that overshoot
would waste.
"""

import math

import numpy as np
import numpy.typing as npt

from detectors.base import Floats
from detectors.betabinomial import MAX_RATE
from detectors.compiled import compiled
from detectors.level import known_spread
from detectors.noise import Noise, parameters_of
from detectors.rows import ABSORBED, HYPOTHESES, RATIOS, UPWARD

UP_SHARE = 0.5
"""What the rises have of the budget; the drops have the rest."""
_SHARES = {
    1.05: 0.1, 1.1: 0.1, 1.25: 0.2, 1.5: 0.25, 2.0: 0.2, 3.0: 0.15, 5.0: 0.1, 10.0: 0.1,
    0.95: 0.1, 0.9: 0.1, 0.7: 0.3, 0.5: 0.35, 0.2: 0.25, 0.05: 0.1,
}  # fmt: skip
"""How likely changes are held to be, before it is asked which of them can be seen in a series at all."""
_ABSORBED_SHARE = 0.2
_HOLDING_SHARE = 1e-4
_ENOUGH = 12.0
"""Nats that open an incident, about."""
_SLOWEST, _FASTEST = 4320.0, 0.5
"""Windows in which a change must be seen to be worth looking for; and in which all greater ones look alike."""
_MIN_ZETA = 1e-3
_SMALL = 2e-3


def weights(rate: float, evaluated: float, noise: Noise, up_share: float = UP_SHARE) -> Floats:
    """Weights of shape (HYPOTHESES,) for a mean rate and a mean number of events in a window.

    A ratio that would take half a day to be seen has no weight, nor has one beyond the first that a single window
    shows. The next smaller one has a token: it keeps open an incident that is smaller than all others, where it
    would end and open again and again. Where the level does not wander there is nothing to absorb a shift, and
    those hypotheses have no weight.
    """
    jump_share = 1.0 - _ABSORBED_SHARE if noise.sigma > 0.0 else 1.0
    found = np.zeros(HYPOTHESES)
    for upward, side in ((True, up_share), (False, 1.0 - up_share)):
        here = (np.arange(HYPOTHESES) < UPWARD) == upward
        jumps, absorbed = np.flatnonzero(here & (ABSORBED == 0.0)), np.flatnonzero(here & (ABSORBED == 1.0))
        shares = _seen(rate, evaluated, noise, jumps)
        zetas = np.array([zeta(rate, float(RATIOS[j]), evaluated, noise) for j in jumps])
        found[jumps] = side * jump_share * shares / zetas
        found[absorbed] = side * (1.0 - jump_share) / len(absorbed)
    return found


def _seen(rate: float, evaluated: float, noise: Noise, jumps: npt.NDArray[np.int64]) -> Floats:
    """Shares of one side's jumps, from the smallest to the largest; they add up to about 1."""
    windows = np.array([_ENOUGH / information(rate, float(RATIOS[j]), evaluated, noise) for j in jumps])
    first = int(np.argmax(windows <= _SLOWEST)) if (windows <= _SLOWEST).any() else len(jumps) - 1
    last = int(np.argmax(windows <= _FASTEST)) if (windows <= _FASTEST).any() else len(jumps) - 1
    shares = np.array([_SHARES[float(RATIOS[j])] for j in jumps])
    shares[:first] = 0.0
    shares[max(first, last) + 1 :] = 0.0
    shares /= shares.sum()
    if first > 0:
        shares[first - 1] = _HOLDING_SHARE
    return shares


def zeta(rate: float, ratio: float, evaluated: float, noise: Noise) -> float:
    """Overshoot constant of one ratio; information is deflated by how much a window's count scatters."""
    scatter = _scatter(rate, evaluated, noise)
    other = min(rate * ratio, MAX_RATE)
    gain_bad, gain_good = math.log(other / rate), math.log((1.0 - other) / (1.0 - rate))
    by_window = _gaussian_zeta(information(rate, ratio, evaluated, noise))
    if ratio > 1.0:
        # The statistic rises by whole events: it overshoots by up to one event's worth even in tiny windows.
        by_event = _uniform_zeta(gain_bad / scatter)
        return max(_MIN_ZETA, min(by_window, by_event))
    # It rises by the events that do not come, a little in each window, and so by no more than a window's worth.
    by_silence = _uniform_zeta(evaluated * gain_good / scatter)
    return max(_MIN_ZETA, by_window, by_silence)


def information(rate: float, ratio: float, evaluated: float, noise: Noise) -> float:
    """Nats a window gives on average for this ratio where it is true, deflated by how much its count scatters."""
    other = min(rate * ratio, MAX_RATE)
    gain_bad, gain_good = math.log(other / rate), math.log((1.0 - other) / (1.0 - rate))
    nats = evaluated * (other * gain_bad + (1.0 - other) * gain_good)
    return max(nats / _scatter(rate, evaluated, noise), 1e-12)


def _scatter(rate: float, evaluated: float, noise: Noise) -> float:
    """Variance of a window's count over the binomial's, the level's past being known."""
    scatter = 1.0 + max(evaluated - 1.0, 0.0) * noise.rho
    if noise.sigma > 0.0:
        odds = rate / (1.0 - rate)
        scatter += known_spread(parameters_of(noise), evaluated * odds / scatter) * evaluated * odds
    return scatter


def _uniform_zeta(largest: float) -> float:
    """Mean of exp(-overshoot) if all overshoots up to the largest are as likely."""
    return (1.0 - math.exp(-largest)) / largest if largest > 1e-9 else 1.0


@compiled
def _gaussian_zeta(information: float) -> float:
    """For windows whose log-ratio is normal with this mean under the hypothesis (Siegmund's series)."""
    if information < _SMALL:
        return math.exp(-0.583 * math.sqrt(2.0 * information))
    total = 0.0
    for i in range(1, 20_000):
        tail = 0.5 * math.erfc(math.sqrt(i * information) / 2.0)
        total += 2.0 * tail / i
        if tail < 1e-7:
            break
    return min(1.0, math.exp(-total) / information)
