import math

import numpy as np
import pytest
from scipy.stats import nbinom

from detectors.arrivals import SLOTS, as_count, as_rate
from detectors.base import Floats, Window
from detectors.baseline import Baseline
from detectors.betabinomial import log_density
from detectors.learning import learn
from detectors.mixture import StateSpaceDetector, run
from tests.detectors.streams import DAY, START, WEEK, stream

BUDGET = float(WEEK)


def arrivals(seed: int, windows: int, per_hour: float, daily: float = 0.0) -> Floats:
    chance = np.random.default_rng((seed, int(per_hour)))
    shape = 1.0 + daily * np.sin(2.0 * math.pi * np.arange(windows) / DAY)
    return chance.poisson(per_hour / 360.0 * shape).astype(np.float64)


def learned(seed: int, per_hour: float) -> Baseline:
    return learn(START, *as_rate(arrivals(seed, WEEK, per_hour)), budget=BUDGET)


def least_silence(per_hour: float) -> int:
    """Windows of silence after which a page is due if an event comes by chance: the least that keeps the budget."""
    mean, windows = per_hour / 360.0, 1
    while (1.0 - math.exp(-mean)) * math.exp(-mean * windows) > 1.0 / BUDGET:
        windows += 1
    return windows


def silence(baseline: Baseline, seed: int, per_hour: float) -> int:
    """Windows of silence until a page, after half a day of normal traffic."""
    before = arrivals(seed, DAY // 2, per_hour)
    found = run(baseline, START, *as_rate(np.concatenate([before, np.zeros(4 * least_silence(per_hour))])))
    later = found.opened[found.opened >= len(before)]
    assert len(later) > 0, f"{per_hour} an hour: silence was not seen"
    return int(later[0]) - len(before) + 1


def test_counts_take_slots_and_what_nobody_could_know_takes_none() -> None:
    evaluated, bad = as_rate(np.array([0.0, 7.0, np.nan, 2.0 * SLOTS, -1.0]))
    assert evaluated.tolist() == [SLOTS, SLOTS, 0.0, SLOTS, SLOTS]
    assert bad.tolist() == [0.0, 7.0, 0.0, SLOTS, 0.0]
    assert as_rate(np.array([3], dtype=np.int64))[1].tolist() == [3.0]


def test_expected_counts_come_back_with_their_interval() -> None:
    detector = StateSpaceDetector(1)
    detector.adopt(0, learned(1, 7200.0))
    evaluated, bad = as_rate(np.array([20.0]))
    found = as_count(detector.score(Window(START, evaluated, bad, np.ones(1), np.zeros(1))))
    assert found.count[0] == pytest.approx(20.0, rel=0.02)
    # Poisson with mean 20: 99 of 100 counts lie in 9 to 32.
    assert 8.0 <= found.low[0] <= 10.0
    assert 31.0 <= found.high[0] <= 34.0


@pytest.mark.parametrize("scatter", [1.5, 4.0, 72.0])
@pytest.mark.parametrize("mean", [0.00833, 0.1, 1.0, 25.0, 500.0])
def test_the_evidence_is_that_of_a_negative_binomial(mean: float, scatter: float) -> None:
    rho = (scatter - 1.0) / (SLOTS - 1.0)
    for count in (0.0, 1.0, round(mean), round(5.0 * mean)):
        for ratio in (0.05, 0.5, 2.0, 10.0):
            ours = log_density(count, SLOTS, ratio * mean / SLOTS, rho) - log_density(count, SLOTS, mean / SLOTS, rho)
            theirs = nbinom.logpmf(count, [ratio * mean / (scatter - 1.0), mean / (scatter - 1.0)], 1.0 / scatter)
            # The binomial's own limit: a share of mean / SLOTS of what the evidence is made of.
            slack = 1e-5 + 20.0 * ratio * mean / SLOTS * (mean + count)
            assert ours == pytest.approx(theirs[0] - theirs[1], abs=slack)


@pytest.mark.slow
@pytest.mark.parametrize(("per_hour", "at_most"), [(3.0, 2.0), (30.0, 1.8), (300.0, 1.8), (3000.0, 1.5)])
def test_silence_pages_soon_after_the_least_time_that_keeps_the_budget(per_hour: float, at_most: float) -> None:
    baseline = learned(2, per_hour)
    waits = [silence(baseline, seed, per_hour) for seed in range(10, 19)]
    assert float(np.median(waits)) <= at_most * least_silence(per_hour)


def test_the_least_silence_is_two_hours_at_three_an_hour_and_seconds_at_three_thousand() -> None:
    assert [10 * least_silence(per_hour) for per_hour in (3.0, 30.0, 300.0, 3000.0)] == [7470, 1020, 130, 20]


@pytest.mark.slow
def test_weeks_of_three_requests_an_hour_keep_the_budget() -> None:
    weeks = 4
    pages = [
        len(run(learned(seed, 3.0), START, *as_rate(arrivals(seed + 50, weeks * WEEK, 3.0))).opened)
        for seed in range(4)
    ]
    # At the budget 16 pages are expected in 16 weeks, and more than 26 come once in a hundred times.
    assert sum(pages) <= 26


def test_one_refusal_of_a_feature_with_three_requests_an_hour_is_no_page() -> None:
    past = stream(3, WEEK, evaluated=3.0 / 360.0, rate=0.02)
    baseline = learn(START, past.evaluated, past.bad)
    evaluated = arrivals(4, DAY, 3.0)
    bad = np.zeros(DAY)
    bad[np.flatnonzero(evaluated)[:1]] = 1.0
    assert bad.sum() == 1.0
    assert len(run(baseline, START, evaluated, bad).opened) == 0


def test_an_explosion_of_a_sparse_feature_is_seen_and_called_a_rise() -> None:
    now = np.concatenate([arrivals(5, DAY // 2, 30.0), arrivals(6, 360, 300.0)])
    found = run(learned(5, 30.0), START, *as_rate(now))
    later = found.opened >= DAY // 2
    assert later.any()
    assert found.opened[later][0] - DAY // 2 <= 60
    assert found.up[later][0]


def test_silence_is_called_a_fall_and_ends_when_traffic_is_back() -> None:
    hour = np.zeros(360)
    now = np.concatenate([arrivals(7, DAY // 2, 3000.0), hour, arrivals(8, 1080, 3000.0)])
    found = run(learned(7, 3000.0), START, *as_rate(now))
    assert DAY // 2 <= found.opened[-1] <= DAY // 2 + 3
    assert not found.up[-1]
    assert len(found.closed) == len(found.opened)


def test_windows_that_nobody_could_know_are_not_silence() -> None:
    now = np.concatenate([arrivals(9, DAY // 2, 3000.0), np.full(1080, np.nan), arrivals(10, 360, 3000.0)])
    assert len(run(learned(9, 3000.0), START, *as_rate(now)).opened) == 0


def test_a_feature_that_never_had_traffic_is_silent_and_its_first_burst_is_not() -> None:
    baseline = learn(START, *as_rate(np.zeros(WEEK)))
    assert baseline.warm
    assert len(run(baseline, START, *as_rate(np.zeros(DAY))).opened) == 0
    assert len(run(baseline, START, *as_rate(np.full(60, 5.0))).opened) == 1
