"""Rules as data: a recording rule, an alert, a group; one shape for all of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from alerts.policy import Policy

Rule = dict[str, Any]
BOARDS = ("fleet", "feature", "detection", "incident", "pipeline")
"""Our dashboards; each has its uid from its name."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert rule. `query` is a stored query's name; `labels` beside severity and service carry no values."""

    name: str
    expr: str
    severity: str
    summary: str
    description: str
    query: str
    wait: str = "0s"
    """How long it must hold: the rule's `for`."""
    keep: str = "0s"
    """How long it stays when it no longer holds, so that a page does not flap."""
    labels: tuple[tuple[str, str], ...] = ()


def record(name: str, expr: str, **labels: str) -> Rule:
    """A recording rule: level:metric:operations."""
    return {"record": name, "expr": expr} | ({"labels": labels} if labels else {})


def rule(alert: Alert, policy: Policy, board: str = "feature") -> Rule:
    """The alert as Prometheus takes it; the runbook's address follows from the name. `board` is a dashboard's."""
    waits = {key: value for key, value in (("for", alert.wait), ("keep_firing_for", alert.keep)) if value != "0s"}
    return {
        "alert": alert.name,
        "expr": alert.expr,
        **waits,
        "labels": {"severity": alert.severity, "service": "vigil", **dict(alert.labels)},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": f"{policy.runbooks}{alert.name}.md",
            **({"dashboard_url": _dashboard(policy.grafana, board)} if policy.grafana else {}),
            "query": alert.query,
        },
    }


def _dashboard(grafana: str, board: str) -> str:
    """The dashboard's uid is fixed; a feature's dashboard opens on the feature."""
    chosen = "?var-feature={{ $labels.feature }}" if board == "feature" else ""
    return f"{grafana}d/vigil-{board}{chosen}"


def group(name: str, rules: Iterable[Rule], interval: str | None = None) -> Rule:
    """A group of rules; without an interval it is evaluated at Prometheus' own."""
    return {"name": name, **({"interval": interval} if interval else {}), "rules": list(rules)}
