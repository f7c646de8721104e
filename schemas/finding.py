"""What the scorer says: the score of one closed window, and the incident it may belong to."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Contract, Count, Identifier, Name, Ratio, UtcTime
from schemas.pools import SeriesName

State = Literal["OK", "WARMING", "UNKNOWN", "WARN", "ALARM"]
STATES: tuple[State, ...] = ("OK", "WARMING", "UNKNOWN", "WARN", "ALARM")
Direction = Literal["up", "down"]
IncidentSeverity = Literal["critical", "warning", "info"]
IncidentState = Literal["open", "acknowledged", "mitigated", "resolved"]


class Score(Contract):
    """One detector's opinion of one series (feature, KPI) in one closed window."""

    window_start: UtcTime
    feature: SeriesName
    kpi: Name
    detector: Identifier
    policy_version: Identifier
    evaluated: Count
    bad: Count
    expected_rate: Ratio
    interval_low: Ratio
    interval_high: Ratio
    log_e: float
    """Natural logarithm of the e-detector's statistic; compare with `threshold`."""
    threshold: float
    coverage: Ratio
    state: State


class Incident(Contract):
    """An alarm from onset to recovery. The id is a function of series, detector and window."""

    incident_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    feature: SeriesName
    kpi: Name
    state: IncidentState
    severity: IncidentSeverity
    direction: Direction
    onset: UtcTime
    """Estimated start of the first bad window, not the moment of detection."""
    detected_at: UtcTime
    """End of the window that crossed the threshold, in event time."""
    resolved_at: UtcTime | None = None
    evaluated: Count
    bad: Count
    observed_rate: Ratio
    expected_rate: Ratio
    interval_low: Ratio
    interval_high: Ratio
    log_e: float
    coverage: Ratio
    detector: Identifier
    policy_version: Identifier
