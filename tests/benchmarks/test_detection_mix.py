import numpy as np
import pytest

from benchmarks.detection.mix_shift import (
    ARRIVAL,
    CHANGES,
    MOVES,
    NAMES,
    RATES,
    SHARES,
    MixTask,
    Move,
    Watch,
    lean_for,
    leaning,
    measure_mix,
    moved,
    strata,
)
from benchmarks.detection.worlds import DAY, FLAT, WEEK, Cell, Change, World

USUAL = float(RATES @ SHARES)
FLAT_WORLD = World(Cell(2000, USUAL), FLAT)


def test_shares_add_up_and_lean_to_the_worse_categories() -> None:
    shares = leaning(np.array([-0.5, 0.0, 0.5]))
    assert shares.sum(axis=0) == pytest.approx(np.ones(3))
    assert shares[:, 1] == pytest.approx(SHARES)
    assert (np.diff(RATES @ shares) > 0.0).all()


@pytest.mark.parametrize("ratio", [1.5, 2.0])
def test_a_move_multiplies_the_rate_of_the_whole(ratio: float) -> None:
    assert float(RATES @ leaning(np.array([lean_for(ratio)]))[:, 0]) == pytest.approx(ratio * USUAL)


def test_a_gradual_move_takes_six_hours_and_a_sudden_one_a_window() -> None:
    gradual, sudden = moved(Move(2.0, True), 3000, 500), moved(Move(2.0, False), 3000, 500)
    assert gradual[499] == sudden[499] == 0.0
    assert sudden[500] == gradual[500 + 2159] == lean_for(2.0)
    assert 0.0 < gradual[500] < gradual[1500] < lean_for(2.0)


def test_a_move_leaves_the_rates_of_the_categories_and_a_change_the_mix() -> None:
    lean = moved(Move(2.0, False), 2 * DAY, DAY)
    seen = strata(FLAT_WORLD, 0, lean, np.random.default_rng(1))
    other = strata(FLAT_WORLD, 0, np.zeros(2 * DAY), np.random.default_rng(1), Change("x1.5", 1.5), DAY)
    for counts, share_moves, rate in ((seen, True, 1.0), (other, False, 1.5)):
        before, after = counts.evaluated[:, :DAY].sum(axis=1), counts.evaluated[:, DAY:].sum(axis=1)
        assert (abs(after[-1] / before[-1] - 1.0) > 0.2) == share_moves
        rates = counts.bad[:, DAY:].sum(axis=1) / after
        assert rates == pytest.approx(RATES * rate, rel=0.03)


def test_a_category_that_arrives_takes_its_share_of_the_events() -> None:
    seen = strata(FLAT_WORLD, 0, np.zeros(DAY), np.random.default_rng(2), arrived=DAY // 2)
    assert len(seen.evaluated) == len(NAMES) + 1
    assert seen.evaluated[-1, : DAY // 2].sum() == 0.0
    after = seen.evaluated[:, DAY // 2 :].sum(axis=1)
    assert after[-1] / after.sum() == pytest.approx(0.1, rel=0.02)


def test_what_was_watched_before_the_move_pages_only_without_adjustment() -> None:
    chance = np.random.default_rng(3)
    watch = Watch(strata(FLAT_WORLD, 0, np.zeros(WEEK), chance))
    live = strata(FLAT_WORLD, 0, moved(MOVES[0], DAY, DAY // 2), chance)
    assert watch.pages(live)[0] == 0
    assert watch.pages(live)[1] > 0
    worse = strata(FLAT_WORLD, 0, moved(MOVES[0], DAY, DAY // 2), chance, CHANGES[1], DAY // 2)
    assert watch.waits(worse, DAY // 2) < 5


@pytest.mark.slow
def test_a_series_gives_all_figures_and_the_same_ones_again() -> None:
    task = MixTask(200, (1, 2), 1, 1)
    found, again = measure_mix(task), measure_mix(task)
    assert found == again
    assert set(found.pages) == {"no move", *(move.name for move in MOVES), ARRIVAL}
    assert found.unknown == pytest.approx(0.1, rel=0.05)
    assert set(found.ours) == set(found.informed)
    assert len(found.ours) == 2 * len(CHANGES)
