import math

import numpy as np
import pytest

from detectors import rows
from detectors.noise import Noise
from detectors.overshoot import weights, zeta


def test_without_a_level_the_shares_of_what_it_could_absorb_go_to_the_jumps() -> None:
    still = weights(0.02, 200.0, Noise())
    wandering = weights(0.02, 200.0, Noise(sigma=0.1))
    assert (still[rows.ABSORBED == 1.0] == 0.0).all()
    assert (wandering[rows.ABSORBED == 1.0] > 0.0).all()


@pytest.mark.parametrize(("rate", "evaluated", "smallest", "largest"), [
    (0.02, 20.0, 1.25, 10.0), (0.02, 200.0, 1.05, 10.0), (0.1, 2000.0, 1.05, 1.5),
])  # fmt: skip
def test_only_changes_that_can_be_seen_and_told_apart_are_looked_for(
    rate: float, evaluated: float, smallest: float, largest: float
) -> None:
    found = weights(rate, evaluated, Noise())
    jumps = (rows.ABSORBED == 0.0) & (rows.RATIOS > 1.0)
    looked_for = rows.RATIOS[jumps & (found > 0.01)]
    assert looked_for.min() == smallest
    assert looked_for.max() == largest


def test_the_next_smaller_change_is_a_token_that_holds_an_incident_open() -> None:
    found = weights(0.02, 20.0, Noise())
    tokens = rows.RATIOS[(found > 0.0) & (found < 1e-3)]
    smallest = rows.RATIOS[(found > 1e-3) & (rows.RATIOS > 1.0)].min()
    assert tokens[tokens > 1.0] == [rows.RATIOS[smallest > rows.RATIOS].max()]
    assert (tokens < 1.0).sum() == 1


@pytest.mark.parametrize("noise", [Noise(), Noise(rho=0.01), Noise(sigma=0.1)])
def test_a_direction_without_a_share_of_the_budget_is_not_watched(noise: Noise) -> None:
    rises, drops = weights(0.02, 200.0, noise, 1.0), weights(0.02, 200.0, noise, 0.0)
    assert (rises[rows.UPWARD :] == 0.0).all()
    assert (drops[: rows.UPWARD] == 0.0).all()
    assert rises[: rows.UPWARD] == pytest.approx(2.0 * weights(0.02, 200.0, noise)[: rows.UPWARD])


@pytest.mark.parametrize("evaluated", [2.0, 20.0, 200.0, 2000.0])
@pytest.mark.parametrize("ratio", [10.0, 3.0, 1.25, 0.7, 0.5, 0.05])
def test_an_overshoot_constant_is_a_mean_of_exponentials_of_minus_something(evaluated: float, ratio: float) -> None:
    assert 0.0 < zeta(0.02, ratio, evaluated, Noise()) <= 1.0


@pytest.mark.parametrize("ratio", [3.0, 2.0, 0.5, 0.2])
@pytest.mark.parametrize("evaluated", [20.0, 200.0])
def test_it_is_near_the_overshoot_of_a_simulated_random_walk(ratio: float, evaluated: float) -> None:
    chance = np.random.default_rng(7)
    rate, height = 0.02, 12.0
    walks = np.zeros(2000)
    overshoots = np.full(len(walks), np.nan)
    while np.isnan(overshoots).any():
        k = chance.binomial(int(evaluated), rate * ratio, len(walks))
        gain_bad, gain_good = math.log(ratio), math.log((1.0 - rate * ratio) / (1.0 - rate))
        walks = walks + k * gain_bad + (evaluated - k) * gain_good
        overshoots = np.where(np.isnan(overshoots) & (walks > height), walks - height, overshoots)
    simulated = float(np.exp(-overshoots).mean())
    assert zeta(rate, ratio, evaluated, Noise()) == pytest.approx(simulated, rel=0.2)


def test_a_window_that_scatters_overshoots_less() -> None:
    assert zeta(0.02, 2.0, 200.0, Noise(rho=0.02)) > zeta(0.02, 2.0, 200.0, Noise())
    assert zeta(0.02, 2.0, 200.0, Noise(sigma=0.2)) > zeta(0.02, 2.0, 200.0, Noise())
