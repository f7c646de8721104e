import numpy as np

from detectors.onset import size_of


def test_the_onset_is_the_window_from_which_the_rate_is_another() -> None:
    chance = np.random.default_rng(3)
    evaluated = np.full(200, 500.0)
    bad = chance.binomial(500, np.where(np.arange(200) < 150, 0.02, 0.10)).astype(np.float64)
    found = size_of(evaluated, bad, np.full(200, 0.02))
    assert abs(found.first - 150) <= 1
    assert found.evaluated == evaluated[found.first :].sum()
    assert found.bad == bad[found.first :].sum()
    assert found.expected == 0.02


def test_a_drop_has_an_onset_too() -> None:
    bad = np.array([10.0] * 50 + [1.0] * 10)
    assert size_of(np.full(60, 100.0), bad, np.full(60, 0.1)).first == 50


def test_one_window_is_its_own_onset_and_rates_of_nothing_or_everything_are_no_trouble() -> None:
    for k, expected in ((0.0, 0.0), (5.0, 1.0), (5.0, 0.0)):
        assert size_of(np.array([5.0]), np.array([k]), np.array([expected])).first == 0
