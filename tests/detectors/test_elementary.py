import numpy as np
import pytest

from detectors.compiled import compiled
from detectors.elementary import exp, fma, log, log1p
from tests.detectors.streams import Floats

NUMBERS = np.random.default_rng(61).uniform(-690.0, 690.0, 4000)


@compiled
def exps(numbers: Floats) -> Floats:
    found = np.zeros(len(numbers))
    for i in range(len(numbers)):
        found[i] = exp(numbers[i])
    return found


@compiled
def logs(numbers: Floats) -> Floats:
    found = np.zeros(len(numbers))
    for i in range(len(numbers)):
        found[i] = log(numbers[i])
    return found


@compiled
def product_and_sum(a: float, b: float, c: float) -> float:
    return float(fma(a, b, c))


def test_both_are_right_to_two_units_in_the_last_place() -> None:
    assert exps(NUMBERS) == pytest.approx(np.exp(NUMBERS), rel=4.5e-16, abs=0.0)
    assert logs(np.exp(NUMBERS)) == pytest.approx(np.log(np.exp(NUMBERS)), rel=4.5e-16, abs=0.0)
    near = 1.0 + NUMBERS * 1e-9
    assert logs(near) == pytest.approx(np.log(near), rel=4.5e-16, abs=0.0)


def test_a_number_alone_has_the_bits_that_it_has_among_others() -> None:
    assert [exp(x) for x in NUMBERS[:99]] == exps(NUMBERS[:99]).tolist()
    positive = np.abs(NUMBERS[:99])
    assert [log(x) for x in positive] == logs(positive).tolist()


def test_ones_and_zeros_are_exact() -> None:
    assert exp(0.0) == 1.0
    assert log(1.0) == 0.0


def test_what_is_too_large_or_small_for_a_number_stays_one() -> None:
    assert exp(-1e9) == exp(-700.0) > 0.0
    assert exp(1e9) == exp(700.0) < np.inf


@pytest.mark.parametrize("x", [1e-18, -1e-9, 1e-3, -0.5, 3.0, 1e9])
def test_the_logarithm_near_1_is_precise(x: float) -> None:
    assert log1p(x, 1.0 / (1.0 + x)) == pytest.approx(np.log1p(x), rel=4.5e-16)


def test_a_product_is_not_rounded_before_it_is_added_to() -> None:
    assert product_and_sum(1.0 + 2.0**-30, 1.0 - 2.0**-30, -1.0) == -(2.0**-60)
