import math
from typing import Any

import numpy as np
import pytest

from detectors.baseline import Baseline
from detectors.learning import learn
from detectors.mixture import run
from detectors.season import seasonal_rates
from tests.detectors.streams import DAY, START, WEEK, Floats, changed, stream


def rates_of(baseline: Baseline) -> Floats:
    return seasonal_rates(baseline.season.coefficients, START, 10, DAY)


def test_a_series_with_too_little_history_is_cold_and_opens_nothing() -> None:
    seen = stream(31, 359)
    cold = learn(START, seen.evaluated, seen.bad)
    assert not cold.warm
    assert not learn(START, np.ones(WEEK // 200, dtype=np.int64), np.zeros(WEEK // 200, dtype=np.int64)).warm
    assert not learn(START, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)).warm
    assert len(run(cold, START, np.full(100, 100), np.full(100, 100)).opened) == 0


def test_an_hour_with_events_is_warm() -> None:
    seen = stream(31, 360)
    assert learn(START, seen.evaluated, seen.bad).warm


def test_the_threshold_is_the_budget_and_a_margin_for_what_is_not_known() -> None:
    seen = stream(32, WEEK)
    clean, strict = learn(START, seen.evaluated, seen.bad), learn(START, seen.evaluated, seen.bad, budget=6.048e7)
    assert clean.threshold >= math.log(60_480.0) + 0.4
    assert strict.threshold == pytest.approx(math.log(6.048e7) + clean.threshold - math.log(60_480.0), abs=1.0)


def test_the_season_is_learned_through_an_incident_in_the_week() -> None:
    hit = stream(33, WEEK, factor=changed(WEEK, 2 * DAY + 3000, 2 * DAY + 5000, 5.0))
    quiet = stream(33, WEEK)
    learned = learn(START, hit.evaluated, hit.bad)
    assert np.abs(rates_of(learned) / quiet.rates[:DAY] - 1.0).max() < 0.05
    assert learned.noise.sigma < 0.05


def test_the_rarer_events_are_watched() -> None:
    seen = stream(34, WEEK)
    mirrored = learn(START, seen.evaluated, seen.evaluated - seen.bad)
    plain = learn(START, seen.evaluated, seen.bad)
    assert mirrored.complement
    assert not plain.complement
    assert (mirrored.season.coefficients == plain.season.coefficients).all()
    assert mirrored.threshold == plain.threshold


def test_a_fall_of_the_share_of_good_events_is_called_a_fall() -> None:
    seen = stream(35, WEEK + 500, factor=changed(WEEK + 500, WEEK + 100, WEEK + 500, 4.0))
    good = seen.evaluated - seen.bad
    baseline = learn(START, seen.evaluated[:WEEK], good[:WEEK])
    found = run(baseline, START + 10 * WEEK, seen.evaluated[WEEK:], good[WEEK:])
    assert len(found.opened) == 1
    assert not found.up[0]


@pytest.mark.parametrize("kind", [{}, {"scatter": 2.0}, {"wander": 0.1}], ids=["coin", "scatter", "wander"])
@pytest.mark.parametrize(("ratio", "windows"), [(3.0, 15), (0.2, 25)])
def test_rises_and_drops_are_found_in_minutes_and_end_after_their_end(
    kind: dict[str, Any], ratio: float, windows: int
) -> None:
    first, end, size = WEEK + 500, WEEK + 1500, WEEK + 2500
    seen = stream(36, size, factor=changed(size, first, end, ratio), **kind)
    baseline = learn(START, seen.evaluated[:WEEK], seen.bad[:WEEK])
    found = run(baseline, START + 10 * WEEK, seen.evaluated[WEEK:], seen.bad[WEEK:])
    assert len(found.opened) == 1
    assert len(found.closed) == 1
    assert 500 <= found.opened[0] < 500 + windows
    assert found.up[0] == (ratio > 1.0)
    assert 1500 <= found.closed[0] < 1600


@pytest.mark.parametrize("kind", [{}, {"scatter": 2.0}, {"wander": 0.1}], ids=["coin", "scatter", "wander"])
def test_false_pages_stay_within_the_budget(kind: dict[str, Any]) -> None:
    budget, series = 4000.0, 4
    opened = 0
    for seed in range(series):
        seen = stream(40 + seed, 2 * WEEK, evaluated=50.0, **kind)
        baseline = learn(START, seen.evaluated[:WEEK], seen.bad[:WEEK], budget=budget)
        opened += len(run(baseline, START + 10 * WEEK, seen.evaluated[WEEK:], seen.bad[WEEK:]).opened)
    allowed = series * WEEK / budget
    assert 0 < opened < allowed + 2.0 * math.sqrt(allowed)


@pytest.mark.parametrize("mirrored", [False, True], ids=["bad events", "good events"])
def test_where_only_rises_of_the_bad_rate_are_watched_a_drop_opens_nothing(mirrored: bool) -> None:
    for ratio in (0.3, 3.0):
        seen = stream(56, WEEK + 500, factor=changed(WEEK + 500, WEEK + 100, WEEK + 500, ratio))
        bad = seen.evaluated - seen.bad if mirrored else seen.bad
        baseline = learn(START, seen.evaluated[:WEEK], bad[:WEEK], up_share=1.0)
        found = run(baseline, START + 10 * WEEK, seen.evaluated[WEEK:], bad[WEEK:])
        assert len(found.opened) == int((ratio > 1.0) != mirrored)


def test_only_windows_with_events_count_against_the_budget() -> None:
    seen = stream(52, WEEK)
    some = np.arange(WEEK) % 4 == 0
    sparse = learn(START, np.where(some, seen.evaluated, 0), np.where(some, seen.bad, 0))
    dense = learn(START, seen.evaluated, seen.bad)
    assert sparse.threshold == pytest.approx(dense.threshold - math.log(4.0), abs=0.5)


def test_a_long_silence_in_the_history_is_no_reason_to_page_more_often() -> None:
    seen = stream(53, WEEK)
    late = np.arange(WEEK) >= WEEK // 2
    half = learn(START, np.where(late, seen.evaluated, 0), np.where(late, seen.bad, 0))
    assert half.threshold >= math.log(60_480.0) + 0.4


def test_a_group_lends_the_shape_of_its_day_to_a_series_that_watches_the_same_events() -> None:
    old, young = stream(54, WEEK), stream(55, DAY // 4)
    group = learn(START, old.evaluated, old.bad)
    other = learn(START, old.evaluated, old.evaluated - old.bad)
    leaning = rates_of(learn(START, young.evaluated, young.bad, group=group))
    assert np.abs(leaning / old.rates[:DAY] - 1.0).max() < 0.1
    assert np.ptp(rates_of(learn(START, young.evaluated, young.bad, group=other))) == 0.0


def test_few_bad_events_make_a_level_that_is_learned_on() -> None:
    seen = stream(50, 1000, evaluated=20.0)
    baseline = learn(START, seen.evaluated, seen.bad)
    assert baseline.noise.sigma >= 1.0 / math.sqrt(float(seen.bad.sum()) + 1.0)
    assert baseline.noise.tau >= DAY / 4


def test_without_the_shape_of_a_day_a_rate_that_follows_one_pages_no_more_than_the_budget() -> None:
    opened, budget = 0, 4000.0
    for seed in range(12):
        seen = stream(70 + seed, 2160 * 2)
        baseline = learn(START, seen.evaluated[:2160], seen.bad[:2160], budget=budget)
        opened += len(run(baseline, START + 21_600, seen.evaluated[2160:], seen.bad[2160:]).opened)
    assert opened <= 12 * 2160 / budget + 2.0 * math.sqrt(12 * 2160 / budget)


def test_learning_twice_gives_the_same_bits() -> None:
    seen = stream(51, WEEK, wander=0.2)
    one, two = (learn(START, seen.evaluated, seen.bad).parameters for _ in range(2))
    assert (one == two).all()


@pytest.mark.parametrize("bad", [0.0, 1.0])
@pytest.mark.parametrize("evaluated", [1, 1000, 10**9])
def test_all_bad_none_bad_and_huge_counts_learn_finite_numbers(bad: float, evaluated: int) -> None:
    n = np.full(DAY, evaluated)
    n[::7] = 0
    baseline = learn(START, n, (n * bad).astype(np.int64))
    assert baseline.warm
    assert np.isfinite(baseline.parameters).all()
    found = run(baseline, START, n[:500], (n[:500] * (1.0 - bad)).astype(np.int64))
    assert np.isfinite(found.log_e).all()
    assert len(found.opened) == 1
