import numpy as np
import pytest

from detectors.floor import own_floor


def test_a_history_that_never_came_near_sets_no_floor() -> None:
    assert own_floor(np.zeros(1000), 11.0, 1000.0) == 7.0


def test_episodes_that_went_high_raise_the_floor_above_the_threshold() -> None:
    path = np.zeros(1000)
    path[50::100] = 14.0
    assert own_floor(path, 11.0, 1000.0) > 11.0


def test_a_smaller_budget_needs_a_higher_floor() -> None:
    path = np.zeros(1000)
    path[50::100] = 14.0
    assert own_floor(path, 11.0, 10_000.0) > own_floor(path, 11.0, 1000.0)


def test_one_episode_counts_once_however_often_it_dips_a_little() -> None:
    smooth, dipping = np.zeros(1000), np.zeros(1000)
    smooth[100:200] = 9.0
    dipping[100:200] = np.tile([9.0, 6.0], 50)
    assert own_floor(dipping, 11.0, 1000.0) == pytest.approx(own_floor(smooth, 11.0, 1000.0))
