"""From alarms to incidents: one per alarm on one series, with an id that a recomputation finds again. No I/O."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from detectors.bank import Bank, Verdict
from monitor.columns import SCORED, Series, judged_after
from monitor.terms import Terms
from monitor.windows import WINDOW_SECONDS
from schemas.finding import Incident
from schemas.pools import is_pool

REFRESH_WINDOWS = 6
"""An open incident's size is written again this often: once a minute."""
_Z = 2.5758  # 99 %


class Incidents:
    """The open incidents of one worker's series. The terms are recorded with each."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self.open: dict[int, Incident] = {}

    def hold(self, incidents: Iterable[Incident], series: Series) -> None:
        """Go on with incidents that are open in the store; their features have rows."""
        for incident in sorted(incidents, key=lambda one: one.detected_at):
            if incident.kpi in SCORED:
                self.open[series.rows(incident.feature)[SCORED.index(incident.kpi)]] = incident

    def reconcile(self, end: int, rows: Iterable[int], bank: Bank, series: Series) -> list[Incident]:
        """The incidents that these series opened or resolved when they were taken up at `end`, Unix seconds."""
        changed = []
        for row in rows:
            is_open = bool(bank.detector.open[row])
            if is_open and row not in self.open:
                changed.append(self._begun(row, end, bank, series))
            elif not is_open and row in self.open:
                changed.append(self._ended(row, end))
        return changed

    def step(self, verdict: Verdict, bank: Bank, series: Series) -> list[Incident]:
        """The incidents that this window opened, changed or resolved."""
        end = verdict.start + WINDOW_SECONDS
        changed = [self._begun(row, end, bank, series) for row in np.flatnonzero(verdict.opened).tolist()]
        changed += [self._ended(row, end) for row in np.flatnonzero(verdict.closed).tolist() if row in self.open]
        if verdict.start // WINDOW_SECONDS % REFRESH_WINDOWS == 0:
            for row in sorted(self.open):
                self.open[row] = self.open[row].model_copy(update=_measured(row, bank, series))
                changed.append(self.open[row])
        return changed

    def _ended(self, row: int, end: int) -> Incident:
        return self.open.pop(row).model_copy(update={"state": "resolved", "resolved_at": _time(end)})

    def _begun(self, row: int, end: int, bank: Bank, series: Series) -> Incident:
        feature, kpi = series.name(row)
        rises = bank.detector.incident(row)[1]
        self.open[row] = Incident(
            incident_id=self._id(feature, kpi, end - WINDOW_SECONDS),
            feature=feature,
            kpi=kpi,
            state="open",
            severity=self._terms.severity(kpi, rises, is_pool(feature)),
            direction="up" if rises else "down",
            detected_at=_time(end),
            detector=self._terms.detector,
            policy_version=self._terms.policy,
            **_measured(row, bank, series),
        )
        return self.open[row]

    def _id(self, feature: str, kpi: str, start: int) -> str:
        text = f"{feature}|{kpi}|{start}|{self._terms.detector}|{self._terms.policy}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _measured(row: int, bank: Bank, series: Series) -> dict[str, Any]:
    """Onset, size and interval as the windows up to now show them."""
    size = bank.size(row)
    rate = size.bad / size.evaluated if size.evaluated else 0.0
    low, high = wilson(size.bad, size.evaluated)
    return {
        "onset": _time(size.onset - judged_after(series.name(row)[1])),
        "evaluated": size.evaluated,
        "bad": size.bad,
        "observed_rate": rate,
        "expected_rate": size.expected,
        "interval_low": low,
        "interval_high": high,
        "log_e": bank.detector.incident(row)[0],
        "coverage": float(bank.coverage[row]),
    }


def wilson(bad: int, evaluated: int) -> tuple[float, float]:
    """Wilson's 99 % interval of a share; (0, 1) where nothing was evaluated."""
    if evaluated == 0:
        return 0.0, 1.0
    share, z2 = bad / evaluated, _Z * _Z
    middle = (share + z2 / (2 * evaluated)) / (1 + z2 / evaluated)
    half = _Z / (1 + z2 / evaluated) * float(np.sqrt(share * (1 - share) / evaluated + z2 / (4 * evaluated**2)))
    # At the ends they are 0 and 1, and by rounding almost.
    return max(middle - half, 0.0) if bad > 0 else 0.0, min(middle + half, 1.0) if bad < evaluated else 1.0


def _time(unix_seconds: int) -> datetime:
    return datetime.fromtimestamp(unix_seconds, UTC)
