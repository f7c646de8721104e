import numpy as np
import pytest
from scipy.stats import t as student

from detectors.base import Floats
from detectors.values import ValueDetector, ValueRun, run_values
from detectors.values_step import WARM, student_surprise

HOUR, DAY, WEEK = 3600, 86_400, 604_800.0


def times(count: int, seconds: int = 300) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return 1_700_000_000 + seconds * np.arange(count, dtype=np.int64)


def noise(count: int, seed: int = 1) -> Floats:
    return 50.0 + 2.0 * np.random.default_rng(seed).standard_t(3, count)


def columns(run: ValueRun) -> Floats:
    return np.array([run.score, run.news, run.expected, run.low, run.high])


def test_step_by_step_gives_the_same_bits_as_the_whole_series() -> None:
    values = noise(3000)
    values[[100, 101, 2000]] = np.nan
    values[2500:2520] += 400.0
    run, live = run_values(times(3000), values, WEEK), ValueDetector(WEEK)
    rows = [live.take(int(at), float(value)) for at, value in zip(times(3000), values, strict=True)]
    assert np.array_equal(columns(run), np.array([row[:5] for row in rows]).T)
    assert [i for i, row in enumerate(rows) if row.opened] == run.opened.tolist() != []
    assert [i for i, row in enumerate(rows) if row.closed] == run.closed.tolist() != []
    assert [row.up for row in rows if row.opened] == run.up.tolist()


def test_what_comes_later_changes_nothing() -> None:
    values = noise(2000)
    whole, part = run_values(times(2000), values, WEEK), run_values(times(1200), values[:1200], WEEK)
    assert np.array_equal(columns(whole)[:, :1200], columns(part))


def test_the_first_windows_say_nothing() -> None:
    values = noise(WARM + 1)
    values[5] = 1e6
    run = run_values(times(WARM + 1), values, WEEK)
    assert not run.score[:WARM].any()
    assert not run.news[:WARM].any()
    assert np.isinf(run.high[:WARM]).all()
    assert np.isfinite(run.high[WARM])
    assert len(run.opened) == 0


@pytest.mark.parametrize("level", [0.0, 45.0, -0.1, 1e12])
def test_a_constant_series_is_no_news(level: float) -> None:
    values = np.full(5000, level)
    values[::7] = np.nextafter(level, np.inf) if level else level  # what rounding does
    run = run_values(times(5000), values, DAY)
    assert run.score.max() < 2.0
    assert len(run.opened) == 0
    assert not run_values(times(5000), np.full(5000, level), DAY).score.any()


def test_a_missing_value_leaves_everything_as_it_was() -> None:
    values, at = noise(1000), times(1000)
    gaps = np.isin(np.arange(1000), [200, 201, 500, 999])
    holed = np.where(gaps, np.nan, values)
    run, without = run_values(at, holed, WEEK), run_values(at[~gaps], values[~gaps], WEEK)
    assert np.array_equal(columns(run)[:, ~gaps], columns(without))
    assert not run.score[gaps].any()
    assert not run.news[gaps].any()


def test_nothing_but_missing_values_is_nothing() -> None:
    run = run_values(times(100), np.full(100, np.nan), WEEK)
    assert not run.score.any()
    assert len(run.opened) == 0
    assert len(run_values(times(0), np.zeros(0), WEEK).score) == 0


@pytest.mark.parametrize(("shift", "up"), [(400.0, True), (-400.0, False)])
def test_a_shift_opens_one_incident_and_its_end_closes_it(shift: float, up: bool) -> None:
    values = 50.0 + 2.0 * np.random.default_rng(1).standard_normal(3000)
    values[2000:2024] += shift
    run = run_values(times(3000), values, WEEK)
    assert run.opened.tolist() == [2000]
    assert run.up.tolist() == [up]
    assert 2024 <= run.closed[0] < 2040


def test_the_unit_of_a_value_does_not_matter() -> None:
    values = noise(2000)
    values[1500] += 100.0
    one, other = run_values(times(2000), values, WEEK), run_values(times(2000), values * 1024.0, WEEK)
    assert np.array_equal(one.score, other.score)
    assert np.allclose(one.high * 1024.0, other.high)


def test_the_budget_counts_windows_of_the_series_own_length() -> None:
    values = noise(1500)
    values[1200] += 70.0
    hourly, often = (run_values(times(1500, seconds), values, WEEK) for seconds in (HOUR, 10))
    assert 1200 in hourly.opened
    assert 1200 not in often.opened
    assert np.log(WEEK / HOUR) < hourly.score[1200] < np.log(WEEK / 10)


def test_on_noise_of_the_assumed_kind_false_incidents_keep_to_the_budget() -> None:
    opened = sum(len(run_values(times(5000), noise(5000, seed), 300.0 * 500).opened) for seed in range(10))
    assert 10 <= opened <= 130  # 100 are allowed in 50,000 windows, and not to page at all would be no honour either


def test_small_counts_do_not_open_much_more_than_the_budget() -> None:
    counts = [np.random.default_rng(seed).poisson(0.1, 8064).astype(np.float64) for seed in range(20)]
    opened = sum(len(run_values(times(8064), values, WEEK).opened) for values in counts)
    assert opened <= 130  # 80 weeks


@pytest.mark.parametrize("kind", ["wander", "season"])
def test_a_level_that_wanders_and_a_day_that_swings_open_nothing(kind: str) -> None:
    chance = np.random.default_rng(3)
    swing = 5.0 * np.sin(times(8064) * 2.0 * np.pi / DAY)
    values = np.cumsum(chance.standard_normal(8064)) if kind == "wander" else swing + chance.standard_normal(8064)
    assert len(run_values(times(8064), values, WEEK).opened) == 0


def test_the_interval_holds_99_values_of_100() -> None:
    inside = []
    for seed in range(5):
        values = noise(5000, seed)
        run = run_values(times(5000), values, WEEK)
        inside.append(((run.low <= values) & (values <= run.high))[500:].mean())
    assert 0.985 < np.mean(inside) < 0.995


def test_a_spike_that_comes_back_is_less_news_than_the_first() -> None:
    values = 50.0 + np.random.default_rng(2).standard_normal(6000)
    spikes = np.arange(1000, 6000, 288)
    values[spikes] += 40.0
    news = run_values(times(6000), values, WEEK).news
    assert news[spikes[0]] > 0.0
    assert news[spikes[3:]].max() < 0.7 * news[spikes[0]]


@pytest.mark.parametrize("size", [0.0, 0.5, 3.0, 40.0, 900.0])
def test_the_surprise_is_that_of_a_student_t_with_three_degrees_of_freedom(size: float) -> None:
    for sign in (1.0, -1.0):
        assert student_surprise(sign * size) == pytest.approx(-np.log(2 * student.sf(size, 3)), abs=1e-6)


def test_columns_of_different_lengths_and_a_budget_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="3 times and 2 values"):
        run_values(times(3), np.zeros(2), WEEK)
    for budget in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="not positive"):
            run_values(times(2), np.zeros(2), budget)
        with pytest.raises(ValueError, match="not positive"):
            ValueDetector(budget)
