import numpy as np
import pytest
from scipy.special import betaln

from detectors.betabinomial import log_coins, log_density, updated


@pytest.mark.parametrize("rho", [0.0009, 0.02, 0.3, 0.9])
@pytest.mark.parametrize("rate", [1e-6, 0.02, 0.5, 0.94])
@pytest.mark.parametrize(("bad", "evaluated"), [(0, 5), (5, 5), (3, 40), (13, 2000), (1500, 2000), (40, 100_000)])
def test_the_density_is_that_of_the_beta_binomial(bad: int, evaluated: int, rate: float, rho: float) -> None:
    size = 1.0 / rho - 1.0
    a, b = rate * size, (1.0 - rate) * size
    exact = betaln(bad + a, evaluated - bad + b) - betaln(a, b)
    assert log_density(float(bad), float(evaluated), rate, rho) == pytest.approx(exact, rel=1e-9, abs=1e-8)


def test_without_correlation_it_is_the_binomial() -> None:
    exact = 3 * np.log(0.02) + 197 * np.log(0.98)
    assert log_density(3.0, 200.0, 0.02, 0.0) == pytest.approx(exact, rel=1e-14)


def test_a_count_above_the_usual_raises_the_level_and_any_count_makes_it_better_known() -> None:
    moved, variance = updated(1.0, 0.04, 12.0, 200.0, 0.02, 1.0)
    assert 0.0 < moved < np.log(3.0)
    assert variance < 0.04
    lower, _ = updated(1.0, 0.04, 0.0, 200.0, 0.02, 1.0)
    assert lower < 0.0


def test_a_count_that_the_level_explains_moves_it_no_further() -> None:
    assert updated(3.0, 0.04, 12.0, 200.0, 0.02, 1.0)[0] == pytest.approx(0.0, abs=1e-15)


def test_a_count_that_scatters_more_moves_the_level_less() -> None:
    sharp, _ = updated(1.0, 0.04, 12.0, 200.0, 0.02, 1.0)
    blurred, _ = updated(1.0, 0.04, 12.0, 200.0, 0.02, 5.0)
    assert 0.0 < blurred < sharp


def test_events_that_are_not_correlated_are_coins() -> None:
    assert log_coins(3.0, 200.0, 0.02) == log_density(3.0, 200.0, 0.02, 0.0)
