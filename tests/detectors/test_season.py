import numpy as np

from detectors.season import Season, fit_season, seasonal_rates
from tests.detectors.streams import DAY, START, WEEK, stream


def rates_of(season: Season, windows: int, start: int = START) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return seasonal_rates(season.coefficients, start, 10, windows)


def test_the_shape_of_a_day_is_learned_within_a_few_percent() -> None:
    seen = stream(1, WEEK)
    season = fit_season(START, 10, seen.evaluated * 1.0, seen.bad * 1.0, np.ones(WEEK, dtype=np.bool_))
    error = rates_of(season, DAY) / seen.rates[:DAY] - 1.0
    assert np.abs(error).max() < 0.03


def test_the_shape_of_a_week_is_learned_where_two_were_seen_and_not_before() -> None:
    weeks = 1.0 + 0.3 * np.sin(2.0 * np.pi * np.arange(2 * WEEK) / WEEK)
    seen = stream(2, 2 * WEEK, factor=weeks)
    n, k, known = seen.evaluated * 1.0, seen.bad * 1.0, np.ones(2 * WEEK, dtype=np.bool_)
    two = rates_of(fit_season(START, 10, n, k, known), WEEK)
    one = rates_of(fit_season(START, 10, n[:WEEK], k[:WEEK], known[:WEEK]), WEEK)
    assert np.abs(two / seen.rates[:WEEK] - 1.0).max() < 0.05
    assert np.abs(one / seen.rates[:WEEK] - 1.0).max() > 0.2


def test_under_a_day_the_shape_is_the_groups_and_the_level_its_own() -> None:
    whole = stream(3, WEEK)
    known = np.ones(WEEK, dtype=np.bool_)
    group = fit_season(START, 10, whole.evaluated * 1.0, whole.bad * 1.0, known)
    part = stream(4, DAY // 4, rate=0.06)
    n, k = part.evaluated * 1.0, part.bad * 1.0
    leaning = rates_of(fit_season(START, 10, n, k, known[: DAY // 4], group), DAY)
    alone = rates_of(fit_season(START, 10, n, k, known[: DAY // 4]), DAY)
    truth = 3.0 * whole.rates[:DAY]
    assert np.abs(leaning / truth - 1.0).max() < 0.08
    assert np.ptp(alone) == 0.0


def test_no_bad_event_at_all_gives_a_small_rate_and_no_shape() -> None:
    rates = rates_of(fit_season(START, 10, np.full(WEEK, 20.0), np.zeros(WEEK), np.ones(WEEK, dtype=np.bool_)), DAY)
    assert np.ptp(rates) == 0.0
    assert 0.0 < rates[0] < 1e-6


def test_a_day_without_a_shape_of_the_week_is_like_any_other_to_the_bit() -> None:
    seen = stream(5, WEEK)
    season = fit_season(START, 10, seen.evaluated, seen.bad, np.ones(WEEK, dtype=np.bool_))
    weekly = season.coefficients.copy()
    weekly[-1] = 1e-300
    assert (rates_of(season, WEEK) == seasonal_rates(weekly, START, 10, WEEK)).all()
    for at in (0, 7, DAY, 3 * DAY + 17):
        assert rates_of(season, 1, START + 10 * at)[0] == rates_of(season, WEEK)[at]
