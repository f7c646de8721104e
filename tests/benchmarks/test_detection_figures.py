import json
import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from scipy.stats import poisson

from benchmarks.common import RESULTS
from benchmarks.detection.intervals import bootstrap, poisson_interval
from benchmarks.detection.losses import missing
from benchmarks.detection.peers import (
    PEERS,
    adwin,
    ewma_chart,
    learned_from,
    page_hinkley_residual,
    prometheus_rule,
    static_threshold,
)
from benchmarks.detection.picture import TARGET, draw
from benchmarks.detection.ratios import Compared, counting, geometric_mean, mean_interval
from benchmarks.detection.series import DROPPED, delay, open_windows
from benchmarks.detection.worlds import DAY, FLAT, MIDDLE, STEPS, WEEK, Cell, Ints, Stream, World


def windows(*indices: int) -> Ints:
    return np.array(indices, dtype=np.int64)


def steady(bad: int, evaluated: int, count: int) -> Stream:
    return Stream(0, np.full(count, evaluated, dtype=np.int64), np.full(count, bad, dtype=np.int64))


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.390)])
def test_the_poisson_interval_is_garwoods(count: int, low: float, high: float) -> None:
    assert poisson_interval(count, 1.0) == pytest.approx((low, high), abs=0.001)


def test_the_ends_of_a_poisson_interval_leave_two_and_a_half_percent() -> None:
    low, high = poisson_interval(7, 20.0)
    assert poisson.sf(6, low * 20.0) == pytest.approx(0.025)
    assert poisson.cdf(7, high * 20.0) == pytest.approx(0.025)


def test_a_rate_without_exposure_is_refused() -> None:
    with pytest.raises(ValueError, match="exposure"):
        poisson_interval(3, 0.0)


def test_the_bootstrap_of_a_mean_is_two_standard_errors_wide() -> None:
    values = np.random.default_rng(1).normal(0.0, 1.0, 400)
    low, high = bootstrap([400], lambda drawn: float(values[drawn[0]].mean()), np.random.default_rng(2))
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.12)


def compared(cell: Cell, ours: list[float], oracle: list[float]) -> Compared:
    return Compared(cell, STEPS[1], np.array(ours), np.array(oracle), np.ones(len(ours)), 0)


def test_ratios_are_of_means_and_their_mean_is_geometric() -> None:
    both = [compared(MIDDLE, [60.0, 140.0], [40.0, 60.0]), compared(Cell(20, 0.1), [50.0, 50.0], [100.0, 100.0])]
    assert both[0].ratio() == 2.0
    assert geometric_mean(both) == pytest.approx(1.0)
    low, high = mean_interval(both, np.random.default_rng(1))
    assert low < 1.0 < high


def test_cells_as_fast_as_the_window_do_not_count() -> None:
    fast = compared(MIDDLE, [20.0], [29.0])
    slow = compared(MIDDLE, [40.0], [30.0])
    assert counting([fast, slow], STEPS) == [slow]
    assert counting([slow], STEPS[2:]) == []


@pytest.mark.parametrize(
    ("opened", "closed", "waited"),
    [
        (windows(), windows(), 51),
        (windows(100), windows(), 1),
        (windows(20, 130), windows(40), 31),
        (windows(20), windows(), DROPPED),
        (windows(20), windows(120), DROPPED),
    ],
    ids=["never", "at once", "after a false one", "open at the onset", "open through the onset"],
)
def test_delay_is_to_the_end_of_the_window_that_paged(opened: Ints, closed: Ints, waited: int) -> None:
    assert delay(opened, closed, 100, 150) == waited


def test_time_in_incidents_lasts_to_the_end_for_one_that_never_closed() -> None:
    assert open_windows(windows(10, 50), windows(30), 100) == 70


def test_missing_telemetry_has_the_stated_share() -> None:
    stream = missing(World(MIDDLE, FLAT), 4000, 0.01, 0.5, 2000, np.random.default_rng(1))
    before, after = stream.bad[:2000].sum(), stream.bad[2000:].sum()
    assert before / stream.evaluated[:2000].sum() == pytest.approx(0.01, rel=0.05)
    assert after / stream.evaluated[2000:].sum() == pytest.approx(0.505, rel=0.01)


def test_the_prometheus_rule_waits_two_minutes_after_five_minutes_are_above() -> None:
    before, after = steady(10, 200, DAY), steady(30, 200, 100)
    both = Stream(0, np.concatenate([before.evaluated, after.evaluated]), np.concatenate([before.bad, after.bad]))
    factor = 2.0
    # the mean of 30 windows exceeds twice 10 when 16 of them are at 30 (24 hours hardly move), and stays for 12 more
    assert prometheus_rule(both, learned_from(before), factor).opened.tolist() == [DAY + 15 + 12]


def test_the_prometheus_rule_is_silent_about_a_rise_that_ends_within_two_minutes() -> None:
    bad = np.full(DAY + 200, 10, dtype=np.int64)
    bad[DAY : DAY + 16] = 30
    bad[DAY + 16 :] = 0  # the five minutes are above for two windows only
    stream = Stream(0, np.full(len(bad), 200, dtype=np.int64), bad)
    learned = learned_from(steady(10, 200, DAY))
    assert len(prometheus_rule(stream, learned, 2.0).opened) == 0
    assert len(static_threshold(stream, learned, 1.9).opened) == 1


def test_a_static_threshold_pages_once_and_stops() -> None:
    bad = np.full(500, 10, dtype=np.int64)
    bad[200:300] = 30
    alarms = static_threshold(
        Stream(0, np.full(500, 200, dtype=np.int64), bad), learned_from(steady(10, 200, DAY)), 2.0
    )
    assert alarms.opened.tolist() == [215]
    assert alarms.closed.tolist() == [314]


def test_the_ewma_charts_statistic_has_unit_variance_on_a_flat_stream() -> None:
    world = World(Cell(2000, 0.1), FLAT)
    chance = np.random.default_rng(3)
    past, stream = world.stream(0, WEEK, chance), world.stream(0, WEEK, chance)
    above = len(ewma_chart(stream, learned_from(past), 0.0).opened) / WEEK
    beyond = len(ewma_chart(stream, learned_from(past), 3.0).opened)
    # upcrossings of a stationary Gaussian series with correlation r go as acos(r) / (2 pi) * exp(-level^2 / 2) roughly
    assert above == pytest.approx(math.acos(0.9) / (2 * math.pi), rel=0.1)
    assert 0 < beyond < 2 * above * WEEK * math.exp(-4.5)


def test_rivers_detectors_find_a_fivefold_rate_and_are_silent_without_one() -> None:
    world = World(Cell(2000, 0.02), FLAT)
    chance = np.random.default_rng(4)
    learned = learned_from(world.stream(0, WEEK, chance))
    quiet, loud = world.stream(0, 3000, chance), world.stream(0, 3000, chance, STEPS[3], 2000)
    for pages, value in ((adwin, 1e-6), (page_hinkley_residual, 50.0)):
        assert len(pages(quiet, learned, value).opened) == 0
        assert 2000 <= pages(loud, learned, value).opened[0] < 2400


def test_hours_that_a_week_has_shown_are_what_a_peer_expects() -> None:
    world = World(Cell(2000, 0.1))
    learned = learned_from(world.stream(0, WEEK, np.random.default_rng(1)))
    assert learned.expected(0, DAY) == pytest.approx(world.rate(0, DAY), rel=0.02)


def test_the_picture_is_drawn_from_the_run_that_was_kept() -> None:
    kept = json.loads((RESULTS / "detection.json").read_text())
    assert TARGET.read_text() == draw(kept["curve"], kept["peers"])


def test_the_picture_is_well_formed_and_names_every_peer() -> None:
    pages = {"value": 0.5, "interval": [0.1, 1.0]}
    row = {"cells": {"200/0.02 x2": {"ours_s": 100.0}}, "pages_by_cell": {"200/0.02": pages}}
    peers = {f"{peer.name}, {kind}": row for peer in PEERS for kind in ("shipped", "tuned")}
    curve = [
        {"pages_asked_for": x, "ours_s": 90.0, "oracle_s": 80.0, "pages_per_feature_week": pages} for x in (1.0, 0.1)
    ]
    text = draw(curve, peers)
    ET.fromstring(text)  # noqa: S314  our own text
    assert all(peer.name.partition(", ")[0] in text for peer in PEERS)
    assert text.count("<circle") == 2 + len(peers) + 2
