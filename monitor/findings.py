"""What the scorer says of closed windows, as rows of the store. No I/O."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from detectors.bank import Bank, Verdict
from detectors.base import Window
from monitor.columns import Series, judged_after
from monitor.terms import Terms
from schemas.finding import Incident, Score, State

WARN_WITHIN = float(np.log(100.0))
"""Nats below the threshold from which on a score is a warning: what would page at a hundred times the budget."""


@dataclass(slots=True)
class Findings:
    """What a run over some windows found."""

    scores: list[Score] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)

    def add(self, more: "Findings") -> None:
        """Append what a later run found."""
        self.scores += more.scores
        self.incidents += more.incidents


def scores_of(verdict: Verdict, window: Window, bank: Bank, series: Series, by: Terms) -> list[Score]:
    """A row for each series of which the window says something, or should."""
    rows = np.flatnonzero((window.evaluated > 0) | verdict.unknown | verdict.alarm)
    thresholds = bank.thresholds(np.log(np.tile(by.budgets, len(series.features))))
    first = [_score(verdict, window, float(thresholds[row]), series, int(row), by) for row in rows]
    others = [
        _score(verdict, window, float(thresholds[row]), series, int(row), by).model_copy(
            update={"detector": name, "state": "WARN"}
        )
        for name, seen in verdict.others.items()
        for row in np.flatnonzero(seen)
    ]
    return first + others


def _score(verdict: Verdict, window: Window, threshold: float, series: Series, row: int, by: Terms) -> Score:
    scores = verdict.scores
    feature, kpi = series.name(row)
    return Score.model_construct(  # our own numbers, thousands a second after an outage
        window_start=datetime.fromtimestamp(window.start - judged_after(kpi), UTC),
        feature=feature,
        kpi=kpi,
        detector=by.detector,
        policy_version=by.policy,
        evaluated=int(window.evaluated[row]),
        bad=int(window.bad[row]),
        expected_rate=float(scores.expected[row]),
        interval_low=float(scores.low[row]),
        interval_high=float(scores.high[row]),
        log_e=float(scores.log_e[row]),
        threshold=threshold,
        coverage=float(window.coverage[row]),
        state=_state(verdict, row, threshold),
    )


def _state(verdict: Verdict, row: int, threshold: float) -> State:
    if verdict.alarm[row]:
        return "ALARM"
    if verdict.unknown[row]:
        return "UNKNOWN"
    if not verdict.scores.warm[row]:
        return "WARMING"
    return "WARN" if verdict.scores.log_e[row] > threshold - WARN_WITHIN else "OK"
