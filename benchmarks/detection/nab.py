"""Goal G8: the Numenta Anomaly Benchmark, scored by its own rules, with thresholds chosen over the corpus.

A point is flagged if its score reaches the threshold. Within a labelled window only the best flagged point counts, by
a sigmoid of its place; every flagged point elsewhere costs by its distance from the last window. The first 15 % of a
file, 750 points at most, count neither way. A profile's threshold is the one that suits the whole corpus best, as NAB
chooses it; 0 is what no flag gives, 100 what a flag at the start of every window gives.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.common import say
from benchmarks.detection.intervals import bootstrap
from detectors.values import run_values

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
GOALS = {"standard": 65.0, "reward_low_FP_rate": 55.0, "reward_low_FN_rate": 70.0}
FILES = ("nab.parquet", "nab_combined_windows.json", "nab_profiles.json")
_WEEK = 604_800.0
_FAR = 3.0
_PROBATION, _PROBATION_POINTS = 0.15, 5000
_SEED = 8


@dataclass(frozen=True, slots=True)
class Costs:
    """A profile: what a window found is worth, what one missed costs, what a false flag costs."""

    found: float
    missed: float
    false: float


@dataclass(frozen=True, slots=True)
class Labelled:
    """One file, columns of shape (n,). `place` is -1 at a window's start, 0 at its end, then grows to 3 and stays so;
    `window` is its number, -1 outside; `counts` is False in probation. `windows` is how many the labels have.
    """

    name: str
    times: Ints
    values: Floats
    place: Floats
    window: Ints
    counts: npt.NDArray[np.bool_]
    windows: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The best threshold of a profile (infinite: flag nothing), its score, windows found, and false flags."""

    score: float
    threshold: float
    found: int
    false: int


def worth(place: Floats) -> Floats:
    """NAB's sigmoid: near 1 at a window's start, 0 at its end, -1 far behind it."""
    found: Floats = np.where(place >= _FAR, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(place, _FAR))) - 1.0)
    return found


BEST = float(worth(np.array([-1.0]))[0])


def labelled(name: str, times: Ints, values: Floats, spans: Sequence[tuple[int, int]]) -> Labelled:
    """Places of the points beside the windows, which are given by the times of their first and last points."""
    count = len(times)
    place, window = np.full(count, _FAR), np.full(count, -1, dtype=np.int64)
    index = np.arange(count)
    for k, (begin, end) in enumerate(spans):
        first, last = (int(np.flatnonzero(times == edge)[0]) for edge in (begin, end))
        width = last - first + 1
        behind = index[last + 1 :] - last
        place[last + 1 :] = behind / (width - 1.0)
        place[first : last + 1] = -(last - index[first : last + 1] + 1) / width
        window[first : last + 1] = k
    probation = min(int(_PROBATION * count), _PROBATION * _PROBATION_POINTS)
    return Labelled(name, times, values, place, window, index >= probation, len(spans))


def normalised(score: float, nothing: float, windows: int, costs: Costs) -> float:
    """On the scale from flagging nothing to perfection."""
    return 100.0 * (score - nothing) / (windows * costs.found - nothing)


def at_threshold(file: Labelled, scores: Floats, threshold: float, costs: Costs) -> tuple[float, float]:
    """What the flags of a file are worth, and what no flag would be."""
    flagged = (scores >= threshold) & file.counts
    gain = worth(file.place)
    score = costs.false * float(gain[flagged & (file.window < 0)].sum())
    scored = np.unique(file.window[file.counts & (file.window >= 0)])
    for k in scored:
        inside = gain[flagged & (file.window == k)]
        score += max(costs.found * float(inside.max()) / BEST, -costs.missed) if len(inside) else -costs.missed
    return score, -costs.missed * len(scored)


def sweep(files: Sequence[Labelled], scores: Sequence[Floats], costs: Costs) -> Outcome:
    """The threshold that suits these files best."""
    flags, windows, gains, first, nothing = [], [], [], 0, 0.0
    for file, own in zip(files, scores, strict=True):
        keep = file.counts
        number = np.where(file.window >= 0, file.window + first, -1)[keep]
        gain = worth(file.place)[keep]
        flags.append(own[keep])
        windows.append(number)
        gains.append(np.where(number >= 0, gain * costs.found / BEST, gain * costs.false))
        nothing -= costs.missed * len(np.unique(number[number >= 0]))
        first += file.windows
    flag, number, gain = np.concatenate(flags), np.concatenate(windows), np.concatenate(gains)
    order = np.argsort(-flag, kind="stable")
    flag, number, gain = flag[order], number[order], gain[order]
    total = nothing + np.cumsum(_added(number, gain, costs))
    last_of_ties = np.append(flag[1:] != flag[:-1], True)
    at = int(np.argmax(np.where(last_of_ties, total, -np.inf)))
    if total[at] <= nothing:
        return Outcome(0.0, np.inf, 0, 0)
    hits = number[: at + 1]
    score = normalised(float(total[at]), nothing, first, costs)
    return Outcome(score, float(flag[at]), len(np.unique(hits[hits >= 0])), int((hits < 0).sum()))


def _added(number: Ints, gain: Floats, costs: Costs) -> Floats:
    """What each point adds when flagged after those before it."""
    added = gain.copy()
    best: dict[int, float] = {}
    for at in np.flatnonzero(number >= 0):
        k = int(number[at])
        before = best.get(k, -costs.missed)
        best[k] = max(before, float(gain[at]))
        added[at] = best[k] - before
    return added


def read(folder: Path) -> tuple[list[Labelled], dict[str, Costs]]:
    """The files by name, and the profiles."""
    frame = pd.read_parquet(folder / FILES[0])
    spans = json.loads((folder / FILES[1]).read_text())
    files = []
    for name, group in frame.groupby("file", sort=True, observed=True):
        times = _seconds(group["timestamp"])
        values = group["value"].to_numpy(dtype=np.float64)
        own = [tuple(_seconds(pd.Series(pd.to_datetime(pair))).tolist()) for pair in spans[name]]
        files.append(labelled(str(name), times, values, own))
    matrices = {name: one["CostMatrix"] for name, one in json.loads((folder / FILES[2]).read_text()).items()}
    return files, {name: Costs(one["tpWeight"], one["fnWeight"], one["fpWeight"]) for name, one in matrices.items()}


def _seconds(times: Any) -> Ints:
    found: Ints = times.to_numpy().astype("datetime64[s]").astype(np.int64)
    return found


def missing(folder: Path, files: Sequence[str], goal: float) -> dict[str, Any] | None:
    """None if the files are there. Otherwise says so, and returns a goal of which nothing is known."""
    absent = [name for name in files if not (folder / name).is_file()]
    if not absent:
        return None
    why = f"NOT MEASURED: {', '.join(absent)} not in {folder.name}/, which belongs beside the repository in shared/"
    say(why)
    return {"value": None, "goal": goal, "met": None, "interval": None, "n": 0, "why": why}


def nab_goal(folder: Path) -> dict[str, Any]:
    """G8: `news` of `run_values` on all files, one setting. `value` is the standard profile's, `met` of all three."""
    nothing = missing(folder, FILES, GOALS["standard"])
    if nothing is not None:
        return nothing
    files, profiles = read(folder)
    news = [run_values(file.times, file.values, _WEEK).news for file in files]
    rows = {name: _row(files, news, profiles[name], goal) for name, goal in GOALS.items()}
    standard = rows["standard"]
    return {
        "value": standard["value"],
        "goal": GOALS["standard"],
        "met": all(row["met"] for row in rows.values()),
        "interval": standard["interval"],
        "n": len(files),
        "profiles": rows,
    }


def _row(files: Sequence[Labelled], scores: Sequence[Floats], costs: Costs, goal: float) -> dict[str, Any]:
    """A profile on all files and on both halves, each at its own best threshold and at the other half's."""
    best = sweep(files, scores, costs)
    even, odd = (sweep(files[half::2], scores[half::2], costs) for half in (0, 1))
    points = [at_threshold(file, own, best.threshold, costs) for file, own in zip(files, scores, strict=True)]
    low, high = bootstrap([len(files)], _redrawn(files, points, costs), np.random.default_rng(_SEED))
    return {
        "value": round(best.score, 1),
        "goal": goal,
        "met": best.score >= goal,
        "interval": [round(low, 1), round(high, 1)],
        "threshold": round(best.threshold, 2),
        "windows_found": best.found,
        "windows": sum(file.windows for file in files),
        "false_flags": best.false,
        "even": round(even.score, 1),
        "odd": round(odd.score, 1),
        "even_at_odd_threshold": round(total(files[::2], scores[::2], odd.threshold, costs), 1),
        "odd_at_even_threshold": round(total(files[1::2], scores[1::2], even.threshold, costs), 1),
    }


def total(files: Sequence[Labelled], scores: Sequence[Floats], threshold: float, costs: Costs) -> float:
    """The score of several files at a given threshold."""
    points = [at_threshold(file, own, threshold, costs) for file, own in zip(files, scores, strict=True)]
    return _redrawn(files, points, costs)([np.arange(len(files))])


def _redrawn(
    files: Sequence[Labelled], points: Sequence[tuple[float, float]], costs: Costs
) -> Callable[[list[Ints]], float]:
    """The score of redrawn files, the threshold staying as it is."""
    own = np.array([(score, nothing, file.windows) for (score, nothing), file in zip(points, files, strict=True)])

    def score(drawn: list[Ints]) -> float:
        reached, nothing, windows = own[drawn[0]].sum(axis=0)
        return normalised(float(reached), float(nothing), int(windows), costs)

    return score
