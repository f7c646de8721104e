"""Writing and reading what was learned of each series.

The column `policy_version` says what of a policy the learning depends on, and not which policy it was: a policy that
changes one budget finds all other baselines where they are.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client

from detectors.baseline import Baseline
from detectors.knowledge import Knowledge
from detectors.rows import PARAMETERS
from detectors.strata import Reference
from detectors.traffic_shape import BINS, WEEKDAYS, Shape
from monitor.terms import Terms

_LEARNED = (
    "kpi", "parameters", "fitted", "windows", "seconds", "strata", "strata_rates", "strata_mean", "shape", "shifts",
)  # fmt: skip
_COLUMNS = ("feature", "detector", "policy_version", "learned_at", *_LEARNED)


def insert_knowledge(client: Client, by: Terms, feature: str, at: int, learned: Mapping[str, Knowledge]) -> None:
    """Write what was learned of a feature's KPIs at a moment, Unix seconds. Blocking."""
    moment, learned_by = datetime.fromtimestamp(at, UTC), by.learned_by
    rows = [[feature, by.detector, learned_by[kpi], moment, kpi, *_numbers(one)] for kpi, one in learned.items()]
    client.insert("baselines", rows, column_names=_COLUMNS)


def read_knowledge(client: Client, by: Terms, moments: Mapping[str, int]) -> dict[str, dict[str, Knowledge]]:
    """What was learned by these terms of these features at these moments, feature to KPI. Blocking.

    Of a KPI whose budget was another one, nothing.
    """
    if not moments:
        return {}
    learned_by = by.learned_by
    found = client.query(
        "SELECT toString(feature), toUnixTimestamp(learned_at), toString(policy_version), toString(kpi), "  # noqa: S608
        f"{', '.join(_LEARNED[1:])} FROM baselines "
        "WHERE feature IN {features:Array(String)} AND detector = {detector:String} "
        "AND policy_version IN {learned_by:Array(String)} AND learned_at >= {since:DateTime('UTC')}",
        {
            "features": list(moments), "detector": by.detector, "learned_by": sorted(set(learned_by.values())),
            "since": datetime.fromtimestamp(min(moments.values()), UTC),
        },
    )  # fmt: skip
    learned: dict[str, dict[str, Knowledge]] = {}
    for feature, at, text, kpi, *numbers in found.result_rows:
        if int(at) == moments[feature] and text == learned_by.get(kpi) and len(numbers[0]) == PARAMETERS:
            learned.setdefault(feature, {})[kpi] = _knowledge(numbers)
    return learned


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
