import numpy as np

from detectors.base import Floats, Scores, Window
from detectors.residuals import PageHinkleyOpinion, standardised


def scores(rate: float, series: int, warm: bool = True) -> Scores:
    full = np.full(series, rate)
    return Scores(np.zeros(series), np.ones(series, np.bool_), full, full, full, np.full(series, warm))


def window(n: Floats, k: Floats, coverage: float = 1.0) -> Window:
    return Window(0, n, k, np.full(len(n), coverage), np.full(len(n), 0.5))


def changes(*rates: float, warm: bool = True) -> list[int]:
    """How often it sees a change in 500 windows at each of these rates, one after the other."""
    chance = np.random.default_rng(3)
    opinion = PageHinkleyOpinion()
    opinion.grow(1)
    found = []
    for rate in rates:
        ks = chance.binomial(200, rate, 500).astype(float)
        seen = [opinion.update(window(np.array([200.0]), np.array([k])), scores(0.05, 1, warm))[0] for k in ks]
        found.append(sum(seen))
    return found


def test_a_stable_rate_is_no_change_and_a_doubled_one_is() -> None:
    quiet, doubled = changes(0.05, 0.10)
    assert quiet == 0
    assert doubled >= 1


def test_a_cold_baseline_gives_no_opinion() -> None:
    assert changes(0.05, 0.5, warm=False) == [0, 0]


def test_residuals_are_finite_whatever_the_window() -> None:
    n, k = np.array([0.0, 1e12, 1.0]), np.array([0.0, 1e12, 0.0])
    for rate in (0.0, 1e-9, 0.5, 1.0):
        assert np.isfinite(standardised(window(n, k), scores(rate, 3))).all()


def test_unknown_windows_are_left_out() -> None:
    opinion = PageHinkleyOpinion()
    opinion.grow(1)
    for _ in range(100):
        seen = window(np.array([200.0]), np.array([200.0]), coverage=0.1)
        assert not opinion.update(seen, scores(0.05, 1))[0]
