"""The windows of one pool, with its members as strata, and who is a member of it when. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.base import Bools, Floats
from detectors.baseline import cold
from detectors.knowledge import Knowledge, Rows, Strata, know
from monitor.columns import MaskCounts, truth_of
from monitor.windows import WINDOW_SECONDS, window_start
from schemas.kpis import KPIS

MOST_POOLS = 32
"""Pools that one worker scores. Each costs as much as a feature, and a label."""
MOST_MEMBERS = 32
"""Features whose rates a pool tells apart: those with the most events when it learned. The others are not in it."""
Marks = Sequence[tuple[str, int]]
"""(feature, Unix seconds) of changes after which its normal is another one."""


@dataclass(frozen=True, slots=True)
class PoolWindows:
    """Windows of one pool in [start, end), Unix seconds: what `Columns` are of a feature, laid out KPI by KPI.

    A pool has many members, and all of its KPIs side by side would not fit. `step` (number of the window), `member`,
    `mask` (its place in `truths`, see `truth_of`) and `n` are parallel columns. `floors` has shape (KPIs,).
    """

    start: int
    end: int
    members: tuple[str, ...]
    step: npt.NDArray[np.int32]
    member: npt.NDArray[np.int16]
    mask: npt.NDArray[np.int32]
    n: npt.NDArray[np.int64]
    truths: tuple[Floats, Floats, Floats]
    floors: Floats

    def between(self, start: int, end: int) -> "PoolWindows":
        """The windows that start in [start, end)."""
        start, end = max(start, self.start), min(end, self.end)
        shift = (start - self.start) // WINDOW_SECONDS
        inside = (self.step >= shift) & (self.step < (end - self.start) // WINDOW_SECONDS)
        parallel = {name: getattr(self, name)[inside] for name in ("member", "mask", "n")}
        return replace(self, start=start, end=end, step=self.step[inside] - np.int32(shift), **parallel)

    def first(self) -> int:
        """Where the first window with any event starts; `end` if there is none."""
        return self.start + int(self.step.min()) * WINDOW_SECONDS if len(self.step) else self.end

    def rows(self, place: int) -> Rows:
        """One KPI. Of arrivals, of what is missing and of what is asked a pool has nothing to say."""
        windows = max(self.end - self.start, 0) // WINDOW_SECONDS
        if place >= len(KPIS):
            return Rows(self.start, WINDOW_SECONDS, np.zeros(windows), np.zeros(windows))
        bad, evaluated = (self._by_member(truth[:, place], windows) for truth in self.truths[:2])
        population = _sums(self.step, self.n * self.truths[2][self.mask, place], windows)
        total = evaluated.sum(axis=0)
        share = np.divide(total, population, out=np.ones_like(total), where=population > 0)
        known = np.where(np.minimum(share, 1.0) < self.floors[place], 0.0, total)
        strata = Strata(self.members, evaluated, bad) if evaluated.any() else None
        return Rows(self.start, WINDOW_SECONDS, known, np.minimum(bad.sum(axis=0), known), None, strata)

    def _by_member(self, truth: Floats, windows: int) -> Floats:
        """Shape (members, windows)."""
        place = self.member.astype(np.int64) * windows + self.step
        size = len(self.members) * windows
        return _sums(place, self.n * truth[self.mask], size).reshape(len(self.members), windows)


def _sums(place: npt.NDArray[np.signedinteger[Any]], n: Floats, size: int) -> Floats:
    """What lies in each of so many places, shape (size,)."""
    return np.bincount(place, n, size).astype(np.float64)  # of nothing it would be whole numbers


def laid_out(parts: Iterable[MaskCounts], members: Sequence[str], start: int, end: int, floors: Floats) -> PoolWindows:
    """Windows in [start, end) from counts of these members, a part of them at a time."""
    names = tuple(sorted(members))
    place = {name: number for number, name in enumerate(names)}
    steps, who, masks, n = ([np.zeros(0, dtype)] for dtype in (np.int32, np.int16, np.uint64, np.int64))
    for part in parts:
        steps.append(((part.window_start - start) // WINDOW_SECONDS).astype(np.int32))
        who.append(np.array([place[name] for name in part.stratum.tolist()], dtype=np.int16))
        masks.append(part.mask)
        n.append(part.n)
    known, which = np.unique(np.concatenate(masks), return_inverse=True)
    columns = np.concatenate(steps), np.concatenate(who), which.astype(np.int32), np.concatenate(n)
    return PoolWindows(start, end, names, *columns, truth_of(known), floors)


def learn_pool(windows: PoolWindows, budgets: Mapping[int, float]) -> dict[int, Knowledge]:
    """What is known of these KPIs, by place among SCORED; `budgets` in windows per false page.

    A pool of one is a feature, which is scored as such: nothing is known of it.
    """
    if len(windows.members) < 2:
        return {place: Knowledge(cold(0, WINDOW_SECONDS)) for place in budgets}
    known = windows.between(windows.first(), windows.end)
    return {place: know(known.rows(place), budget) for place, budget in budgets.items()}


def still_members(counts: MaskCounts, marks: Marks, learned: int, heard_within: int) -> Bools:
    """Of counts of one pool those of features that are in it, if it learned at this Unix time; shape (rows,).

    A feature with a new normal is not in the pool from when that is heard of, `heard_within` seconds later, until the
    pool learns again; and then without what it did before.
    """
    keep = np.ones(len(counts.n), dtype=np.bool_)
    for feature, at in marks:
        heard = window_start(at + heard_within)
        later = counts.window_start >= heard if heard > learned else counts.window_start < window_start(at)
        keep &= ~(later & (counts.stratum == feature))
    return keep


def of_several(counts: MaskCounts) -> Bools:
    """The rows of pools in which there are two features and more, shape (rows,)."""
    pools, pool = np.unique(counts.feature, return_inverse=True)
    names, name = np.unique(counts.stratum, return_inverse=True)
    there = np.zeros((len(pools), len(names)), dtype=np.bool_)
    there[pool, name] = True
    found: Bools = (there.sum(axis=1) > 1)[pool]
    return found


def among_members(counts: MaskCounts, members: Mapping[str, Sequence[str]]) -> tuple[Bools, int]:
    """The rows of each pool's members, shape (rows,), and how many features had no place because their pool is full."""
    pools, pool = np.unique(counts.feature, return_inverse=True)
    names, name = np.unique(counts.stratum, return_inverse=True)
    inside, there = (np.zeros((len(pools), len(names)), dtype=np.bool_) for _ in range(2))
    there[pool, name] = True
    full = np.zeros(len(pools), dtype=np.bool_)
    for row, one in enumerate(pools.tolist()):
        known = set(members.get(one, ()))
        inside[row] = [feature in known for feature in names.tolist()]
        full[row] = len(known) >= MOST_MEMBERS
    return inside[pool, name], int((there & ~inside)[full].sum())
