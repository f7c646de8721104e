"""The same rules in the shapes that other people's tools take: Kubernetes, a mixin, Sloth, Grafana's anomaly rules."""

import json
from collections.abc import Iterator
from typing import Any

from alerts.build.rates import with_targets
from alerts.build.rule import BOARDS, Rule, group, record
from alerts.build.text import regex_of, yaml_text
from alerts.policy import Policy
from schemas.kpis import KPIS

_EVERY = "5s"
"""Between two evaluations, as in prometheus.yaml. Who adopts the rules must be told: the Operator's own are 30 s."""
_BUILT = "Built by `vigil policy build` from alerts/policy.yaml; change that."
_MIXIN = """// {built}
{{
  prometheusAlerts+:: import 'alerts.json',
  prometheusRules+:: import 'rules.json',
  grafanaDashboards+:: {{
{dashboards}
  }},
}}
"""


def adopted(policy: Policy, groups: list[Rule]) -> dict[str, str]:
    """Path below alerts/adopt to text. `groups` are all groups of the rules."""
    files = {
        "kubernetes/prometheusrule.yaml": yaml_text(_prometheus_rule(groups), _BUILT),
        "mixin/mixin.libsonnet": _MIXIN.format(built=_BUILT, dashboards="\n".join(map(_imported, BOARDS))),
        "mixin/alerts.json": _json({"groups": [*_with(groups, "alert")]}),
        "mixin/rules.json": _json({"groups": [*_with(groups, "record", ".rules")]}),
        "anomaly/vigil.yaml": yaml_text(_anomaly(), f"{_BUILT}\nFor Grafana's promql-anomaly-detection."),
    }
    for name, spec in _sloth(policy):
        files[f"sloth/{name}.yaml"] = yaml_text(spec, f"{_BUILT}\nFor Sloth: `sloth generate -i` this file.")
    return files


def _imported(board: str) -> str:
    return f"    'vigil-{board}.json': import '../../dashboards/built/{board}.json',"


def _json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


def _prometheus_rule(groups: list[Rule]) -> Rule:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "vigil", "labels": {"app.kubernetes.io/name": "vigil", "role": "alert-rules"}},
        "spec": {"groups": [*map(_timed, groups)]},
    }


def _timed(one: Rule) -> Rule:
    return {"name": one["name"], "interval": _EVERY} | one


def _with(groups: list[Rule], kind: str, suffix: str = "") -> Iterator[Rule]:
    """The groups with their rules of one kind only, alert or record; order stays, and each says its interval.

    Many put both kinds of a mixin into one file, where the names of groups must differ, hence the suffix.
    """
    for one in groups:
        rules = [rule for rule in one["rules"] if kind in rule]
        if rules:
            yield _timed(one) | {"name": f"{one['name']}{suffix}", "rules": rules}


def _sloth(policy: Policy) -> Iterator[tuple[str, Rule]]:
    """One specification for each named feature, and one for all others together."""
    for name in sorted(policy.features):
        labels = {"feature": name, "tier": policy.features[name].tier}
        yield name, _specification(policy, f"vigil-{name}", f', feature="{name}"', labels)
    others = regex_of(sorted(policy.features))
    matcher = f', feature!~"{others}"' if others else ""
    yield "everything-else", _specification(policy, "vigil-everything-else", matcher, {"tier": policy.default_tier})


def _specification(policy: Policy, service: str, matcher: str, labels: dict[str, str]) -> Rule:
    """`labels` stand on the alerts too: routes go by the feature."""
    return {
        "version": "prometheus/v1",
        "service": service,
        "labels": labels,
        "slos": [_slo(policy, kpi, matcher, labels) for kpi in with_targets(policy)],
    }


def _slo(policy: Policy, kpi: str, matcher: str, labels: dict[str, str]) -> Rule:
    def query(metric: str) -> str:
        return f'sum(rate({metric}{{kpi="{kpi}"{matcher}}}[{{{{.window}}}}]))'

    target = getattr(policy.of(kpi).targets, labels["tier"])
    severity = policy.severity(kpi)
    return {
        "name": kpi.replace("_", "-"),
        "objective": round(100 * (1 - target), 6),
        "description": next(one.meaning for one in KPIS if one.name == kpi),
        "sli": {
            "events": {
                "error_query": query("vigil_kpi_bad_total"),
                "total_query": query("vigil_kpi_evaluated_total"),
            }
        },
        "alerting": {
            "name": f"VigilSlo{''.join(word.capitalize() for word in kpi.split('_'))}",
            "labels": {"service": "vigil", "kpi": kpi, **labels},
            "annotations": {
                "runbook_url": f"{policy.runbooks}VigilTargetBurnFast.md",
                **({"query": "which_slices"} if "feature" in labels else {}),
            },
            "page_alert": {"labels": {"severity": severity}},
            "ticket_alert": {"labels": {"severity": "warning"}},
        },
    }


def _anomaly() -> Rule:
    """Each KPI's rate under the labels by which Grafana's rules choose what to draw bands around."""
    rate = "feature_kpi:vigil_kpi_bad_per_evaluated:ratio_rate5m"
    rules = [
        record(
            f"anomaly:vigil_{kpi.name}:ratio_rate5m",
            f'{rate}{{kpi="{kpi.name}"}}',
            anomaly_name=f"vigil_{kpi.name}",
            anomaly_type="errors",
            anomaly_strategy="adaptive",
        )
        for kpi in KPIS
    ]
    return {"groups": [group("vigil-anomaly", rules)]}
