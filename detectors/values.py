"""Plain values, one number a window: a whole series at once, or one value at a time with the same bits."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.base import Bools, Floats
from detectors.compiled import compiled
from detectors.values_memory import Memory, fresh
from detectors.values_step import CLOSED, OPENED, step

__all__ = ["ValueDetector", "ValueRun", "ValueScore", "run_values"]

Integers = npt.NDArray[np.int64]
_EVIDENCE, _NEWS, _EXPECTED, _LOW, _HIGH, _EVENT = range(6)


@dataclass(frozen=True, slots=True)
class ValueRun:
    """What a series went through, columns of shape (n,).

    `score` is the natural logarithm of the evidence that a value is abnormal, 0 while warming and where the value is
    missing; `news` what a value is worth telling beside the series' own history, 0 where that was told lately;
    `expected`, `low`, `high` are what was held for normal before the value, in its unit, the interval holding 99
    values of 100. `opened` and `closed` are indices; `up` says of each opening whether the value was above.
    """

    score: Floats
    news: Floats
    expected: Floats
    low: Floats
    high: Floats
    opened: Integers
    closed: Integers
    up: Bools


class ValueScore(NamedTuple):
    """One row of a `ValueRun`."""

    score: float
    news: float
    expected: float
    low: float
    high: float
    opened: bool
    closed: bool
    up: bool


def run_values(times: Integers, values: Floats, budget_seconds: float) -> ValueRun:
    """Score columns of shape (n,): Unix seconds and values, NaN where there is none.

    `budget_seconds` is the mean time between false pages that is wanted. Raises ValueError if the columns differ in
    length or the budget is not positive.
    """
    if len(times) != len(values):
        raise ValueError(f"{len(times)} times and {len(values)} values")
    _check(budget_seconds)
    t, v = np.ascontiguousarray(times, dtype=np.int64), np.ascontiguousarray(values, dtype=np.float64)
    found = _steps(fresh(), t, v, budget_seconds)
    opened = np.flatnonzero(found[_EVENT] == OPENED)
    return ValueRun(
        score=found[_EVIDENCE],
        news=found[_NEWS],
        expected=found[_EXPECTED],
        low=found[_LOW],
        high=found[_HIGH],
        opened=opened,
        closed=np.flatnonzero(found[_EVENT] == CLOSED),
        up=v[opened] > found[_EXPECTED][opened],
    )


class ValueDetector:
    """The step form, for one series live. Raises ValueError for a budget that is not positive."""

    def __init__(self, budget_seconds: float) -> None:
        _check(budget_seconds)
        self.budget_seconds = budget_seconds
        self._memory = fresh()

    def take(self, time: int, value: float) -> ValueScore:
        """Score a value of this Unix time by what came before it, then learn it."""
        score, news, expected, low, high, event = step(self._memory, time, value, self.budget_seconds)
        up = event == OPENED and value > expected
        return ValueScore(score, news, expected, low, high, event == OPENED, event == CLOSED, up)


def _check(budget_seconds: float) -> None:
    if not budget_seconds > 0.0:
        raise ValueError(f"a budget of {budget_seconds} s between false pages is not positive")


@compiled
def _steps(memory: Memory, times: Integers, values: Floats, budget: float) -> Floats:
    """Columns of shape (6, n)."""
    found = np.zeros((6, len(values)))
    for i in range(len(values)):
        evidence, news, expected, low, high, event = step(memory, times[i], values[i], budget)
        found[_EVIDENCE, i], found[_NEWS, i] = evidence, news
        found[_EXPECTED, i], found[_LOW, i], found[_HIGH, i] = expected, low, high
        found[_EVENT, i] = event
    return found
