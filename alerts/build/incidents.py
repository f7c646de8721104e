"""The detector's incidents as alerts. It has decided; nothing waits here."""

from collections.abc import Iterator
from typing import Literal

from alerts.build.rule import Alert, Rule, group, rule
from alerts.policy import EXTRA_SERIES, Policy, Severity, regex_of
from schemas.kpis import KPIS

_SCORED = (*(kpi.name for kpi in KPIS), *EXTRA_SERIES)
_REFUSALS = "refusal_rate"
# last_over_time carries a page over a restart of the worker, in which the series is absent, and does not delay
# a 0 that the worker says.
_PATIENCE = "2m"


def incident_groups(policy: Policy) -> list[Rule]:
    """Incidents that the policy pages: the rise of refusals by its own name, all others as VigilKpiIncident."""
    alerts = [*_refusals(policy), *_others(policy)]
    return [group("vigil-incidents", [rule(alert, policy) for alert in alerts])] if alerts else []


def _refusals(policy: Policy) -> Iterator[Alert]:
    if policy.pages(_REFUSALS, "up"):
        yield Alert(
            name="VigilRefusalSpike",
            expr=f"max by (feature, kpi) ({_open(_REFUSALS, 'up')}) == 1",
            # A wave of refusals is an outage for those who are refused, whatever a slow drift of the rate is.
            severity=policy.of(_REFUSALS).severity or "critical",
            summary="An AI feature refuses far more requests than its baseline explains",
            description=_description("Refused in the last 5 minutes"),
            query="which_slices",
        )


def _others(policy: Policy) -> Iterator[Alert]:
    for severity in ("critical", "warning"):
        for direction in ("up", "down"):
            names = [kpi for kpi in _SCORED if _wanted(policy, kpi, direction, severity)]
            if names:
                yield Alert(
                    name="VigilKpiIncident",
                    expr=f"max by (feature, kpi, direction) ({_open(regex_of(names), direction)}) == 1",
                    severity=severity,
                    summary="A safety KPI of an AI feature has left its baseline",
                    description=_description("Direction {{ $labels.direction }}. Bad in the last 5 minutes"),
                    query="which_slices",
                    labels=(("direction", direction),),
                )


def _wanted(policy: Policy, kpi: str, direction: Literal["up", "down"], severity: Severity) -> bool:
    """A fall is a change to look into, and nothing that harms anybody tonight: at most a warning."""
    if (kpi, direction) == (_REFUSALS, "up") or not policy.pages(kpi, direction):
        return False
    return severity == ("warning" if direction == "down" else policy.severity(kpi))


def _open(kpis: str, direction: str) -> str:
    matcher = f'kpi=~"{kpis}"' if "|" in kpis else f'kpi="{kpis}"'
    return f'last_over_time(vigil_incident_open{{{matcher}, direction="{direction}"}}[{_PATIENCE}])'


def _description(rate: str) -> str:
    series = "feature_kpi:vigil_kpi_bad_per_evaluated:ratio_rate5m{feature=%q,kpi=%q}"
    return (
        "Incident open on {{ $labels.kpi }} of feature {{ $labels.feature }}."
        f'{{{{- range printf "{series}" $labels.feature $labels.kpi | query }}}}'
        f" {rate}: {{{{ .Value | humanizePercentage }}}}.{{{{ end }}}}"
    )
