import math

import numpy as np
import pytest

from detectors.base import Window
from detectors.baseline import Baseline
from detectors.evidence import SIZES, season_all
from detectors.learning import learn
from detectors.level import predict_level, take_level
from detectors.mixture import StateSpaceDetector
from detectors.rows import OPEN, RHO, VARIANCE
from tests.detectors.streams import START, WEEK, Floats, Stream, changed, stream

SIZE = WEEK + 400


def kinds() -> list[Stream]:
    """Coin, scatter, wander, and one whose good events are the rarer."""
    good = stream(84, SIZE)
    streams = [stream(81, SIZE), stream(82, SIZE, scatter=2.0), stream(83, SIZE, wander=0.2)]
    return [*streams, Stream(good.evaluated, good.evaluated - good.bad, good.rates)]


STREAMS = kinds()


@pytest.fixture(name="baselines", scope="module")
def _baselines() -> list[Baseline]:
    return [learn(START, one.evaluated[:WEEK], one.bad[:WEEK]) for one in STREAMS]


def window(i: int, evaluated: Floats | None = None, bad: Floats | None = None) -> Window:
    n = np.array([one.evaluated[WEEK + i] for one in STREAMS]) if evaluated is None else evaluated
    k = np.array([one.bad[WEEK + i] for one in STREAMS]) if bad is None else bad
    return Window(START + 10 * (WEEK + i), n, k, np.ones(len(n)), np.full(len(n), 0.5))


def watching(baselines: list[Baseline], windows: int = 100) -> StateSpaceDetector:
    detector = StateSpaceDetector(len(baselines))
    for series, baseline in enumerate(baselines):
        detector.adopt(series, baseline)
    for i in range(windows):
        detector.learn(window(i), np.ones(len(baselines), dtype=np.bool_))
    return detector


def test_a_ratio_is_one_on_average_over_all_that_may_come_next(baselines: list[Baseline]) -> None:
    detector = watching(baselines)
    n = 30.0
    counts = np.arange(n + 1.0)
    at_each = [detector.evidence(window(100, np.full(4, n), np.full(4, k))) for k in counts]
    choose = np.array([math.comb(int(n), int(k)) for k in counts])
    for series, baseline in enumerate(baselines):
        null = choose * np.exp([normal(detector, series, baseline, k, n) for k in counts])
        assert null.sum() == pytest.approx(1.0, abs=1e-6)
        for size in range(len(SIZES)):
            ratios = np.exp([found[size, series] for found in at_each])
            assert float((null * ratios).sum()) == pytest.approx(1.0, abs=1e-3)


def normal(detector: StateSpaceDetector, series: int, baseline: Baseline, bad: float, evaluated: float) -> float:
    """Logarithm of the null's density, read off the detector that takes the window."""
    row = baseline.parameters
    rate = float(season_all(row[None], np.ones(1, dtype=np.bool_), window(100).start, np.ones(1))[0])
    ahead = detector._states[series, :OPEN].copy()
    if row[VARIANCE] > 0.0:
        predict_level(ahead, row)
    watched = evaluated - bad if baseline.complement else bad
    return take_level(ahead, row, rate, evaluated, watched, row[RHO])


def test_more_bad_events_speak_for_rises_and_fewer_for_drops(baselines: list[Baseline]) -> None:
    detector = watching(baselines)
    n = np.full(4, 2000.0)
    usual = np.array([one.bad[:WEEK].sum() / one.evaluated[:WEEK].sum() for one in STREAMS])
    more, fewer = np.minimum(2000.0 * usual * 1.5, 1990.0).round(), (2000.0 * usual * 0.6).round()
    rises, drops = detector.evidence(window(100, n, more)), detector.evidence(window(100, n, fewer))
    up, down = int(np.flatnonzero(SIZES == 1.5)[0]), int(np.flatnonzero(SIZES == 0.7)[0])
    assert (rises[up] > 0.0).all()
    assert (rises[down] < 0.0).all()
    assert (drops[down] > 0.0).all()
    assert (drops[up] < 0.0).all()


def test_empty_unknown_cold_and_open_series_say_nothing(baselines: list[Baseline]) -> None:
    detector = watching(baselines)
    none = detector.evidence(window(100, np.zeros(4), np.zeros(4)))
    assert (none == 0.0).all()
    unknown = Window(START, np.full(4, 100.0), np.full(4, 50.0), np.full(4, 0.4), np.full(4, 0.5))
    assert (detector.evidence(unknown) == 0.0).all()
    assert (StateSpaceDetector(4).evidence(window(100)) == 0.0).all()
    while not detector.open[0]:
        detector.learn(window(100, np.full(4, 100.0), np.array([60.0, 2.0, 2.0, 98.0])), np.ones(4, dtype=np.bool_))
    assert (detector.evidence(window(101))[:, 0] == 0.0).all()


def test_looking_changes_nothing(baselines: list[Baseline]) -> None:
    detector, other = watching(baselines), watching(baselines)
    detector.evidence(window(100), 0.3)
    assert (detector.score(window(100)).log_e == other.score(window(100)).log_e).all()


def test_a_level_that_all_share_is_normal(baselines: list[Baseline]) -> None:
    coin = watching(baselines[:1], windows=0)
    factor = changed(SIZE, WEEK, SIZE, 1.5)
    lifted = stream(81, SIZE, factor=factor)
    alone = shared = 0.0
    for i in range(300):
        n, k = lifted.evaluated[WEEK + i : WEEK + i + 1], lifted.bad[WEEK + i : WEEK + i + 1]
        seen = window(i, n, k)
        alone += float(coin.evidence(seen)[1, 0])
        shared += float(coin.evidence(seen, math.log(1.5))[1, 0])
    assert alone > 50.0
    assert shared < -50.0
