"""Weights of the hypotheses, corrected for overshoot.

A Shiryaev-Roberts statistic with threshold A has its first false alarm after A / zeta windows, zeta being the mean
of exp(-overshoot) under the hypothesis. Dividing a hypothesis' share by its zeta uses the budget that overshoot
would waste.
"""

import math

import numpy as np

from detectors.base import Floats
from detectors.betabinomial import MAX_RATE
from detectors.compiled import compiled
from detectors.level import known_spread
from detectors.noise import Noise, parameters_of
from detectors.rows import ABSORBED, HYPOTHESES, RATIOS, UPWARD

UP_SHARE = 0.5
"""What the rises have of the budget; the drops have the rest."""
_SHARES_UP = np.array([0.2, 0.25, 0.2, 0.15, 0.1, 0.1])
_SHARES_DOWN = np.array([0.3, 0.35, 0.25, 0.1])
_ABSORBED_SHARE = 0.2
_MIN_ZETA = 1e-3
_SMALL = 2e-3


def weights(rate: float, evaluated: float, noise: Noise) -> Floats:
    """Weights of shape (HYPOTHESES,) for a mean rate and a mean number of events in a window.

    Where the level does not wander there is nothing to absorb a shift, and those hypotheses have no weight.
    """
    jump_share = 1.0 - _ABSORBED_SHARE if noise.sigma > 0.0 else 1.0
    shares = np.zeros(HYPOTHESES)
    for upward, side, jumps in ((True, UP_SHARE, _SHARES_UP), (False, 1.0 - UP_SHARE, _SHARES_DOWN)):
        here = (np.arange(HYPOTHESES) < UPWARD) == upward
        shares[here & (ABSORBED == 0.0)] = side * jump_share * jumps
        absorbed = here & (ABSORBED == 1.0)
        shares[absorbed] = side * (1.0 - jump_share) / absorbed.sum()
    zetas = [1.0 if ABSORBED[j] else zeta(rate, float(RATIOS[j]), evaluated, noise) for j in range(HYPOTHESES)]
    found: Floats = shares / np.array(zetas)
    return found


def zeta(rate: float, ratio: float, evaluated: float, noise: Noise) -> float:
    """Overshoot constant of one ratio; information is deflated by how much a window's count scatters."""
    scatter = 1.0 + max(evaluated - 1.0, 0.0) * noise.rho
    if noise.sigma > 0.0:
        odds = rate / (1.0 - rate)
        scatter += known_spread(parameters_of(noise), evaluated * odds / scatter) * evaluated * odds
    other = min(rate * ratio, MAX_RATE)
    gain_bad, gain_good = math.log(other / rate), math.log((1.0 - other) / (1.0 - rate))
    information = max(evaluated * (other * gain_bad + (1.0 - other) * gain_good) / scatter, 1e-12)
    by_window = _gaussian_zeta(information)
    if ratio > 1.0:
        # The statistic rises by whole events: it overshoots by up to one event's worth even in tiny windows.
        by_event = _uniform_zeta(gain_bad / scatter)
        return max(_MIN_ZETA, min(by_window, by_event))
    # It rises by the events that do not come, a little in each window, and so by no more than a window's worth.
    by_silence = _uniform_zeta(evaluated * gain_good / scatter)
    return max(_MIN_ZETA, by_window, by_silence)


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
