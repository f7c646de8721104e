"""The detector's incidents as alerts. It has decided; nothing waits here."""

from collections.abc import Iterator

from alerts.build.rule import Alert, Rule, group, rule
from alerts.build.text import regex_of
from alerts.policy import EXTRA_SERIES, REFUSALS, Policy
from schemas.finding import Direction, IncidentSeverity
from schemas.kpis import ARRIVALS, KPIS, TELEMETRY_COMPLETENESS
from schemas.pools import PREFIX

_SCORED = (*(kpi.name for kpi in KPIS), *EXTRA_SERIES)
_UNCOUNTED = (TELEMETRY_COMPLETENESS, ARRIVALS)
_DIRECTIONS: tuple[Direction, ...] = ("up", "down")
POOL_ALERT = "VigilPoolIncident"
_PATIENCE = "10m"
"""What a worker that went away said last counts for so long, so that a page does not end in a restart."""


def alert_of(kpi: str, direction: str) -> str:
    """The alert, and so the runbook, of an incident of a feature on this KPI, up or down."""
    return "VigilRefusalSpike" if (kpi, direction) == (REFUSALS, "up") else "VigilKpiIncident"


def incident_groups(policy: Policy) -> list[Rule]:
    """Incidents that the policy pages: the rise of refusals by its own name, all others as VigilKpiIncident, and those
    of pools as VigilPoolIncident.
    """
    rules = [rule(alert, policy) for alert in (*_refusals(policy), *_others(policy))]
    rules += [rule(alert, policy, "detection") for alert in _pools(policy)]  # the feature's dashboard has no pools
    return [group("vigil-incidents", rules)] if rules else []


def _refusals(policy: Policy) -> Iterator[Alert]:
    if policy.pages(REFUSALS, "up"):
        yield Alert(
            name=alert_of(REFUSALS, "up"),
            expr=_open("feature, kpi", REFUSALS, "up"),
            severity=policy.incident_severity(REFUSALS, "up"),
            summary="An AI feature refuses far more requests than its baseline explains",
            description=_description("Incident open", "Refused"),
            query="which_slices",
        )


def _others(policy: Policy) -> Iterator[Alert]:
    for severity in ("critical", "warning", "info"):
        for direction in ("up", "down"):
            names = [kpi for kpi in _SCORED if _wanted(policy, kpi, direction, severity)]
            if names:
                yield Alert(
                    name=alert_of(names[0], direction),
                    expr=_open("feature, kpi, direction", regex_of(names), direction) + _but(policy, names),
                    severity=severity,
                    summary="A safety KPI of an AI feature has left its baseline",
                    description=_description("Incident open, direction {{ $labels.direction }},", "Bad"),
                    query=_query(names, direction),
                    labels=(("direction", direction),),
                )


def _query(kpis: list[str], direction: str) -> str:
    """What answers first. Slices explain too much of what is counted: not too little, and not how much arrives."""
    counted = "which_slices" if direction == "up" else "what_changed"
    uncounted = [kpi for kpi in kpis if kpi in _UNCOUNTED]
    if len(uncounted) in (0, len(kpis)):
        return "was_telemetry_complete" if uncounted else counted
    one_of_them = f'match "^({regex_of(uncounted)})$" $labels.kpi'
    return f"{{{{ if {one_of_them} }}}}was_telemetry_complete{{{{ else }}}}{counted}{{{{ end }}}}"


def _but(policy: Policy, kpis: list[str]) -> str:
    """Leaves out the arrivals of features of which the policy says that they are no news."""
    without = regex_of(policy.without("arrivals"))
    if ARRIVALS not in kpis or not without:
        return ""
    series = f'vigil_incident_open{{kpi="{ARRIVALS}", feature=~"{without}"}}'
    return f"\n  unless on (feature, kpi)\nlast_over_time({series}[{_PATIENCE}])"


def _pools(policy: Policy) -> Iterator[Alert]:
    for severity in ("critical", "warning") if policy.pools.dimensions else ():
        for direction in _DIRECTIONS:
            bad = {kpi.name: policy.pools.severity(policy.incident_severity(kpi.name, direction)) for kpi in KPIS}
            names = [kpi for kpi in bad if bad[kpi] == severity and policy.pages(kpi, direction)]
            if names:
                yield Alert(
                    name=POOL_ALERT,
                    expr=_open("feature, kpi, direction", regex_of(names), direction, pools=True),
                    severity=severity,
                    summary="Features that share a model, or another dimension, have left their baseline together",
                    description=(
                        "Incident open, direction {{ $labels.direction }}, on {{ $labels.kpi }} of "
                        "{{ $labels.feature }}, all features of it taken together."
                    ),
                    query="which_members",
                    labels=(("direction", direction),),
                )


def _wanted(policy: Policy, kpi: str, direction: Direction, severity: IncidentSeverity) -> bool:
    if (kpi, direction) == (REFUSALS, "up") or not policy.pages(kpi, direction):
        return False
    return severity == policy.incident_severity(kpi, direction)


def _open(by: str, kpis: str, direction: str, pools: bool = False) -> str:
    """Series on which an incident is open. While a worker shows one, what another one said before does not count."""
    matcher = f'kpi=~"{kpis}"' if "|" in kpis else f'kpi="{kpis}"'
    which = f'feature{"=~" if pools else "!~"}"{PREFIX}.+"'
    series = f'vigil_incident_open{{{matcher}, direction="{direction}", {which}}}'
    return f"(\n  max by ({by}) ({series})\n    or\n  max by ({by}) (last_over_time({series}[{_PATIENCE}]))\n) == 1"


def _description(what: str, rate: str) -> str:
    """What stands where, and the rate now, which a worker shows without the store; arrivals have none."""
    series = "feature_kpi:vigil_kpi_bad_per_evaluated:ratio_rate5m{feature=%q,kpi=%q}"
    return (
        f"{what} on {{{{ $labels.kpi }}}} of feature {{{{ $labels.feature }}}}."
        f'{{{{- range printf "{series}" $labels.feature $labels.kpi | query }}}}'
        f" {rate} in the last 5 minutes: {{{{ .Value | humanizePercentage }}}}.{{{{ end }}}}"
    )
