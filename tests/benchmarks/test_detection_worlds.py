import numpy as np
import pytest

from benchmarks.detection.settings import SETTINGS
from benchmarks.detection.worlds import (
    DAILY,
    DAY,
    FLAT,
    MIDDLE,
    RAMP,
    STEPS,
    WEEK,
    WINDOW_SECONDS,
    Cell,
    Change,
    Noise,
    Wander,
    World,
    level,
)

SATURDAY = 2 * DAY * WINDOW_SECONDS


def chance(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_same_seed_gives_the_same_stream_and_another_seed_another() -> None:
    world = World(MIDDLE)
    first, again, other = (world.stream(0, 500, chance(seed)) for seed in (1, 1, 2))
    assert (first.evaluated == again.evaluated).all()
    assert (first.bad == again.bad).all()
    assert (first.bad != other.bad).any()


def test_counts_have_the_cells_means_in_a_flat_environment() -> None:
    stream = World(MIDDLE, FLAT).stream(0, WEEK, chance())
    assert stream.evaluated.mean() == pytest.approx(200, rel=0.005)
    assert stream.bad.sum() / stream.evaluated.sum() == pytest.approx(0.02, rel=0.01)


def test_traffic_and_rate_swing_by_their_amplitudes_over_a_day() -> None:
    world = World(MIDDLE, DAILY)
    traffic, rate = world.traffic(0, DAY), world.rate(0, DAY)
    assert (traffic.max() / 200, traffic.min() / 200) == pytest.approx((1.4, 0.6), abs=1e-6)
    assert (rate.max() / 0.02, rate.min() / 0.02) == pytest.approx((1.25, 0.75), abs=1e-6)


def test_season_goes_by_the_clock_and_not_by_the_streams_beginning() -> None:
    world = World(MIDDLE, DAILY)
    assert world.rate(0, DAY)[3000:] == pytest.approx(world.rate(3000 * WINDOW_SECONDS, DAY - 3000))


@pytest.mark.parametrize("dispersion", [1.0, 2.0, 5.0])
def test_variance_over_the_binomials_is_the_stated_dispersion(dispersion: float) -> None:
    cell = Cell(200, 0.1)
    stream = World(cell, FLAT, Noise(dispersion=dispersion)).stream(0, WEEK, chance())
    residual = stream.bad - stream.evaluated * cell.rate
    variance = (stream.evaluated * cell.rate * (1 - cell.rate)).mean()
    assert (residual**2).mean() / variance == pytest.approx(dispersion, rel=0.03)


@pytest.mark.parametrize("memory", [30.0, 360.0])
def test_a_wander_has_its_deviation_and_forgets_at_its_memory(memory: float) -> None:
    lag = int(memory)
    paths = [level(Noise(wanders=(Wander(0.1, memory),)), WEEK, chance(seed)) for seed in range(8)]
    assert np.sqrt(np.mean([path @ path / WEEK for path in paths])) == pytest.approx(0.1, rel=0.05)
    together = np.mean([np.mean(path[lag:] * path[:-lag]) for path in paths]) / 0.01
    assert together == pytest.approx(np.exp(-1.0), abs=0.06)


def test_a_wander_is_stationary_from_its_first_window() -> None:
    firsts = [level(Noise(wanders=(Wander(0.2),)), 2, chance(seed))[0] for seed in range(2000)]
    assert np.std(firsts) == pytest.approx(0.2, rel=0.06)


def test_heavy_tails_keep_the_deviation_and_have_larger_shocks() -> None:
    heavy = level(Noise(wanders=(Wander(0.1, 1.0, freedom=4.0),)), 10 * WEEK, chance())
    light = level(Noise(wanders=(Wander(0.1, 1.0),)), 10 * WEEK, chance())
    assert heavy.std() == pytest.approx(0.1, rel=0.05)
    assert np.abs(heavy).max() > 1.5 * np.abs(light).max()


def test_two_wanders_add_their_variances() -> None:
    path = level(Noise(wanders=(Wander(0.06, 30.0), Wander(0.08, 60.0))), 4 * WEEK, chance())
    assert path.std() == pytest.approx(0.1, rel=0.05)


def test_natural_jumps_come_as_often_as_stated_and_are_level_between() -> None:
    path = level(Noise(jumps=6.0, jump_sd=0.15), 50 * WEEK, chance())
    jumps = np.count_nonzero(np.diff(path)) / 50
    assert jumps == pytest.approx(6.0, rel=0.2)
    assert path.std() == pytest.approx(0.15, rel=0.25)


def test_the_weekend_has_its_own_traffic_and_rate() -> None:
    world = World(MIDDLE, FLAT, Noise(weekend_traffic=0.5, weekend_rate=0.8))
    traffic, rate = world.traffic(SATURDAY, WEEK) / 200, world.rate(SATURDAY, WEEK) / 0.02
    assert traffic[: 2 * DAY] == pytest.approx(0.5)
    assert traffic[2 * DAY :] == pytest.approx(1.0)
    assert (rate[0], rate[2 * DAY]) == pytest.approx((0.8, 1.0))


def test_a_step_begins_at_its_onset_and_a_ramp_ends_after_its_length() -> None:
    assert STEPS[1].path(4, 2).tolist() == [1.0, 1.0, 2.0, 2.0]
    assert Change("ramp", 2.0, ramp=4).path(7, 2).tolist() == [1.0, 1.0, 1.25, 1.5, 1.75, 2.0, 2.0]
    assert RAMP.path(3000, 0)[-1] == 2.0


def test_a_step_multiplies_the_rate_of_the_counts() -> None:
    stream = World(Cell(2000, 0.02), FLAT).stream(0, 2000, chance(), STEPS[3], 1000)
    assert stream.bad[1000:].sum() / stream.evaluated[1000:].sum() == pytest.approx(0.1, rel=0.01)
    assert stream.bad[:1000].sum() / stream.evaluated[:1000].sum() == pytest.approx(0.02, rel=0.02)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_drawn_parameters_differ_from_draw_to_draw_except_where_there_are_none(setting: object) -> None:
    assert isinstance(setting, type(SETTINGS[0]))
    first, second = setting.noise(chance(1), drawn=True), setting.noise(chance(2), drawn=True)
    assert (first == second) is (setting.name == "binomial")
    assert setting.noise(chance(1), drawn=False) == setting.published
