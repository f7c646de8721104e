"""What the scorer says of closed windows, as rows of the store. No I/O."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from detectors.bank import Bank, Opinion
from detectors.base import Window
from monitor.columns import Series, judged_after
from monitor.store.baselines import Learner
from schemas.finding import Incident, Score, State


@dataclass(slots=True)
class Findings:
    """What a run over some windows found."""

    scores: list[Score] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)

    def add(self, more: "Findings") -> None:
        """Append what a later run found."""
        self.scores += more.scores
        self.incidents += more.incidents


def scores_of(opinion: Opinion, window: Window, bank: Bank, series: Series, by: Learner) -> list[Score]:
    """A row for each series of which the window says something, or should."""
    rows = np.flatnonzero((window.evaluated > 0) | opinion.unknown | opinion.alarm)
    thresholds = bank.thresholds(float(np.log(by.budget)))
    first = [_score(opinion, window, float(thresholds[row]), series, int(row), by) for row in rows]
    told = {"detector": bank.second.name, "state": "WARN"}
    second = [
        _score(opinion, window, float(thresholds[row]), series, int(row), by).model_copy(update=told)
        for row in np.flatnonzero(opinion.second)
    ]
    return first + second


def _score(opinion: Opinion, window: Window, threshold: float, series: Series, row: int, by: Learner) -> Score:
    scores = opinion.scores
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
        state=_state(opinion, row, threshold),
    )


def _state(opinion: Opinion, row: int, threshold: float) -> State:
    if opinion.alarm[row]:
        return "ALARM"
    if opinion.unknown[row]:
        return "UNKNOWN"
    if not opinion.scores.warm[row]:
        return "WARMING"
    return "WARN" if opinion.scores.log_e[row] > threshold / 2 else "OK"
