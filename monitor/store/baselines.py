"""Writing and reading what was learned of each series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from clickhouse_connect.driver.client import Client

from detectors.baseline import Baseline
from detectors.rows import PARAMETERS

_COLUMNS = (
    "feature", "detector", "policy_version", "learned_at", "kpi", "parameters", "fitted", "windows", "seconds",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Learner:
    """Who learned it: baselines of others are not for us. `budget` is in windows per false page of a series."""

    detector: str
    policy: str
    budget: float


def insert_baselines(client: Client, by: Learner, feature: str, at: int, learned: Mapping[str, Baseline]) -> None:
    """Write what was learned of a feature's KPIs at a moment, Unix seconds. Blocking."""
    moment = datetime.fromtimestamp(at, UTC)
    who = (feature, by.detector, by.policy, moment)
    rows = [[*who, kpi, one.parameters.tolist(), one.fitted, one.windows, one.seconds] for kpi, one in learned.items()]
    client.insert("baselines", rows, column_names=_COLUMNS)


def read_baselines(
    client: Client, by: Learner, moments: Mapping[str, int], kpis: Sequence[str]
) -> dict[str, Mapping[str, Baseline]]:
    """The baselines of these features learned at these moments, feature to KPI; of features that have all. Blocking."""
    if not moments:
        return {}
    found = client.query(
        "SELECT toString(feature), toString(kpi), toUnixTimestamp(learned_at), parameters, fitted, windows, seconds "
        "FROM baselines WHERE feature IN {features:Array(String)} AND detector = {detector:String} "
        "AND policy_version = {policy:String} AND learned_at >= {since:DateTime('UTC')}",
        {
            "features": list(moments), "detector": by.detector, "policy": by.policy,
            "since": datetime.fromtimestamp(min(moments.values()), UTC),
        },
    )  # fmt: skip
    learned: dict[str, dict[str, Baseline]] = {}
    for feature, kpi, at, parameters, fitted, windows, seconds in found.result_rows:
        row = np.array(parameters, dtype=np.float64)
        if int(at) == moments[feature] and len(row) == PARAMETERS:
            learned.setdefault(feature, {})[kpi] = Baseline(row, int(fitted), int(windows), int(seconds))
    return {feature: rows for feature, rows in learned.items() if set(kpis) <= set(rows)}
