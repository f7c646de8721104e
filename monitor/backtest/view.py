"""What an engineer looks at: one series around a moment, window by window, as the detector saw it. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from detectors.base import Bools, Floats, Window
from detectors.mixture import StateSpaceDetector
from detectors.rolling import Leg
from detectors.season import DAY
from monitor.backtest.history import History, Integers
from monitor.backtest.incidents import Story, known_until, size_at, story
from monitor.backtest.legs import Watch, counted, legs, memory, only, state_before, watches
from monitor.policy import Policy


@dataclass(frozen=True, slots=True)
class Mark:
    """An incident as a bin of the view shows it: where it began, opened and ended; None where that lies outside."""

    onset: int | None
    opened: int
    closed: int | None
    up: bool


@dataclass(frozen=True, slots=True)
class View:
    """Bins of `windows` windows each: columns of shape (bins,), `times` being Unix seconds of their beginnings.

    `low` and `high` hold the rate of a whole bin 99 times of 100, where nothing is wrong. `observed` is NaN where
    nothing was evaluated, the others where no baseline was in force. Where one is, events are those that are held
    against it, and `expected` is the rate that it expects of what was asked. `log_e` and `threshold` are in nats;
    `open` says where an incident was.
    """

    feature: str
    kpi: str
    seconds: int
    windows: int
    times: Integers
    evaluated: Floats
    observed: Floats
    expected: Floats
    low: Floats
    high: Floats
    log_e: Floats
    threshold: Floats
    open: Bools
    marks: Sequence[Mark]


@dataclass(frozen=True, slots=True)
class Look:
    """One series between two windows, and what the detector went through from a day before on.

    `evaluated`, `bad` and `mix`, of shape (windows,), are what was held against the baselines in force.
    """

    history: History
    place: int
    watch: Watch
    first: int
    last: int
    seen: Sequence[tuple[int, Leg]]
    told: Story
    evaluated: Floats
    bad: Floats
    mix: Floats


def look(history: History, kpi: str, policy: Policy, start: int, end: int) -> Look:
    """The windows of a KPI in [start, end), Unix seconds. Raises KeyError for a KPI that is not there."""
    if kpi not in history.kpis:
        raise KeyError(kpi)
    place = history.kpis.index(kpi)
    watch = next(one for one in watches(history, policy) if place in one.kpis)
    watch = only(watch, watch.kpis.index(place))
    windows = watch.columns.evaluated.shape[1]
    first, last = (min(max((at - history.start) // history.seconds, 0), windows) for at in (start, end))
    begin = history.start + first * history.seconds - DAY
    seen = [
        (watch.window(leg.start), leg)
        for leg in legs(watch, begin)
        if leg.series == 0 and watch.window(leg.start) < last
    ]
    evaluated, bad, mix = watch.columns.evaluated[0].copy(), watch.columns.bad[0].copy(), np.ones(windows)
    for begins, leg in seen:
        inside = slice(begins, begins + len(leg.run.log_e))
        evaluated[inside], bad[inside], mix[inside] = counted(watch, leg)
    told = story(windows, seen, -1, partial(state_before, watch))
    return Look(history, place, watch, first, last, seen, told, evaluated, bad, mix)


def view(found: Look, most: int) -> View:
    """What was looked at, in `most` bins at most."""
    history, told = found.history, found.told
    windows = max(-(-(found.last - found.first) // most), 1)
    starts = np.arange(found.first, found.last, windows)
    times = np.array([history.true_start(found.place, int(start)) for start in starts], dtype=np.int64)
    is_open = np.zeros(len(starts), dtype=np.bool_)
    for one in told.incidents:
        end = one.closed if one.closed is not None else found.last
        is_open |= (starts + windows > one.opened) & (starts <= end)
    return View(
        feature=history.feature,
        kpi=history.kpis[found.place],
        seconds=history.seconds,
        windows=windows,
        times=times,
        open=is_open,
        marks=_marks(found, starts, windows),
        **_columns(found, starts, windows),
    )


def highest_evidence(shown: View) -> float:
    """Where a picture of the evidence ends, in nats: a statistic far above its threshold would hide the threshold."""
    top, threshold = (float(np.nanmax(np.append(column, 1.0))) for column in (shown.log_e, shown.threshold))
    return 1.02 * (max(min(top, 2.0 * threshold), threshold) if threshold > 1.0 else top)


def _columns(look: Look, starts: Integers, windows: int) -> dict[str, Floats]:
    names = ("evaluated", "observed", "expected", "low", "high", "log_e", "threshold")
    found = {name: np.full(len(starts), np.nan) for name in names}
    for i, start in enumerate(starts.tolist()):
        end = min(start + windows, look.last)
        found["evaluated"][i] = look.evaluated[start:end].sum()
        if found["evaluated"][i] > 0.0:
            found["observed"][i] = look.bad[start:end].sum() / found["evaluated"][i]
    for first, leg in look.seen:
        count = len(leg.run.log_e)
        if first + count > (starts[0] if len(starts) else look.last) and first < look.last:
            _score_bins(look, first, leg, starts, found)
    return found


def _score_bins(look: Look, first: int, leg: Leg, starts: Integers, found: dict[str, Floats]) -> None:
    """Step through a leg, and look out from the first window of each bin over all the events of the bin."""
    seconds = look.watch.columns.seconds
    detector = StateSpaceDetector(1, seconds)
    detector.adopt(0, leg.baseline, state_before(look.watch, leg))
    bins = {start: i for i, start in enumerate(starts.tolist())}
    width = int(starts[1] - starts[0]) if len(starts) > 1 else 1
    for i in range(min(len(leg.run.log_e), int(starts[-1]) + width - first)):
        at, moment = first + i, leg.start + i * seconds
        if (number := bins.get(at)) is not None:
            mix = _mix_of(look, at, min(at + width, look.last))
            whole = detector.score(_window(moment, found["evaluated"][number], 0.0, mix))
            found["expected"][number], found["threshold"][number] = whole.expected[0], leg.baseline.threshold
            found["low"][number], found["high"][number] = whole.low[0], whole.high[0]
        window = _window(moment, look.evaluated[at], look.bad[at], look.mix[at])
        detector.learn(window, np.ones(1, dtype=np.bool_))
        if at >= starts[0]:
            number = int((at - starts[0]) // width)
            found["log_e"][number] = np.fmax(found["log_e"][number], leg.run.log_e[i])


def _mix_of(look: Look, start: int, end: int) -> float:
    """The mix of all events of the windows in [start, end)."""
    events, mix = look.evaluated[start:end], look.mix[start:end]
    if (mix == mix[0]).all() or not events.any():  # their mean would have other bits
        return float(mix[0])
    return float((events * mix).sum() / events.sum())


def _window(start: int, evaluated: float, bad: float, mix: float) -> Window:
    one = np.ones(1)
    return Window(start, evaluated * one, bad * one, one, np.zeros(1), mix * one)


def _marks(look: Look, starts: Integers, windows: int) -> list[Mark]:
    def place(window: int) -> int | None:
        return int((window - starts[0]) // windows) if len(starts) and starts[0] <= window < look.last else None

    found, since = [], 0
    for one in look.told.incidents:
        known = memory(look.watch, look.seen, one.opened, known_until(one))
        size = size_at(one, since, look.told, known, look.watch.columns.seconds)
        since = look.last if one.closed is None else one.closed + 1
        if (opened := place(one.opened)) is not None:
            closed = None if one.closed is None else place(one.closed)
            found.append(Mark(place(size.first), opened, closed, one.up))
    return found
