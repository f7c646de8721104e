"""Writing and reading what was learned of each series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client

from detectors.baseline import Baseline
from detectors.knowledge import Knowledge
from detectors.rows import PARAMETERS
from detectors.strata import Reference
from detectors.traffic_shape import BINS, WEEKDAYS, Shape

_LEARNED = (
    "kpi", "parameters", "fitted", "windows", "seconds", "strata", "strata_rates", "strata_mean", "shape", "shifts",
)  # fmt: skip
_COLUMNS = ("feature", "detector", "policy_version", "learned_at", *_LEARNED)


@dataclass(frozen=True, slots=True)
class Learner:
    """Who learned it: baselines of others are not for us. `budget` is in windows per false page of a series."""

    detector: str
    policy: str
    budget: float


def insert_knowledge(client: Client, by: Learner, feature: str, at: int, learned: Mapping[str, Knowledge]) -> None:
    """Write what was learned of a feature's KPIs at a moment, Unix seconds. Blocking."""
    who = (feature, by.detector, by.policy, datetime.fromtimestamp(at, UTC))
    client.insert("baselines", [[*who, kpi, *_numbers(one)] for kpi, one in learned.items()], column_names=_COLUMNS)


def read_knowledge(
    client: Client, by: Learner, moments: Mapping[str, int], kpis: Sequence[str]
) -> dict[str, Mapping[str, Knowledge]]:
    """What was learned of these features at these moments, feature to KPI; of features that have all. Blocking."""
    if not moments:
        return {}
    found = client.query(
        f"SELECT toString(feature), toUnixTimestamp(learned_at), toString(kpi), {', '.join(_LEARNED[1:])} "  # noqa: S608
        "FROM baselines WHERE feature IN {features:Array(String)} AND detector = {detector:String} "
        "AND policy_version = {policy:String} AND learned_at >= {since:DateTime('UTC')}",
        {
            "features": list(moments), "detector": by.detector, "policy": by.policy,
            "since": datetime.fromtimestamp(min(moments.values()), UTC),
        },
    )  # fmt: skip
    learned: dict[str, dict[str, Knowledge]] = {}
    for feature, at, kpi, *numbers in found.result_rows:
        if int(at) == moments[feature] and len(numbers[0]) == PARAMETERS:
            learned.setdefault(feature, {})[kpi] = _knowledge(numbers)
    return {feature: rows for feature, rows in learned.items() if set(kpis) <= set(rows)}


def _numbers(known: Knowledge) -> list[Any]:
    baseline, strata, shape = known.baseline, known.strata, known.shape
    names = () if strata is None else strata.names
    rates = [] if strata is None else strata.of(names).tolist()
    factors = [] if shape is None else shape.factors.ravel().tolist()
    learned = [baseline.parameters.tolist(), baseline.fitted, baseline.windows, baseline.seconds]
    return [*learned, list(names), rates, 0.0 if strata is None else strata.mean, factors, known.shifts]


def _knowledge(numbers: Sequence[Any]) -> Knowledge:
    parameters, fitted, windows, seconds, names, rates, mean, factors, shifts = numbers
    baseline = Baseline(np.array(parameters, dtype=np.float64), int(fitted), int(windows), int(seconds))
    known = np.array(rates, dtype=np.float64)
    strata = Reference(tuple(names), known, np.zeros(len(known)), ~np.isnan(known), float(mean)) if names else None
    shape = Shape(np.array(factors, dtype=np.float64).reshape(WEEKDAYS, BINS)) if factors else None
    return Knowledge(baseline, strata, shape, bool(shifts))
