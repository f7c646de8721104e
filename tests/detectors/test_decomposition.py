import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.decomposition import Tally, decompose, ranked
from tests.detectors.streams import Floats

NAMES = ("coding", "health", "news")


def tally(evaluated: list[float], rates: list[float]) -> Tally:
    n = np.array(evaluated)
    return Tally(n, n * np.array(rates))


def test_a_shift_of_the_mix_alone_has_no_effect_of_rates() -> None:
    found = decompose(tally([50, 30, 20], [0.01, 0.1, 0.3]), tally([20, 30, 50], [0.01, 0.1, 0.3]))
    assert found.rates == pytest.approx(np.zeros(3))
    assert found.mix.sum() == pytest.approx(found.after - found.before)
    assert found.after - found.before == pytest.approx(0.3 * 0.29)


def test_other_rates_in_the_same_mix_have_no_effect_of_mix() -> None:
    found = decompose(tally([50, 30, 20], [0.01, 0.1, 0.3]), tally([500, 300, 200], [0.02, 0.1, 0.3]))
    assert found.mix == pytest.approx(np.zeros(3))
    assert found.rates == pytest.approx(np.array([0.005, 0.0, 0.0]))


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 50), st.integers(0, 50)] * 2), min_size=1, max_size=6))
def test_the_effects_add_up_to_the_change(rows: list[tuple[int, int, int, int]]) -> None:
    good, bad, good_after, bad_after = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    before, after = Tally(good + bad, bad), Tally(good_after + bad_after, bad_after)
    if before.evaluated.sum() == 0.0 or after.evaluated.sum() == 0.0:
        with pytest.raises(ValueError, match="before and after"):
            decompose(before, after)
        return
    found = decompose(before, after)
    assert found.before + found.rates.sum() + found.mix.sum() == pytest.approx(found.after)


def test_a_stratum_that_came_or_went_adds_mix_only() -> None:
    found = decompose(tally([80, 20, 0], [0.01, 0.1, 0.0]), tally([80, 0, 20], [0.01, 0.0, 0.5]))
    assert found.rates == pytest.approx(np.zeros(3))
    assert found.mix[2] > 0.0


def test_strata_are_ranked_by_what_they_explain_of_a_rise_or_a_drop() -> None:
    effects: Floats = np.array([0.01, -0.02, 0.03])
    assert [name for name, _ in ranked(NAMES, effects, 1.0)] == ["news", "coding", "health"]
    assert ranked(NAMES, effects, -1.0)[0] == ("health", -0.02)
