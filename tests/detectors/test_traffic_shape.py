import math

import numpy as np
import pytest

from detectors.arrivals import as_rate
from detectors.base import Floats
from detectors.learning import learn
from detectors.mixture import run
from detectors.traffic_shape import BINS, FLAT, learn_shape
from tests.detectors.streams import DAY, START, WEEK


def office(windows: int, night: float = 0.0, weekend: float = 1.0, start: int = START) -> Floats:
    """1 from eight to six, and `night` else; on Saturdays and Sundays times `weekend`."""
    at = start // 10 + np.arange(windows)
    hour, day = at % DAY / 360.0, at // DAY % 7
    return np.where((hour >= 8.0) & (hour < 18.0), 1.0, night) * np.where((day == 2) | (day == 3), weekend, 1.0)


def poisson(seed: int, mean: Floats) -> Floats:
    return np.random.default_rng(seed).poisson(mean).astype(np.float64)


def pages(shaped: bool, mean: float, past: Floats, future: Floats) -> int:
    counts = poisson(1, mean * past)
    shape, mix = learn_shape(START, counts) if shaped else (FLAT, np.ones(len(counts)))
    baseline = learn(START, *as_rate(counts), mix=mix)
    found = run(baseline, START, *as_rate(poisson(2, mean * future)), mix=shape.mix(START, len(future)))
    return len(found.opened)


def test_harmonics_need_no_shape() -> None:
    day = 1.0 + 0.4 * np.sin(2.0 * math.pi * np.arange(WEEK) / DAY)
    shape, mix = learn_shape(START, poisson(3, 20.0 * day))
    assert shape is FLAT
    assert (mix == 1.0).all()


def test_a_short_or_empty_history_has_no_shape() -> None:
    for counts in (np.zeros(0), np.ones(DAY), np.zeros(WEEK), np.full(WEEK, np.nan)):
        shape, mix = learn_shape(START, counts)
        assert shape is FLAT
        assert (mix == np.ones(len(counts))).all()


def test_office_hours_are_learned_to_the_minute() -> None:
    shape, _ = learn_shape(START, poisson(4, 20.0 * office(WEEK)))
    usual = shape.mix(START, DAY) * (20.0 * 10.0 / 24.0)
    assert usual[8 * 360 + 60 : 18 * 360 - 60] == pytest.approx(20.0, rel=0.15)
    assert usual[: 8 * 360 - 60].sum() + usual[18 * 360 + 60 :].sum() < 3.0


def test_days_off_are_found_and_are_days_of_their_own() -> None:
    shape, _ = learn_shape(START, poisson(5, 20.0 * office(WEEK, 0.2, weekend=0.3)))
    noon = BINS // 2
    assert shape.factors[2, noon] / shape.factors[5, noon] == pytest.approx(0.3, rel=0.2)


def test_a_shape_is_of_the_day_and_not_of_where_the_history_began() -> None:
    late = START + 7 * 3600
    shape, _ = learn_shape(late, poisson(6, 20.0 * office(WEEK, start=late)))
    usual = shape.mix(START, DAY)
    assert usual[12 * 360] > 2.0
    assert usual[3 * 360] < 0.01


def test_a_window_of_the_history_is_not_predicted_from_its_own_day() -> None:
    mean = 20.0 * office(WEEK, 0.2)
    hit = poisson(7, mean)
    burst = slice(3 * DAY + 12 * 360, 3 * DAY + 13 * 360)
    hit[burst] *= 5.0
    _, mix = learn_shape(START, hit)
    _, calm = learn_shape(START, poisson(7, mean))
    assert mix[burst] * hit.mean() == pytest.approx(calm[burst] * poisson(7, mean).mean(), rel=0.05)


def test_unknown_windows_are_not_empty_ones() -> None:
    counts = poisson(8, 20.0 * office(WEEK, 0.2))
    counts[2 * DAY + 12 * 360 : 2 * DAY + 14 * 360] = np.nan
    shape, _ = learn_shape(START, counts)
    whole, _ = learn_shape(START, poisson(8, 20.0 * office(WEEK, 0.2)))
    noon = slice(12 * 12, 14 * 12)
    unknown = shape.factors[5, noon] * np.nanmean(counts)
    assert unknown == pytest.approx(whole.factors[5, noon] * poisson(8, 20.0 * office(WEEK, 0.2)).mean(), rel=0.1)


@pytest.mark.slow
def test_office_hours_and_weekends_do_not_page_by_their_shape_and_would_without_it() -> None:
    for past in (office(WEEK), office(WEEK, 0.3, weekend=0.3)):
        assert pages(True, 20.0, past, np.tile(past, 2)) <= 6
    assert pages(False, 20.0, office(WEEK), np.tile(office(WEEK), 2)) > 10
