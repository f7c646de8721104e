"""Rare severe events: one is enough, whatever the rate. Incomplete telemetry mutes none of them."""

from collections.abc import Iterator
from dataclasses import dataclass

from alerts.build.rule import Alert, Rule, group, record, rule
from alerts.build.text import regex_of
from alerts.policy import TIERS, Policy, seconds_of

_STARTED = "vigil_start_time_seconds"
"""When a worker started: every worker shows it, and all its counters began at 0 then."""


@dataclass(frozen=True, slots=True)
class _Severe:
    """An alert on single events of these KPIs."""

    name: str
    kpis: tuple[str, ...]
    summary: str
    what: str


_SEVERE = (
    _Severe("VigilPiiLeak", ("pii_leak_rate",), "An AI feature sent personal data in an answer", "answers"),
    _Severe(
        "VigilJailbreakSucceeded",
        ("jailbreak_success_rate", "injection_success_rate"),
        "A jailbreak or a prompt injection worked on an AI feature",
        "attempts that worked",
    ),
    _Severe(
        "VigilUnsafeToolCall",
        ("unsafe_tool_call_rate",),
        "An AI feature executed a tool call that was not permitted",
        "interactions",
    ),
    _Severe(
        "VigilGuardrailFailedOpen",
        ("guardrail_bypass_rate",),
        "Interactions went past a guardrail that failed open",
        "interactions",
    ),
    _Severe(
        "VigilRedactionFailed",
        ("redaction_compliance",),
        "Telemetry of an AI feature did not go through the redactor",
        "interactions",
    ),
)


def count_groups(policy: Policy) -> list[Rule]:
    """One sum for each span that is asked for, and the alerts."""
    spans = sorted({one.count.within for one in policy.kpis.values() if one.count})
    rules = [*(_sum(policy, span) for span in spans), *(rule(alert, policy) for alert in _alerts(policy))]
    return [group("vigil-counts", rules)] if rules else []


def _counted(policy: Policy, span: str) -> list[str]:
    return [kpi for kpi, one in policy.kpis.items() if one.count and one.count.within == span]


def _sum(policy: Policy, span: str) -> Rule:
    series = f'vigil_kpi_bad_total{{kpi=~"{regex_of(_counted(policy, span))}"}}'
    return record(f"feature_kpi:vigil_kpi_bad_seen:increase{span}", seen(series, span, "feature, kpi"))


def seen(series: str, span: str, by: str) -> str:
    """What was counted within the span, or was scraped for the first time in it; the first of three that says:

    * of a worker that started within the span, all it counts, whatever an earlier one at the same address counted;
    * what was added since the sample before the span, which may be an hour older where nobody scraped; a series that is
      new on a worker that is not had nothing before, as its first event may be in its first sample;
    * the increase, where nobody knows what was before: to a Prometheus that is new every series is new, and may hold
      what happened long ago.
    """
    newest = f"last_over_time({series}[{span}])"
    return (
        f"sum by ({by}) (\n"
        f"  ({series} > 0 and on (instance) time() - {_STARTED} < {seconds_of(span)})\n    or\n"
        f"  (\n    {newest}\n      -\n    (\n      last_over_time({series}[1h] offset {span})\n        or\n"
        f"      0 * {newest}\n        and on (instance)\n      last_over_time({_STARTED}[1h] offset {span})\n    )\n"
        f"      > 0\n  )\n    or\n"
        f"  (increase({series}[{span}]) > 0)\n)"
    )


def _alerts(policy: Policy) -> Iterator[Alert]:
    for severe in _SEVERE:
        for kpi in severe.kpis:
            for severity, tiers in severities(policy):
                alert = _alert(policy, severe, kpi, severity, tiers)
                if alert is not None:
                    yield alert


def severities(policy: Policy) -> Iterator[tuple[str, list[str]]]:
    """Severity, and the tiers in which it holds."""
    for severity, paging in (("critical", True), ("warning", False)):
        tiers: list[str] = [tier for tier in TIERS if (tier in policy.count_pages_in) == paging]
        if tiers:
            yield severity, tiers


def _alert(policy: Policy, severe: _Severe, kpi: str, severity: str, tiers: list[str]) -> Alert | None:
    count = policy.of(kpi).count
    if count is None:
        return None
    return Alert(
        name=severe.name,
        # increase() extrapolates: 1 event may be 1.02.
        expr=(
            f'(round(feature_kpi:vigil_kpi_bad_seen:increase{count.within}{{kpi="{kpi}"}}) >= {count.at_least})\n'
            f'  * on (feature) group_left (tier)\nfeature:vigil_risk_tier:info{{tier=~"{regex_of(tiers)}"}}'
        ),
        severity=severity,
        keep="5m",
        summary=severe.summary,
        description=(
            f"{{{{ $value }}}} {severe.what} of feature {{{{ $labels.feature }}}} (tier {{{{ $labels.tier }}}})"
            f" in {count.within}, by {{{{ $labels.kpi }}}}."
        ),
        query="which_events",
        labels=(("kpi", kpi), ("basis", "count")),
    )
