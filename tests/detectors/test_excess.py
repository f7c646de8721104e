import numpy as np
import pytest

from detectors.base import Bools, Floats, Scores, Window
from detectors.excess import CLIP, standardised, usable


def scores(rate: float, half: float = 0.0, series: int = 1, warm: bool = True) -> Scores:
    full, known = np.full(series, rate), np.full(series, warm)
    return Scores(np.zeros(series), known, full, full - half, full + half, known)


def window(evaluated: float, bad: float, coverage: float = 1.0) -> Window:
    def column(value: float) -> Floats:
        return np.array([value])

    return Window(0, column(evaluated), column(bad), column(coverage), column(0.5))


def one(found: Floats | Bools) -> float:
    return float(found[0])


def test_a_residual_is_in_standard_deviations_of_the_interval_and_at_least_of_a_coin() -> None:
    assert one(standardised(window(400.0, 40.0), scores(0.05))) == pytest.approx(20.0 / np.sqrt(19.0))
    assert one(standardised(window(400.0, 40.0), scores(0.05, half=0.05))) == pytest.approx(2.5758, rel=1e-3)
    assert one(standardised(window(2.0, 1.0), scores(1e-9))) == pytest.approx(2.0)


def test_residuals_are_finite_and_bounded_whatever_the_window() -> None:
    for evaluated in (0.0, 1.0, 1e12, np.nan, np.inf):
        for bad in (0.0, 1e12, -1e12, np.nan, np.inf, -np.inf):
            for rate in (0.0, 1e-9, 0.5, 1.0, np.nan):
                found = one(standardised(window(evaluated, bad), scores(rate)))
                assert abs(found) <= CLIP


def test_what_says_nothing_has_no_residual() -> None:
    seen = window(100.0, 100.0)
    assert one(standardised(seen, scores(0.05))) == CLIP
    for silent, known in (
        (seen, scores(0.05, warm=False)),
        (window(100.0, 100.0, coverage=0.1), scores(0.05)),
        (window(100.0, 100.0, coverage=np.nan), scores(0.05)),
        (window(0.0, 0.0), scores(0.05)),
        (window(100.0, np.nan), scores(0.05)),
    ):
        assert not usable(silent, known)[0]
        assert one(standardised(silent, known)) == 0.0
