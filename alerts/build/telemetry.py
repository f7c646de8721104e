"""Unknown is not safe: what is missing pages, and Alertmanager mutes the rates that rest on it.

VigilTelemetryIncomplete is one alert with three symptoms, each a rule: they need different patience, and would
overwrite one another without a label.
"""

from collections.abc import Iterator, Sequence

from alerts.build.rule import Alert, Rule, group, record, rule
from alerts.build.text import regex_of
from alerts.policy import Policy
from schemas.kpis import CATALOGUE

_GUARDED = "policy_violation_rate"
_ANSWERS = ("harmful_output_rate", "pii_leak_rate")
"""Of an answer that was blocked nobody need look at the output."""
_REQUESTS = ("refusal_rate", _GUARDED, "injection_attempt_rate")
_COVERED = (*_REQUESTS, *_ANSWERS)
"""KPIs that are looked at in every interaction or every answer; `vigil_kpi_coverage_ratio` of the scorer knows the
others. One evaluation makes guardrail_bypass_rate and guardrail_error_rate, and policy_violation_rate with them."""
_OF_ONE_EVALUATOR = ("injection_attempt_rate", *_ANSWERS)
"""What stops with all guardrails, or alone."""
_OF_GUARDRAILS = (_GUARDED, "harmful_output_rate")
"""What no feature has of which the policy says `guardrails: false`."""
_COVERAGE = "feature_kpi:vigil_kpi_evaluated_per_interaction:ratio_rate"
_COVERED_AT = "feature_kpi:vigil_kpi_last_covered_timestamp_seconds:max"
_LAST = "feature:vigil_feature_last_heartbeat_timestamp_seconds:max"
_WEEK = 604_800
_HOVERS = "5m"
"""A share that hovers about its line is one page, and not one each time that it falls below."""
_SUMMARY = "Telemetry of an AI feature is incomplete, so its safety KPIs are unknown"


def telemetry_groups(policy: Policy) -> list[Rule]:
    """What arrived against what was sent, what was evaluated against what arrived."""
    alerts = [*_missing(policy), *_unguarded(policy), _late()]
    rules = [*_records(), rule(_stopped(policy), policy, "pipeline"), *(rule(alert, policy) for alert in alerts)]
    groups = [group("vigil-telemetry", rules)]
    covered = [*_covered(policy)]
    return [*groups, group("vigil-coverage", covered, "2m")] if covered else groups


def floor_of(policy: Policy, kpi: str) -> float:
    """The share of interactions below which a KPI counts as uncovered."""
    return policy.floor(kpi, CATALOGUE[kpi].coverage_floor)


def _records() -> Iterator[Rule]:
    for window in ("5m", "1h"):
        arrived = f"feature:vigil_interactions:increase{window}"
        expected = f"feature:vigil_interactions_expected:increase{window}"
        yield record(arrived, f"sum by (feature) (increase(vigil_interactions_total[{window}]))")
        yield record(expected, f"sum by (feature) (increase(vigil_interactions_expected_total[{window}]))")
        # Where nothing ever arrived the counter of arrivals does not exist; that is 0, not unknown.
        yield record(
            f"feature:vigil_interactions_per_expected:ratio_rate{window}",
            f"({arrived} or 0 * {expected})\n  /\n({expected} > 0)",
        )
        blocked = f'sum by (feature) (increase(vigil_kpi_bad_total{{kpi="block_rate"}}[{window}]))'
        yield record(_volume(_ANSWERS[0], window), f"{arrived}\n  -\n({blocked} or 0 * {arrived})")
        legs = "\n  or\n".join(_share(kpis, window) for kpis in (_REQUESTS, _ANSWERS))
        yield record(f"{_COVERAGE}{window}", legs)
    # A worker that restarts, or dies, forgets the heartbeats it saw; this remembers them for a day.
    yield record(
        _LAST,
        "max by (feature) (vigil_feature_last_heartbeat_timestamp_seconds)\n"
        f"  or\n(last_over_time({_LAST}[1h]) > time() - 86400)",
    )


def _share(kpis: Sequence[str], window: str) -> str:
    return (
        f'sum by (feature, kpi) (increase(vigil_kpi_evaluated_total{{kpi=~"{regex_of([*kpis])}"}}[{window}]))\n'
        f"  / on (feature) group_left ()\n({_volume(kpis[0], window)} > 0)"
    )


def _volume(kpi: str, window: str) -> str:
    """How many interactions of a feature were to be evaluated."""
    return f"feature:vigil_interactions{'_not_blocked' if kpi in _ANSWERS else ''}:increase{window}"


def _covered(policy: Policy) -> Iterator[Rule]:
    """When each KPI of each feature was last covered, for a week. A time that is carried on costs a look at its own few
    samples; a maximum over a week would read every rate. The day outlasts a Prometheus that was down.
    """
    floors = _floors(policy)
    if not floors:
        return
    same = {floor: [kpi for kpi in floors if floors[kpi] == floor] for floor in floors.values()}
    enough = "\n    or\n".join(f'  {_COVERAGE}5m{{kpi=~"{regex_of(kpis)}"}} >= {floor}' for floor, kpis in same.items())
    carried = f"last_over_time({_COVERED_AT}[1d]) > time() - {_WEEK}"
    yield record(_COVERED_AT, f"timestamp(\n{enough}\n)\n  or\n({carried})")


def _floors(policy: Policy) -> dict[str, float]:
    """Each KPI and its floor. Nothing is below a floor of 0."""
    floors = {kpi: floor_of(policy, kpi) for kpi in _COVERED}
    return {kpi: floor for kpi, floor in floors.items() if floor > 0.0}


def _stopped(policy: Policy) -> Alert:
    """All features at once: one page, before each of them is called silent, which this mutes.

    Only where workers have read all there is: a partition without records follows the clock. Where they have not, or
    there are none, VigilIntakeStopped, VigilWatermarkStale or VigilWorkersAbsent says so.
    """
    without = _without_heartbeats(policy)
    heard = f'{_LAST}{{feature!~"{without}"}}' if without else _LAST
    return Alert(
        name="VigilTelemetryStopped",
        expr=(
            f"time() - max({heard}) > 90\n  and\ncount({heard}) > 1\n  and\n"
            'time() - max(vigil_watermark_timestamp_seconds{topic=~"ai[.]telemetry.*"}) < 60'
        ),
        wait="15s",
        # Emitters that come back do not all come in the same second.
        keep="3m",
        severity="critical",
        summary="Telemetry of all AI features has stopped, so none of them is watched",
        description=(
            "No heartbeat of any feature came for {{ $value | humanizeDuration }}, and workers have read all there is:"
            " what sends the telemetry, or its way to Kafka, has stopped."
        ),
        query="is_the_monitor_whole",
    )


def _missing(policy: Policy) -> Iterator[Alert]:
    # `for` outlasts the window, so that one bad edge in it (a new worker's first scrape, a backlog, a rebalance)
    # cannot fire. Heartbeats come in steps of 10 s: 3 % of 5 min. A feature too slow for 100 in 5 min is asked for the
    # hour, too; the 5 min then say that it is not over.
    yield _incomplete(
        "lost",
        "feature:vigil_interactions_per_expected:ratio_rate5m < 0.95\n  and\n(\n"
        "  feature:vigil_interactions_expected:increase5m >= 100\n    or\n"
        "  (\n    feature:vigil_interactions_expected:increase1h >= 100\n      and\n"
        "    feature:vigil_interactions_per_expected:ratio_rate1h < 0.95\n  )\n)",
        "6m",
        "Only {{ $value | humanizePercentage }} of the interactions that feature {{ $labels.feature }}"
        " says it had in 5 minutes arrived.",
        keep=_HOVERS,
    )
    # 15 s more than the 2 min, so that a worker catching up on a short backlog does not fire. In a long one heartbeats
    # are old and they come: that is no silence, and VigilWatermarkStale says how late they are.
    without = _without_heartbeats(policy)
    on_purpose = f'\n  unless\n{_LAST}{{feature=~"{without}"}}' if without else ""
    yield _incomplete(
        "silent",
        f"time() - {_LAST} > 120\n  unless\nchanges({_LAST}[2m]) > 0{on_purpose}",
        "15s",
        "No heartbeat named feature {{ $labels.feature }} for {{ $value | humanizeDuration }};"
        " its emitters, the topic or the workers have stopped.",
    )
    yield from _uncovered(policy)


def _without_heartbeats(policy: Policy) -> str:
    """A matcher of the features that send none between their runs, as the policy says; "" for none."""
    return regex_of(policy.without("heartbeats"))


def _incomplete(
    symptom: str, expr: str, wait: str, description: str, kpi: str = "telemetry_completeness", keep: str = "0s"
) -> Alert:
    return Alert(
        name="VigilTelemetryIncomplete",
        expr=expr,
        wait=wait,
        keep=keep,
        severity="critical",
        summary=_SUMMARY,
        description=description,
        query="what_is_not_evaluated" if symptom == "uncovered" else "was_telemetry_complete",
        labels=(("kpi", kpi), ("symptom", symptom)),
    )


def _uncovered(policy: Policy) -> Iterator[Alert]:
    """Interactions arrive, their evaluations do not. Only where there was coverage within a week: a feature that never
    had the guardrail is VigilNoGuardrailEvaluations, and of one that has none on purpose the policy says so.

    A feature too slow for 100 in 5 min is asked for the hour, too. Where all guardrails are silent, that page stands
    for what each of them looks for.
    """
    floors = _floors(policy)
    for kpi, floor in floors.items():
        expr = f"{_below(policy, kpi, floor)}\n  and on (feature)\n{_often(kpi, floor)}"
        if kpi in _OF_ONE_EVALUATOR and _GUARDED in floors:
            expr += f"\n  unless on (feature)\n(\n{_below(policy, _GUARDED, floors[_GUARDED])}\n)"
        what = (
            "Only {{ $value | humanizePercentage }} of the interactions of feature {{ $labels.feature }}"
            " were evaluated for {{ $labels.kpi }} in 5 minutes; its value is unknown."
        )
        # The KPI is a label, or lint would call two rules of the same labels a mistake.
        yield _incomplete("uncovered", expr, "6m", what, kpi, _HOVERS)


def _below(policy: Policy, kpi: str, floor: float) -> str:
    """Features of which too little is evaluated for this KPI, and which had enough within a week."""
    series, covered = f'{_COVERAGE}5m{{kpi="{kpi}"}}', f'{_COVERED_AT}{{kpi="{kpi}"}}'
    without = regex_of(policy.without("guardrails")) if kpi in _OF_GUARDRAILS else ""
    on_purpose = f'\n  unless\n{_COVERED_AT}{{kpi="{kpi}", feature=~"{without}"}}' if without else ""
    return f"(\n  {series} < {floor}\n    or\n  (0 * {covered} unless {series})\n)\n  and\n{covered}{on_purpose}"


def _often(kpi: str, floor: float) -> str:
    quick, slow = _volume(kpi, "5m"), _volume(kpi, "1h")
    return (
        f"(\n  {quick} >= 100\n    or\n  (\n    {quick} > 0\n      and\n    {slow} >= 100\n      and on (feature)\n"
        f'    {_COVERAGE}1h{{kpi="{kpi}"}} < {floor}\n  )\n)'
    )


def _unguarded(policy: Policy) -> Iterator[Alert]:
    """Traffic, and not one guardrail evaluation. Not where the policy says that there is no guardrail.

    Over an hour, so that a feature with two interactions a minute is seen too.
    """
    without = regex_of(policy.without("guardrails"))
    matcher = f'{{feature!~"{without}"}}' if without else ""
    for severity, tier in (("critical", '"regulated"'), ("warning", '~"internal|beta|ga"')):
        yield Alert(
            name="VigilNoGuardrailEvaluations",
            expr=(
                f"(\n  feature:vigil_interactions:increase1h{matcher} >= 100\n    unless\n"
                f'  sum by (feature) (increase(vigil_kpi_evaluated_total{{kpi="policy_violation_rate"}}[1h])) > 0\n)\n'
                f"  * on (feature) group_left (tier)\nfeature:vigil_risk_tier:info{{tier={tier}}}"
            ),
            wait="15m",
            keep="15m",  # traffic of about 100 an hour would end it and bring it back
            severity=severity,
            summary="An AI feature has traffic and not one guardrail evaluation",
            description=(
                "Feature {{ $labels.feature }} (tier {{ $labels.tier }}) had {{ $value | humanize }} interactions in"
                " an hour, and no guardrail evaluated any of them. A rate of 0 % says nothing here."
            ),
            query="did_guardrails_run",
            labels=(("kpi", "policy_violation_rate"),),
        )


def _late() -> Alert:
    return Alert(
        name="VigilLateShareHigh",
        expr=(
            "sum by (feature) (increase(vigil_late_events_total[15m]))\n  /\n"
            "(sum by (feature) (increase(vigil_interactions_total[15m])) > 0)\n  > 0.05\n  and\n"
            "sum by (feature) (increase(vigil_late_events_total[15m])) >= 50"
        ),
        wait="10m",
        severity="warning",
        summary="Many events of an AI feature come after their window was scored",
        description=(
            "{{ $value | humanizePercentage }} of the events of feature {{ $labels.feature }} came late in 15 minutes;"
            " they are in every total and in no score."
        ),
        query="was_telemetry_complete",
        labels=(("kpi", "telemetry_completeness"),),
    )
