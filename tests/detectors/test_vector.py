import math
from collections.abc import Hashable
from dataclasses import replace

import numpy as np
import pytest
from river.base import AnomalyDetector

from detectors.base import Bools, Floats, Scores, Window
from detectors.checks import EVENTS, RATE, only, windows
from detectors.opinion_checks import scores_of
from detectors.vector import BLOCK, WARM_BLOCKS, Make, SumOfSquares, VectorOpinion, half_space_trees, threshold

KPIS = 8
LEARNED = 720
WARM = LEARNED + WARM_BLOCKS * BLOCK


class Recorder(AnomalyDetector):
    """Keeps the vectors; its score is what its first number says."""

    def __init__(self) -> None:
        self.rows: list[dict[Hashable, float]] = []

    def score_one(self, x: dict[Hashable, float]) -> float:
        return float(x[0])

    def learn_one(self, x: dict[Hashable, float]) -> None:
        self.rows.append(x)


def fed(one: VectorOpinion, given: list[Window]) -> list[Bools]:
    return [one.update(window, scores_of(window)) for window in given]


def together(ratio: float, seed: int) -> list[Window]:
    return windows(KPIS, 360, seed, ratio * RATE, WARM)


def found(make: Make, ratio: float) -> float:
    """Share of five hours in which it sees that all KPIs rose by this ratio, after a day and more of quiet."""
    one = VectorOpinion(KPIS, make)
    one.grow(KPIS)
    quiet = fed(one, windows(KPIS, WARM + BLOCK, 1))
    assert np.sum(quiet[WARM:]) <= KPIS * 30
    return float(np.mean([np.any(fed(one, together(ratio, seed))) for seed in range(5)]))


@pytest.mark.slow
@pytest.mark.parametrize("make", [half_space_trees, SumOfSquares])
def test_a_rise_of_all_kpis_together_is_seen(make: Make) -> None:
    assert found(make, 1.5) >= 0.2


def test_the_sum_of_squares_sees_what_is_small_in_every_kpi() -> None:
    assert found(SumOfSquares, 1.15) == 1.0


def test_it_has_no_opinion_until_it_has_seen_enough_and_says_so() -> None:
    one = VectorOpinion(KPIS, SumOfSquares)
    one.grow(2 * KPIS)
    first = list(range(KPIS))
    for window in windows(KPIS, WARM - 1, 2):
        wide = Window(window.start, *(np.concatenate([column, 0.0 * column]) for column in columns(window)))
        assert not one.update(wide, scores_of(wide)).any()
    assert one.warm.tolist() == [False, False]
    assert not fed(one, [only(wide, [*first, *(place + KPIS for place in first)])])[0].any()
    assert one.warm.tolist() == [True, False]


def columns(window: Window) -> tuple[Floats, ...]:
    return window.evaluated, window.bad, window.coverage, window.floor


def test_kpis_lie_in_the_unit_cube_with_the_missing_ones_in_its_middle() -> None:
    one = VectorOpinion(3, Recorder, memory=1.0)
    one.grow(3)
    ones = np.ones(3)
    bad = np.array([EVENTS, EVENTS, 0.0])
    one.update(window := Window(0, EVENTS * ones, bad, np.array([1.0, 0.1, 1.0]), 0.5 * ones), scores_of(window))
    recorder = one._features[0].detector
    assert isinstance(recorder, Recorder)
    row = recorder.rows[0]
    assert row[0] == 1.0
    assert row[1] == 0.5
    assert 0.0 <= row[2] < 0.5


def test_a_feature_of_which_nothing_is_known_is_left_out() -> None:
    one = VectorOpinion(KPIS, Recorder)
    one.grow(KPIS)
    for window in windows(KPIS, 5, 3):
        cold: Scores = scores_of(window, warm=False)
        assert not one.update(window, cold).any()
    recorder = one._features[0].detector
    assert isinstance(recorder, Recorder)
    assert recorder.rows == []


def test_the_verdict_is_on_all_rows_of_its_feature_and_on_no_others() -> None:
    one = VectorOpinion(2, SumOfSquares, learned=1)
    one.grow(4)
    fed(one, windows(4, 1 + WARM_BLOCKS * BLOCK, 4))
    loud = windows(4, 60, 5, 0.5, WARM)
    halves = [replace(window, bad=np.where([1, 1, 0, 0], window.bad, window.evaluated * RATE)) for window in loud]
    verdicts = fed(one, halves)
    assert verdicts[-1].tolist() == [True, True, False, False]


def test_a_threshold_is_passed_by_block_maxima_as_often_as_the_budget_says() -> None:
    chance = np.random.default_rng(6)
    scores = chance.exponential(1.0, (200, 168 * BLOCK)).reshape(200, 168, BLOCK)
    budget = 168.0 * BLOCK
    passed = [int((chance.exponential(1.0, 168 * BLOCK) > threshold(one.max(axis=1), budget)).sum()) for one in scores]
    assert 0.6 <= float(np.mean(passed)) <= 1.6


def test_without_a_day_of_blocks_there_is_no_threshold() -> None:
    assert threshold(np.ones(WARM_BLOCKS - 1), 60_480.0) == math.inf
    assert math.isfinite(threshold(np.ones(WARM_BLOCKS), 60_480.0))


def test_incidents_in_a_tenth_of_the_blocks_move_the_threshold_little() -> None:
    chance = np.random.default_rng(7)
    highest = chance.gumbel(5.0, 1.0, 168)
    hit = highest.copy()
    hit[:16] = 1000.0
    assert threshold(hit, 60_480.0) == pytest.approx(threshold(highest, 60_480.0), rel=0.25)


def test_arguments_that_cannot_be_are_refused() -> None:
    for arguments in ({"kpis": 0}, {"budget": 10.0}, {"memory": 0.5}, {"learned": 0}):
        with pytest.raises(ValueError, match="give at least one KPI"):
            VectorOpinion(**{"kpis": 2, **arguments})  # type: ignore[arg-type]  # one of each kind
