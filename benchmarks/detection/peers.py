"""What people use today: a Prometheus rule, a static threshold, an EWMA chart, and river's detectors on one series.

Each takes the windows' counts and one parameter, and says when it began to page and when it stopped. River's are its
own classes, fed one value per window; they begin anew after each alarm, so they never stay in one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from river.drift import ADWIN, PageHinkley
from scipy.ndimage import minimum_filter1d
from scipy.signal import lfilter

from benchmarks.detection.worlds import DAY, WINDOW_SECONDS, Floats, Ints, Stream

_FIVE_MINUTES, _TWO_MINUTES, _HOUR = 30, 12, 360
_EWMA_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Learned:
    """What a user of a peer knows after a week: the mean rate, and the rate of each hour of the day, shape (24,)."""

    mean: float
    hourly: Floats

    def expected(self, start: int, windows: int) -> Floats:
        """The rate of the time of day, between the middles of the hours."""
        hour = (start // WINDOW_SECONDS + np.arange(windows)) % DAY / _HOUR - 0.5
        found: Floats = np.interp(
            hour, np.arange(-1, 25), np.concatenate([self.hourly[-1:], self.hourly, self.hourly[:1]])
        )
        return found


@dataclass(frozen=True, slots=True)
class Alarms:
    """Windows in which it began to page, and in which it had stopped."""

    opened: Ints
    closed: Ints


@dataclass(frozen=True, slots=True)
class Peer:
    """`shipped` is the parameter as delivered or as in the textbooks; a larger one pages less if `rising`.

    Tuning looks for a parameter between `low` and `high`.
    """

    name: str
    parameter: str
    shipped: float
    low: float
    high: float
    pages: Callable[[Stream, Learned, float], Alarms]
    rising: bool = True


def learned_from(past: Stream) -> Learned:
    """From a week without a change."""
    hour = (past.start // WINDOW_SECONDS + np.arange(len(past.bad))) % DAY // _HOUR
    bad, evaluated = np.bincount(hour, past.bad, 24), np.bincount(hour, past.evaluated, 24)
    return Learned(float(bad.sum() / evaluated.sum()), np.maximum(bad, 0.5) / np.maximum(evaluated, 1.0))


def prometheus_rule(stream: Stream, _learned: Learned, factor: float) -> Alarms:
    """The rate of five minutes above `factor` times that of 24 hours, for two minutes."""
    usual = _trailing(stream.bad, DAY) / np.maximum(_trailing(stream.evaluated, DAY), 1.0)
    ratio = _five_minutes(stream) / np.maximum(usual, 1e-12)
    lasting = minimum_filter1d(ratio, _TWO_MINUTES + 1, mode="constant", cval=0.0, origin=_TWO_MINUTES // 2)
    return _above(lasting, factor)


def static_threshold(stream: Stream, learned: Learned, factor: float) -> Alarms:
    """The rate of five minutes above `factor` times the learning week's mean."""
    return _above(_five_minutes(stream) / learned.mean, factor)


def ewma_chart(stream: Stream, learned: Learned, sigmas: float) -> Alarms:
    """The exponentially weighted rate above the learning week's mean by so many binomial standard deviations."""
    evaluated = np.maximum(stream.evaluated, 1)
    kept = 1.0 - _EWMA_WEIGHT
    away = lfilter([_EWMA_WEIGHT], [1.0, -kept], stream.bad / evaluated - learned.mean)
    variance = lfilter([_EWMA_WEIGHT**2], [1.0, -(kept**2)], learned.mean * (1.0 - learned.mean) / evaluated)
    return _above(away / np.sqrt(variance), sigmas)


def adwin(stream: Stream, _learned: Learned, delta: float) -> Alarms:
    """River's ADWIN on the rate of each window."""
    return _fed(ADWIN(delta=delta), stream, stream.bad / np.maximum(stream.evaluated, 1))


def page_hinkley(stream: Stream, learned: Learned, threshold: float) -> Alarms:
    """River's Page-Hinkley test, upwards, on the rate of each window as a multiple of the learning week's mean."""
    detector = PageHinkley(threshold=threshold, mode="up")
    return _fed(detector, stream, stream.bad / np.maximum(stream.evaluated, 1) / learned.mean)


def page_hinkley_residual(stream: Stream, learned: Learned, threshold: float) -> Alarms:
    """River's Page-Hinkley test, upwards and without forgetting, on what the hour of the day does not explain."""
    expected = learned.expected(stream.start, len(stream.bad))
    variance = np.maximum(stream.evaluated, 1) * expected * (1.0 - expected)
    residual = (stream.bad - stream.evaluated * expected) / np.sqrt(variance)
    return _fed(PageHinkley(threshold=threshold, delta=0.25, alpha=1.0, mode="up"), stream, residual)


PEERS = (
    Peer("Prometheus rule", "factor", 2.0, 1.01, 100.0, prometheus_rule),
    Peer("static threshold", "factor", 2.0, 1.01, 100.0, static_threshold),
    Peer("EWMA chart", "sigmas", 3.0, 1.0, 100.0, ewma_chart),
    Peer("river ADWIN", "delta", 0.002, 1e-30, 0.5, adwin, rising=False),
    Peer("river PageHinkley", "threshold", 50.0, 0.1, 1e5, page_hinkley),
    Peer("river PageHinkley, seasonal residual", "threshold", 50.0, 1.0, 1e4, page_hinkley_residual),
)
BY_NAME: Mapping[str, Peer] = {peer.name: peer for peer in PEERS}


def _five_minutes(stream: Stream) -> Floats:
    return _trailing(stream.bad, _FIVE_MINUTES) / np.maximum(_trailing(stream.evaluated, _FIVE_MINUTES), 1.0)


def _trailing(counts: Ints, windows: int) -> Floats:
    """Sums over the last so many windows, fewer at the start."""
    total = np.cumsum(counts, dtype=np.float64)
    total[windows:] -= total[:-windows].copy()
    return total


def _above(statistic: Floats, limit: float) -> Alarms:
    paging: npt.NDArray[np.bool_] = np.concatenate([[False], statistic > limit])
    return Alarms(np.flatnonzero(paging[1:] & ~paging[:-1]), np.flatnonzero(~paging[1:] & paging[:-1]))


def _fed(detector: ADWIN | PageHinkley, stream: Stream, values: Floats) -> Alarms:
    """One value per window with events in it; windows without are left out, for river does not survive a NaN."""
    opened = []
    update: Callable[[float], None] = detector.update
    for window, (value, evaluated) in enumerate(zip(values.tolist(), stream.evaluated.tolist(), strict=True)):
        if evaluated:
            update(value)
            if detector.drift_detected:
                opened.append(window)
    found = np.array(opened, dtype=np.int64)
    return Alarms(found, found)
