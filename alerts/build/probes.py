"""Known-bad interactions, sent on purpose: what the filters made of them, and whether any comes through at all."""

from collections.abc import Iterator

from alerts.build.counts import seen, severities
from alerts.build.rule import Alert, Rule, group, record, rule
from alerts.build.text import regex_of
from alerts.policy import Policy, Probe, seconds_of
from schemas.probes import PROBE_FEATURE

_OURS, _THEIRS = f'feature="{PROBE_FEATURE}"', f'feature!="{PROBE_FEATURE}"'
_EVALUATED = "feature:vigil_probes_evaluated_per_sent:ratio_rate1h"
_FLOOR = 0.5
"""Share of probes that somebody looked at, below which nobody knows the rate."""


def probe_groups(policy: Policy) -> list[Rule]:
    """The false negatives of the filters, and what alerts. Whether probes come through is asked where some are sent."""
    alerts = [rule(alert, policy) for alert in (*_missed(policy), _unknown(policy))]
    lost = [rule(_lost(policy.probe), policy, "pipeline")] if policy.probe else []
    return [group("vigil-probes", [*_records(policy), *alerts, *lost])]


def _increase(window: str, outcomes: str = "") -> str:
    matchers = f'{_THEIRS}, outcome=~"{outcomes}"' if outcomes else _THEIRS
    return f"sum by (feature) (increase(vigil_probes_total{{{matchers}}}[{window}]))"


def _records(policy: Policy) -> Iterator[Rule]:
    """What nobody evaluated is in neither part of the rate, and where that is most there is no rate."""
    yield record(_EVALUATED, f"{_increase('1h', 'caught|missed')}\n  /\n({_increase('1h')} > 0)")
    yield record(
        "feature:vigil_filter_false_negative_rate:ratio_rate1h",
        f"(\n  {_increase('1h', 'missed')}\n    /\n  ({_increase('1h', 'caught|missed')} > 0)\n)\n"
        f"  and\n{_EVALUATED} >= {_FLOOR}",
    )
    within = policy.missed_probes.within
    series = f'vigil_probes_total{{{_THEIRS}, outcome="missed"}}'
    # What a series begins with is news too, as in counts.yaml.
    yield record(
        f"feature:vigil_probes_missed_seen:increase{within}",
        seen(series, within, "feature"),
    )


def _missed(policy: Policy) -> Iterator[Alert]:
    """As single severe events: a page in the tiers where those page, a ticket in the others."""
    count = policy.missed_probes
    for severity, tiers in severities(policy):
        yield Alert(
            name="VigilProbeMissed",
            expr=(
                f"(round(feature:vigil_probes_missed_seen:increase{count.within}) >= {count.at_least})\n"
                f'  * on (feature) group_left (tier)\nfeature:vigil_risk_tier:info{{tier=~"{regex_of(tiers)}"}}'
            ),
            severity=severity,
            keep="5m",
            summary="The filters of an AI feature let known-bad interactions pass",
            description=(
                "{{ $value }} known-bad interactions of feature {{ $labels.feature }} (tier {{ $labels.tier }}) were"
                f" looked at and not caught in {count.within}."
            ),
            query="did_the_filters_catch_the_probes",
            labels=(("symptom", "missed"), ("basis", "count")),
        )


def _unknown(policy: Policy) -> Alert:
    """Not where the policy says that there is no guardrail. Its KPI is that of VigilNoGuardrailEvaluations, which is
    the page for the same fault in traffic, and mutes this one.
    """
    without = regex_of(policy.without("guardrails"))
    matcher = f'{{feature!~"{without}"}}' if without else ""
    return Alert(
        name="VigilProbeMissed",
        expr=f"{_EVALUATED}{matcher} < {_FLOOR}",
        wait="5m",
        severity="warning",
        summary="The filters of an AI feature did not look at known-bad interactions",
        description=(
            "Filters looked at only {{ $value | humanizePercentage }} of the known-bad interactions of feature"
            " {{ $labels.feature }} in an hour, so how many they miss is unknown."
        ),
        query="did_the_filters_catch_the_probes",
        labels=(("kpi", "policy_violation_rate"), ("symptom", "unevaluated")),
    )


def _lost(probe: Probe) -> Alert:
    """Prometheus alone decides: a worker that is dead, was never scraped, or vanished from discovery shows no probe.

    A probe younger than the age was scraped within the age, so the range remembers a worker that has gone. The last
    third of the deadline is `for`: a Prometheus that starts has seen nothing yet.
    """
    hold = seconds_of(probe.deadline) // 3
    age = seconds_of(probe.deadline) - hold
    return Alert(
        name="VigilProbeLost",
        expr=f"absent(max_over_time(vigil_probe_last_timestamp_seconds{{{_OURS}}}[{age}s]) > time() - {age})",
        wait=f"{hold}s",
        severity="critical",
        summary="No probe comes through, so Vigil may be blind while everything looks well",
        description=(
            f"`vigil probe` sends a known-bad interaction every {probe.every}, and none came out of Prometheus"
            f" for {probe.deadline}."
        ),
        query="is_the_monitor_whole",
    )
