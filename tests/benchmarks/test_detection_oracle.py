from functools import cache

import numpy as np
import pytest

from benchmarks.detection.oracle import Oracle, bound, information, log_ratios, threshold_by_wald, tune
from benchmarks.detection.worlds import DROPS, FLAT, MIDDLE, RAMP, STEPS, WEEK, Cell, Change, Stream, World, any_start

STEP, DOUBLED, _, FIVEFOLD = STEPS


@cache
def weeks(world: World, count: int, seed: int) -> tuple[Stream, ...]:
    chance = np.random.default_rng(seed)
    return tuple(world.stream(any_start(chance), WEEK, chance) for _ in range(count))


def mean_delay(oracle: Oracle, changes: int, windows: int) -> float:
    """From the start of the statistic, which is the worst case for CUSUM."""
    chance = np.random.default_rng(5)
    waited = []
    for _ in range(changes):
        stream = oracle.world.stream(any_start(chance), windows, chance, oracle.change, 0)
        waited.append((oracle.pages(stream)[0] + 1) * 10.0)
    return float(np.mean(waited))


@pytest.mark.parametrize(
    ("cell", "change", "seconds"),
    [(Cell(20, 0.02), STEP, 1526), (MIDDLE, STEP, 206), (MIDDLE, DOUBLED, 67), (Cell(20, 0.1), DOUBLED, 113)],
)
def test_the_tuned_oracle_needs_what_the_published_table_says(cell: Cell, change: Change, seconds: float) -> None:
    world = World(cell, FLAT)
    oracle = tune(world, change, WEEK, weeks(world, 20, 3))
    assert mean_delay(oracle, 400, 1500) == pytest.approx(seconds, rel=0.08)


@pytest.mark.parametrize(("cell", "change"), [(Cell(20, 0.02), STEP), (Cell(20, 0.02), DROPS[0]), (MIDDLE, STEP)])
def test_the_oracles_delay_is_the_analytic_bounds(cell: Cell, change: Change) -> None:
    world = World(cell, FLAT)
    oracle = tune(world, change, WEEK, weeks(world, 20, 3))
    assert mean_delay(oracle, 400, 1500) == pytest.approx(bound(cell, change, WEEK), rel=0.08)


@pytest.mark.parametrize("change", [STEP, DOUBLED, DROPS[0]], ids=lambda change: str(change.name))
def test_the_tuned_oracle_keeps_its_budget_on_weeks_it_was_not_tuned_on(change: Change) -> None:
    world = World(Cell(20, 0.1))
    oracle = tune(world, change, WEEK, weeks(world, 20, 3))
    pages = sum(len(oracle.pages(stream)) for stream in weeks(world, 60, 4))
    assert 36 <= pages <= 88


def test_the_ramps_oracle_keeps_its_budget() -> None:
    world = World(MIDDLE)
    oracle = tune(world, RAMP, WEEK / 2, weeks(world, 6, 3))
    pages = sum(len(oracle.pages(stream)) for stream in weeks(world, 12, 4))
    assert 10 <= pages <= 42


def test_the_ramps_oracle_finds_the_ramp_before_the_one_for_steps() -> None:
    world = World(MIDDLE)
    null = weeks(world, 6, 3)
    ramp, step = tune(world, RAMP, WEEK, null), tune(world, Change("x2", 2.0), WEEK, null)
    chance = np.random.default_rng(6)
    streams = [world.stream(any_start(chance), 4000, chance, RAMP, 0) for _ in range(40)]
    assert np.mean([ramp.pages(one)[0] for one in streams]) < np.mean([step.pages(one)[0] for one in streams])


def test_walds_equation_is_solved() -> None:
    null, _ = information(MIDDLE, DOUBLED)
    threshold = threshold_by_wald(WEEK, null)
    assert (np.exp(threshold) - threshold - 1) / null == pytest.approx(WEEK)


def test_a_larger_budget_waits_longer_and_no_delay_is_below_a_window() -> None:
    assert bound(MIDDLE, DOUBLED, 1000 * WEEK) > bound(MIDDLE, DOUBLED, WEEK)
    assert bound(Cell(2000, 0.1), FIVEFOLD, WEEK) == 10.0


def test_expected_log_ratio_is_the_information_per_window_under_the_change() -> None:
    world = World(MIDDLE, FLAT)
    stream = world.stream(0, 40_000, np.random.default_rng(1), STEP, 0)
    ratios = log_ratios(stream, world.rate(0, 40_000), STEP.ratio)
    assert ratios.mean() == pytest.approx(information(MIDDLE, STEP)[1], rel=0.03)
