"""What a page and a ticket say: Alertmanager's templates. Names and numbers only, and keys are files."""

from typing import Any

from alerts.build.asking import COMMAND, FIRST, SINCE, UTC
from alerts.policy import Policy

INSTALLATION = "cluster"
"""The label by which one Alertmanager tells several installations apart. Where no alert has it, all are equal in it."""
_SECRETS = "/etc/alertmanager/secrets"
# PagerDuty takes these four words only. Mapped, never passed through; what is not known is an error.
_SEVERITY = (
    '{{ if match "^(critical|warning|info)$" .CommonLabels.severity }}{{ .CommonLabels.severity }}'
    '{{ else if eq .CommonLabels.severity "none" }}info{{ else }}error{{ end }}'
)
_TITLE = (
    f'{FIRST}{{{{ if eq .Status "resolved" }}}}Over: {{{{ end }}}}'
    "{{ $first.Annotations.summary }}{{ with $first.Labels.feature }}: {{ . }}{{ end }}"
    "{{ with $first.Labels.kpi }}, {{ . }}{{ end }}{{ with $first.Labels.direction }} {{ . }}{{ end }}"
)
"""What a telephone shows: what is wrong, where, and with which KPI."""
_NAMES = "{{ range .Alerts.Firing }}{{ .Labels.alertname }} {{ end }}"
"""Each has a runbook of its name."""
_FIRING = "{{ range .Alerts.Firing }}{{ .Annotations.description }} {{ end }}"
_RESOLVED = (
    "{{ range .Alerts.Resolved }}{{ .Labels.alertname }}"
    f" from {{{{ .StartsAt{UTC} }}}} to {{{{ .EndsAt{UTC} }}}}. {{{{ end }}}}"
)
"""When, and not the description, which says what was so when the alert was last seen to fire."""
_INCIDENTS = "{{ with .CommonLabels.feature }}vigil incidents list --feature {{ . }}{{ end }}"
_RUNBOOK = f"{FIRST}{{{{ $first.Annotations.runbook_url }}}}"
_QUERIES = f"{FIRST}{{{{ with $first.Annotations.runbook_url }}}}{{{{ . }}}}#diagnosis{{{{ end }}}}"
_DASHBOARD = f"{FIRST}{{{{ $first.Annotations.dashboard_url }}}}"


def pagerduty(policy: Policy, key_file: str) -> dict[str, Any]:
    """An entry of `pagerduty_configs`. `firing` and `resolved` replace Alertmanager's own, which list every label."""
    dashboard = [{"href": _DASHBOARD, "text": "Dashboard"}] if policy.grafana else []
    return {
        "routing_key_file": f"{_SECRETS}/{key_file}",
        "send_resolved": True,
        "description": _TITLE,
        "severity": _SEVERITY,
        "class": "{{ .CommonLabels.kpi }}",
        "component": "{{ .CommonLabels.feature }}",
        "group": "{{ .CommonLabels.service }}",
        "client": "Vigil",
        "details": {
            "cluster": f"{{{{ .CommonLabels.{INSTALLATION} }}}}",
            "alert": f"{FIRST}{{{{ $first.Labels.alertname }}}}",
            "alerts": _NAMES,
            "firing": _FIRING,
            "resolved": _RESOLVED,
            "since": SINCE,
            "query": COMMAND,
            "incidents": _INCIDENTS,
        },
        "links": [
            {"href": _RUNBOOK, "text": "Runbook"},
            *dashboard,
            {"href": _QUERIES, "text": "Queries"},
        ],
    }


def slack(policy: Policy, channel: str) -> dict[str, Any]:
    """An entry of `slack_configs`."""
    dashboard = f" <{_DASHBOARD}|Dashboard>" if policy.grafana else ""
    return {
        "api_url_file": f"{_SECRETS}/slack-webhook",
        "channel": channel,
        "send_resolved": True,
        "title": _TITLE,
        "title_link": _RUNBOOK,
        "text": f"{_FIRING}<{_RUNBOOK}|Runbook> <{_QUERIES}|Queries>{dashboard}",
    }
