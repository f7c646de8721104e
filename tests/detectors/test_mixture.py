import math

import numpy as np
import pytest

from detectors.base import Detector, Window
from detectors.baseline import Baseline
from detectors.learning import learn
from detectors.mixture import StateSpaceDetector, run
from tests.detectors.streams import START, WEEK, Floats, Stream, changed, stream

LIVE = 1200


def kinds() -> list[Stream]:
    """Coin, scatter, wander, both with jumps of an incident, and one whose good events are the rarer."""
    size = WEEK + LIVE
    spike = changed(size, WEEK + 300, WEEK + 500, 4.0)
    streams = [
        stream(61, size),
        stream(62, size, scatter=2.0, factor=spike),
        stream(63, size, wander=0.2, factor=spike),
        stream(64, size, wander=0.1, scatter=2.0, factor=spike),
    ]
    good = stream(65, size, factor=spike)
    return [*streams, Stream(good.evaluated, good.evaluated - good.bad, good.rates)]


@pytest.fixture(name="streams", scope="module")
def _streams() -> list[Stream]:
    found = kinds()
    for one in found:
        one.evaluated[WEEK + 700 : WEEK + 720] = 0
        one.bad[WEEK + 700 : WEEK + 720] = 0
    return found


@pytest.fixture(name="baselines", scope="module")
def _baselines(streams: list[Stream]) -> list[Baseline]:
    return [learn(START, one.evaluated[:WEEK], one.bad[:WEEK]) for one in streams]


def window(i: int, streams: list[Stream], coverage: float = 1.0) -> Window:
    """Window i after the week of learning."""
    evaluated = np.array([one.evaluated[WEEK + i] for one in streams], dtype=np.float64)
    bad = np.array([one.bad[WEEK + i] for one in streams], dtype=np.float64)
    size = len(streams)
    return Window(START + 10 * (WEEK + i), evaluated, bad, np.full(size, coverage), np.full(size, 0.5))


def adopted(baselines: list[Baseline]) -> StateSpaceDetector:
    detector = StateSpaceDetector(len(baselines))
    for series, baseline in enumerate(baselines):
        detector.adopt(series, baseline)
    return detector


def everything(detector: StateSpaceDetector) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(len(detector.open), dtype=np.bool_)


def lived(detector: StateSpaceDetector, streams: list[Stream], windows: int) -> tuple[Floats, list[list[int]]]:
    """Statistics of shape (windows, series), and when each series opened."""
    log_e = np.zeros((windows, len(streams)))
    opened: list[list[int]] = [[] for _ in streams]
    for i in range(windows):
        seen = window(i, streams)
        log_e[i] = detector.score(seen).log_e
        detector.learn(seen, everything(detector))
        for series in np.flatnonzero(detector.opened):
            opened[series].append(i)
    return log_e, opened


def test_it_is_a_detector() -> None:
    detector: Detector = StateSpaceDetector()
    assert detector.name == "state-space-2"


def test_live_and_backtest_give_the_same_bits(streams: list[Stream], baselines: list[Baseline]) -> None:
    log_e, opened = lived(adopted(baselines), streams, LIVE)
    assert sum(len(one) for one in opened) >= 4
    for series, one in enumerate(streams):
        alone = run(baselines[series], START + 10 * WEEK, one.evaluated[WEEK:], one.bad[WEEK:])
        assert (log_e[:, series] == np.maximum(alone.log_e, 0.0)).all()
        assert opened[series] == alone.opened.tolist()


def test_neighbours_change_no_bit(streams: list[Stream], baselines: list[Baseline]) -> None:
    together, _ = lived(adopted(baselines), streams, 400)
    turned, _ = lived(adopted(baselines[::-1]), streams[::-1], 400)
    assert (together == turned[:, ::-1]).all()


def test_score_changes_nothing(streams: list[Stream], baselines: list[Baseline]) -> None:
    looking, plain = adopted(baselines), adopted(baselines)
    for i in range(50):
        seen = window(i, streams)
        for other in (200, 300, 400):
            looking.score(window(other, streams))
        looking.learn(seen, everything(looking))
        plain.learn(seen, everything(plain))
    one, two = looking.score(window(50, streams)), plain.score(window(50, streams))
    assert (one.log_e == two.log_e).all()
    assert (one.expected == two.expected).all()


def test_a_cold_series_says_so_and_that_anything_may_be(streams: list[Stream], baselines: list[Baseline]) -> None:
    detector = StateSpaceDetector(2)
    detector.adopt(1, baselines[0])
    detector.adopt(0, learn(START, np.zeros(10, dtype=np.int64), np.zeros(10, dtype=np.int64)))
    scores = detector.score(window(0, streams[:2]))
    assert scores.warm.tolist() == [False, True]
    assert (scores.log_e[0], scores.low[0], scores.high[0]) == (0.0, 0.0, 1.0)
    assert detector.threshold[0] == math.inf
    assert detector.threshold[1] == baselines[0].threshold


def test_an_unknown_window_is_not_evidence(streams: list[Stream], baselines: list[Baseline]) -> None:
    detector = adopted(baselines)
    detector.learn(window(0, streams), everything(detector))
    before = detector.score(window(1, streams, coverage=0.4)).log_e
    for _ in range(5):
        detector.learn(window(350, streams, coverage=0.4), everything(detector))
    assert (detector.score(window(2, streams, coverage=0.4)).log_e == before).all()
    assert (detector.score(window(350, streams)).log_e[1:] > before[1:] + 1.0).all()


def test_the_interval_holds_the_windows_rate_almost_always(streams: list[Stream], baselines: list[Baseline]) -> None:
    detector = adopted(baselines)
    outside = np.zeros(len(streams))
    for i in range(300):
        seen = window(i, streams)
        scores = detector.score(seen)
        assert (scores.low <= scores.expected).all()
        assert (scores.expected <= scores.high).all()
        rate = seen.bad / np.maximum(seen.evaluated, 1.0)
        outside += (rate < scores.low - 1e-12) | (rate > scores.high + 1e-12)
        detector.learn(seen, everything(detector))
    assert (outside <= 12).all()


def test_growing_keeps_what_is_known(streams: list[Stream], baselines: list[Baseline]) -> None:
    small, large = adopted(baselines[:2]), adopted(baselines[:2])
    lived(small, streams[:2], 100)
    lived(large, streams[:2], 100)
    large.grow(4)
    seen = window(100, streams[:4])
    scores = large.score(seen)
    assert scores.warm.tolist() == [True, True, False, False]
    assert (scores.log_e[:2] == small.score(window(100, streams[:2])).log_e).all()


def test_forgetting_ends_the_incident_and_its_evidence(streams: list[Stream], baselines: list[Baseline]) -> None:
    detector = adopted(baselines)
    lived(detector, streams, 400)
    assert detector.open[1]
    detector.forget(np.array([1]))
    assert not detector.open[1]
    quiet = window(0, streams)
    assert detector.score(quiet).log_e[1] < math.log(60_480.0)


def test_a_new_baseline_begins_anew_or_goes_on_from_a_state(streams: list[Stream], baselines: list[Baseline]) -> None:
    detector = adopted(baselines)
    lived(detector, streams, 400)
    assert detector.open[1]
    past = run(baselines[1], START + 10 * WEEK, streams[1].evaluated[WEEK:][:400], streams[1].bad[WEEK:][:400])
    detector.adopt(1, baselines[1])
    assert not detector.open[1]
    detector.adopt(1, baselines[1], past.state)
    assert detector.open[1]


def test_windows_of_another_length_are_refused(streams: list[Stream]) -> None:
    minutes = learn(START, streams[0].evaluated[:WEEK], streams[0].bad[:WEEK], seconds=60)
    with pytest.raises(ValueError, match="windows of 60 s, the detector of 10 s"):
        StateSpaceDetector(1).adopt(0, minutes)


def test_no_window_makes_a_score_other_than_finite(streams: list[Stream], baselines: list[Baseline]) -> None:
    detector = adopted(baselines)
    size = len(baselines)
    for i, (n, k) in enumerate([(0.0, 0.0), (1.0, 1.0), (1e12, 1e12), (1e12, 0.0), (3.0, 7.0), (0.0, 5.0)] * 5):
        seen = Window(START + 10 * i, np.full(size, n), np.full(size, k), np.ones(size), np.zeros(size))
        scores = detector.score(seen)
        for column in (scores.log_e, scores.expected, scores.low, scores.high):
            assert np.isfinite(column).all()
        detector.learn(seen, everything(detector))
