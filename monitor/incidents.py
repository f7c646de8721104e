"""From alarms to incidents: one per alarm on one series, with an id that a recomputation finds again. No I/O."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from detectors.bank import Bank, Opinion
from detectors.base import Window
from monitor.columns import Series
from monitor.windows import WINDOW_SECONDS
from schemas.finding import Incident
from schemas.kpis import CATALOGUE

REFRESH_WINDOWS = 6
"""An open incident's size is written again this often: once a minute."""
_Z = 2.5758  # 99 %


@dataclass(frozen=True, slots=True)
class Versions:
    """What decided: recorded with every score and incident."""

    detector: str
    policy: str


class Incidents:
    """The open incidents of one worker's series."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self.open: dict[int, Incident] = {}

    def step(self, opinion: Opinion, window: Window, bank: Bank, series: Series) -> list[Incident]:
        """The incidents that this window opened, changed or resolved."""
        changed = []
        for row in np.flatnonzero(opinion.opened).tolist():
            self.open[row] = self._opened(row, opinion, window, bank, series)
            changed.append(self.open[row])
        end = _time(opinion.start + WINDOW_SECONDS)
        for row in np.flatnonzero(opinion.closed).tolist():
            if (incident := self.open.pop(row, None)) is not None:
                changed.append(incident.model_copy(update={"state": "resolved", "resolved_at": end}))
        if opinion.start // WINDOW_SECONDS % REFRESH_WINDOWS == 0:
            for row in sorted(self.open):
                self.open[row] = self.open[row].model_copy(update=_measured(row, opinion, bank))
                changed.append(self.open[row])
        return changed

    def _opened(self, row: int, opinion: Opinion, window: Window, bank: Bank, series: Series) -> Incident:
        feature, kpi = series.name(row)
        measured = _measured(row, opinion, bank)
        known = CATALOGUE.get(kpi)
        return Incident(
            incident_id=self._id(feature, kpi, opinion.start),
            feature=feature,
            kpi=kpi,
            state="open",
            severity="warning" if known is None else known.severity,
            direction=_direction(bool(opinion.scores.up[row])),
            detected_at=_time(opinion.start + WINDOW_SECONDS),
            coverage=float(window.coverage[row]),
            detector=self._versions.detector,
            policy_version=self._versions.policy,
            **measured,
        )

    def _id(self, feature: str, kpi: str, start: int) -> str:
        text = f"{feature}|{kpi}|{start}|{self._versions.detector}|{self._versions.policy}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _measured(row: int, opinion: Opinion, bank: Bank) -> dict[str, Any]:
    """Onset, size and interval as the windows up to now show them."""
    size = bank.size(row)
    rate = size.bad / size.evaluated if size.evaluated else 0.0
    low, high = wilson(size.bad, size.evaluated)
    return {
        "onset": _time(size.onset),
        "evaluated": size.evaluated,
        "bad": size.bad,
        "observed_rate": rate,
        "expected_rate": size.expected,
        "interval_low": low,
        "interval_high": high,
        "log_e": float(opinion.scores.log_e[row]),
    }


def wilson(bad: int, evaluated: int) -> tuple[float, float]:
    """Wilson's 99 % interval of a share; (0, 1) where nothing was evaluated."""
    if evaluated == 0:
        return 0.0, 1.0
    share, z2 = bad / evaluated, _Z * _Z
    middle = (share + z2 / (2 * evaluated)) / (1 + z2 / evaluated)
    half = _Z / (1 + z2 / evaluated) * float(np.sqrt(share * (1 - share) / evaluated + z2 / (4 * evaluated**2)))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _direction(up: bool) -> Literal["up", "down"]:
    return "up" if up else "down"


def _time(unix_seconds: int) -> datetime:
    return datetime.fromtimestamp(unix_seconds, UTC)
