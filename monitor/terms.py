"""What a policy says to whoever scores, a column for each scored KPI, under a name that changes with it. No I/O."""

import hashlib
from dataclasses import dataclass

import numpy as np

from detectors.base import Floats
from detectors.mixture import StateSpaceDetector
from monitor.columns import FLOORS, SCORED
from monitor.policy import Policy
from monitor.windows import WINDOW_SECONDS
from schemas.finding import IncidentSeverity

_LEARNING = 3
"""Counts up whenever other baselines come of the same windows: those that are stored are then learned again."""
_LONGEST = 55
"""Letters of a policy's own version that are kept: with the digest they are an identifier."""


@dataclass(frozen=True, slots=True)
class Terms:
    """By what is scored. Columns in the order of SCORED: `budgets` in windows per false page of one series, `floors` of
    coverage below which a window is unknown, `severities` of incidents that rise and of those that fall.

    `policy` stands in every score and incident: the policy's version, and a digest of these columns. `pools` are the
    dimensions by which features are pooled, and `pool_severities` those of a pool's incidents; no score of a feature
    depends on them, so they are not in the digest.
    """

    detector: str
    policy: str
    budgets: tuple[float, ...]
    floors: tuple[float, ...]
    severities: tuple[tuple[IncidentSeverity, IncidentSeverity], ...]
    pools: tuple[str, ...]
    pool_severities: tuple[tuple[IncidentSeverity, IncidentSeverity], ...]

    @property
    def floor(self) -> Floats:
        """The floors, shape (KPIs,)."""
        return np.array(self.floors)

    @property
    def learned_by(self) -> dict[str, str]:
        """Of each KPI what its baselines depend on, so that whoever has the same text learns the same ones: its own
        budget, and all floors, which decide what is known of a feature's strata.
        """
        floors = _digest(*self.floors)
        how = f"learning {_LEARNING}, floors {floors}, windows"
        return {kpi: f"{how} {budget!r}" for kpi, budget in zip(SCORED, self.budgets, strict=True)}

    def severity(self, kpi: str, rises: bool, pool: bool = False) -> IncidentSeverity:
        """How bad an incident is, of a feature or of a pool."""
        up, down = (self.pool_severities if pool else self.severities)[SCORED.index(kpi)]
        return up if rises else down


def terms_of(policy: Policy) -> Terms:
    """What a policy says to a scorer. Raises UserError for a budget that no scorer can keep."""
    budgets = tuple(policy.budget_windows(kpi, len(SCORED), WINDOW_SECONDS) for kpi in SCORED)
    floors = tuple(policy.floors(SCORED, FLOORS).tolist())
    severities = tuple((policy.incident_severity(kpi, "up"), policy.incident_severity(kpi, "down")) for kpi in SCORED)
    of_pools = tuple((policy.pools.severity(up), policy.pools.severity(down)) for up, down in severities)
    version = f"{policy.version[:_LONGEST]}+{_digest(*budgets, *floors, *severities)}"
    pools = tuple(policy.pools.dimensions)
    return Terms(StateSpaceDetector.name, version, budgets, floors, severities, pools, of_pools)


def _digest(*values: object) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()[:8]
