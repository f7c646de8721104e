"""Goal G9: labelled episodes of production rates (Microsoft cloud monitoring) found at one false episode a week.

Alarms nearer than an hour, or than one window, are one episode. It is false if it touches no labelled point, and a
label is found if an alarm is in it. The threshold is one for all series: from the top down, the last before the false
episodes pass one per series-week. Going on would not do: once everything is in alarm, all is one episode that touches
a label. So the share of unlabelled time in alarm is reported too, and the same with an alarm counted by its first
window alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.detection.intervals import bootstrap
from benchmarks.detection.nab import missing
from detectors.values import run_values

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
GOAL = 0.65
FILES = ("ms_cloud_monitoring.parquet",)
_WEEK = 604_800.0
_HOUR = 3600.0
_THRESHOLDS, _DEEPEST = 400, 0.2
_SEED = 9


@dataclass(frozen=True, slots=True)
class Series:
    """Columns of shape (n,); `label` is True where experts saw an anomaly."""

    name: str
    times: Ints
    values: Floats
    label: Bools

    @property
    def weeks(self) -> float:
        """From the first value to the last."""
        return float(self.times[-1] - self.times[0]) / _WEEK

    @property
    def gap(self) -> int:
        """Windows without alarm that an episode may hold."""
        return max(1, int(_HOUR / float(np.median(np.diff(self.times)))))


@dataclass(frozen=True, slots=True)
class Counted:
    """Labelled episodes found, false episodes, and unlabelled points in alarm."""

    found: int
    false: int
    loud: int


def episodes(flags: Bools, gap: int = 0) -> list[tuple[int, int]]:
    """First index and end of the runs of True that are more than `gap` points of False apart."""
    at = np.flatnonzero(flags)
    if len(at) == 0:
        return []
    breaks = np.flatnonzero(np.diff(at) > gap + 1)
    firsts, lasts = np.append(at[0], at[breaks + 1]), np.append(at[breaks], at[-1])
    return [(int(first), int(last) + 1) for first, last in zip(firsts, lasts, strict=True)]


def count(series: Series, scores: Floats, threshold: float, by_start: bool = False) -> Counted:
    """What a threshold finds in a series; `by_start` counts only the first window of an episode, as a page would."""
    alarm = scores >= threshold
    runs = episodes(alarm, series.gap - 1)
    seen = np.zeros(len(alarm), dtype=np.bool_)
    if by_start:
        seen[[first for first, _ in runs]] = True
        false = sum(not series.label[first] for first, _ in runs)
    else:
        seen = alarm
        false = sum(not series.label[first:end].any() for first, end in runs)
    found = sum(bool(seen[first:end].any()) for first, end in episodes(series.label))
    return Counted(found, false, int((alarm & ~series.label).sum()))


def threshold_of(series: Sequence[Series], scores: Sequence[Floats], by_start: bool = False) -> float:
    """The last threshold from the top down before false episodes pass one per series-week."""
    weeks = sum(one.weeks for one in series)
    highest = np.sort(np.concatenate([own[own > 0.0] for own in scores]))[::-1]
    places = np.unique(np.geomspace(1, max(_DEEPEST * len(highest), 1), _THRESHOLDS).astype(np.int64)) - 1
    found = np.inf
    for threshold in highest[places]:
        false = sum(count(one, own, threshold, by_start).false for one, own in zip(series, scores, strict=True))
        if false > weeks:
            break
        found = float(threshold)
    return found


def cloud_goal(folder: Path) -> dict[str, Any]:
    """G9: `score` of `run_values` on all series, one setting; `met` is of the recall over all series."""
    nothing = missing(folder, FILES, GOAL)
    if nothing is not None:
        return nothing
    series = read(folder)
    runs = [run_values(one.times, one.values, _WEEK) for one in series]
    scores = [run.score for run in runs]
    threshold = threshold_of(series, scores)
    counted = [count(one, own, threshold) for one, own in zip(series, scores, strict=True)]
    labels = [len(episodes(one.label)) for one in series]
    recall = _recall([one.found for one in counted], labels)
    low, high = bootstrap([len(series)], recall, np.random.default_rng(_SEED))
    value = recall([np.arange(len(series))])
    openings = [int((~one.label[run.opened]).sum()) for one, run in zip(series, runs, strict=True)]
    return {
        "value": round(value, 3),
        "goal": GOAL,
        "met": value >= GOAL,
        "interval": [round(low, 3), round(high, 3)],
        "n": sum(labels),
        "threshold": round(threshold, 3),
        "false_episodes": sum(one.false for one in counted),
        "series_weeks": round(sum(one.weeks for one in series), 1),
        "unlabelled_time_in_alarm": round(sum(one.loud for one in counted) / sum(len(one.times) for one in series), 4),
        "even": _half(series[::2], scores[::2]),
        "odd": _half(series[1::2], scores[1::2]),
        "by_start": _half(series, scores, by_start=True),
        "incidents_at_one_a_week": sum(len(run.opened) for run in runs),
        "incidents_opened_at_no_label": sum(openings),
    }


def read(folder: Path) -> list[Series]:
    """All series by name."""
    frame = pd.read_parquet(folder / FILES[0])
    found = []
    for name, group in frame.groupby("series", sort=True, observed=True):
        times = group["timestamp"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        seconds = times.astype("datetime64[s]").astype(np.int64)
        label = group["label"].to_numpy() > 0
        found.append(Series(str(name), seconds, group["value"].to_numpy(dtype=np.float64), label))
    return found


def _half(series: Sequence[Series], scores: Sequence[Floats], by_start: bool = False) -> float:
    """Recall at these series' own threshold."""
    threshold = threshold_of(series, scores, by_start)
    counted = [count(one, own, threshold, by_start) for one, own in zip(series, scores, strict=True)]
    labels = [len(episodes(one.label)) for one in series]
    return round(_recall([one.found for one in counted], labels)([np.arange(len(series))]), 3)


def _recall(found: Sequence[int], labels: Sequence[int]) -> Callable[[list[Ints]], float]:
    """Share of the labelled episodes of redrawn series that are found, the threshold staying as it is."""
    own = np.array([found, labels], dtype=np.float64)

    def share(drawn: list[Ints]) -> float:
        hits, all_labels = own[:, drawn[0]].sum(axis=1)
        return float(hits / max(all_labels, 1.0))

    return share
