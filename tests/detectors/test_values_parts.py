import numpy as np
import pytest

from detectors.values_features import ACTIVITY, DAY, HEIGHT, STEP, VALUE, take_value
from detectors.values_memory import BINS, CENTRES, COUNT, SIDES, fresh
from detectors.values_novelty import take_pattern
from detectors.values_tails import learn_size, surprise


def tail_of(sizes: np.ndarray[tuple[int], np.dtype[np.float64]], at: float) -> float:
    above, edges = np.zeros((2, BINS)), np.zeros(2)
    for size in sizes:
        learn_size(above, 1, float(size))
    assert not above[0].any()
    return surprise(above, edges, 1, float(len(sizes)), at, 0.0)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.03])
def test_within_the_history_a_size_is_as_rare_as_it_was(share: float) -> None:
    sizes = np.random.default_rng(1).exponential(1.0, 5000)
    assert tail_of(sizes, float(-np.log(share))) == pytest.approx(-np.log(share), abs=0.15)


def test_beyond_the_history_the_tail_is_paretos() -> None:
    sizes = np.random.default_rng(2).pareto(3.0, 20_000) + 1.0
    assert tail_of(sizes, 100.0) == pytest.approx(3.0 * np.log(100.0), rel=0.1)


def test_where_the_tail_is_looked_for_first_does_not_matter() -> None:
    above = np.zeros((1, BINS))
    for size in np.random.default_rng(3).exponential(1.0, 1000):
        learn_size(above, 0, float(size))
    for size in (0.01, 1.0, 30.0):
        found = {surprise(above, np.array([float(start)]), 0, 1000.0, size, 0.0) for start in (0, 40, BINS - 1)}
        assert len(found) == 1


def test_a_tail_is_no_thinner_than_it_may_be() -> None:
    above = np.zeros((1, BINS))
    for size in [1.0] * 900 + [1.01] * 100:
        learn_size(above, 0, size)
    thin, allowed = (surprise(above, np.zeros(1), 0, 1000.0, 4.0, least) for least in (0.0, 0.4))
    assert thin > 2.0 * allowed
    assert allowed == pytest.approx(np.log(4.0) / 0.4, abs=0.4)


def test_no_size_is_no_surprise() -> None:
    assert tail_of(np.zeros(100), 0.0) == 0.0
    assert tail_of(np.ones(100), 0.0) == 0.0


def test_a_pattern_is_no_news_the_second_time_and_the_stalest_is_forgotten() -> None:
    memory = fresh()
    assert take_pattern(memory, 0.0) == 0.0
    memory.features[VALUE] = 100.0
    assert take_pattern(memory, 1.0) > 1.0
    assert take_pattern(memory, 2.0) == 0.0
    for now in range(3, CENTRES + 10):
        memory.features[VALUE] = np.expm1(2.0 * now)
        assert take_pattern(memory, float(now)) > 0.6
    assert memory.centres[:, SIDES].min() > 2.0


def test_features_are_in_scatters_of_the_series() -> None:
    memory = fresh()
    chance = np.random.default_rng(4)
    for i in range(2000):
        take_value(memory, 300 * i, float(chance.normal(10.0, 3.0)))
    level = 3.0 * np.sqrt(2.0 / np.pi)
    take_value(memory, 300 * 2000, 10.0 + 8.0 * level)
    assert memory.features[VALUE] == pytest.approx(8.0, rel=0.1)
    assert memory.features[STEP] > 4.0
    assert memory.features[ACTIVITY] > 0.0
    assert memory.features[HEIGHT] > 0.0
    assert memory.scalars[COUNT] == 2001.0


def test_the_day_is_learned() -> None:
    memory = fresh()
    for i in range(288 * 10):
        take_value(memory, 300 * i, 10.0 * float(i % 288 >= 144))
    noon = abs(memory.features[DAY])
    take_value(memory, 300 * 288 * 10, 10.0)  # midnight, and the value of noon
    assert memory.features[DAY] > 3.0 * noon
