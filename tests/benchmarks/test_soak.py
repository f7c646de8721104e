import math
import random

import pytest

from benchmarks.soak import FULL, QUICK, Plan, Slope, described, is_flat, slope


def test_slope_of_a_line_is_its_own() -> None:
    found = slope([(float(at), 100.0 + at / 36.0) for at in range(0, 1800, 5)], 60.0)
    assert found.per_hour == pytest.approx(100.0)
    assert found.low == pytest.approx(100.0, abs=1e-6)


def test_interval_holds_the_true_slope_of_noise_that_lasts_for_seconds() -> None:
    held = 0
    for seed in range(100):
        chance, size, samples = random.Random(seed), 0.0, []
        for at in range(0, 1500, 5):
            size = 0.8 * size + chance.gauss(0.0, 3.0)  # a sample resembles the one before
            samples.append((float(at), 500.0 + size))
        held += slope(samples, 60.0).low <= 0 <= slope(samples, 60.0).high
    assert held >= 85


def test_two_blocks_say_nothing_about_the_error() -> None:
    assert slope([(0.0, 1.0), (60.0, 2.0)], 60.0).high == math.inf
    with pytest.raises(ValueError, match="two blocks"):
        slope([(0.0, 1.0), (5.0, 2.0)], 60.0)


@pytest.mark.parametrize(
    ("found", "flat"),
    [
        (Slope(0.0, -10.0, 10.0), True),
        (Slope(4.0, 2.0, 6.0), True),  # shown to grow, by less than 1 % an hour
        (Slope(8.0, 2.0, 14.0), False),  # shown to grow, by more
        (Slope(8.0, -2.0, 18.0), True),
        (Slope(0.0, -40.0, 40.0), False),  # too noisy to exclude 5 % an hour
        (Slope(0.0, -math.inf, math.inf), False),
    ],
)
def test_memory_is_flat_when_growth_is_not_shown_and_large_growth_is_excluded(found: Slope, flat: bool) -> None:
    assert is_flat(found, 500.0) is flat


def test_memory_after_the_warm_up_and_at_the_end_are_medians() -> None:
    samples = [(float(at), 50.0 if at < 300 else 500.0 if at < 600 else 501.0) for at in range(0, 1800, 5)]
    found = described(samples, FULL)
    assert found["rss_after_warm_up_mb"] == 500.0
    assert found["rss_end_mb"] == 501.0


@pytest.mark.parametrize("plan", [FULL, QUICK])
def test_a_plan_has_blocks_enough_for_an_interval(plan: Plan) -> None:
    assert plan.warm_from < plan.warm_until <= plan.seconds - plan.end
    assert (plan.seconds - plan.warm_from) / plan.block >= 8
