"""Rates against targets: recording rules from the stream's counters, and burn rates over several windows at once.

Counters come from the stream, so these alerts go on while the scorer or the store is down.
"""

from collections.abc import Iterator

from alerts.build.rule import Alert, Rule, group, record, rule
from alerts.build.text import regex_of
from alerts.policy import TIERS, Policy
from schemas.vocabulary import RiskTier

FAST = (("14.4", "1h", "5m"), ("6", "6h", "30m"))
SLOW = (("3", "1d", "2h"), ("1", "3d", "6h"))
"""Burn rate, long window, short window: Google's pairs for a month, which Sloth generates too."""
_QUICK, _LONG = ("30m", "1h"), ("2h", "6h", "1d", "3d")
_CAP = "0.5"
"""A fast burn of a loose target would be more than all events, and could never fire (sloth issue 341)."""
_TARGET = (
    '{{- range printf "tier_kpi:vigil_kpi_target:ratio{tier=%q,kpi=%q}" $labels.tier $labels.kpi | query }}'
    " of {{ .Value | humanizePercentage }}{{ end }}"
)
"""A template: the target that the rate is held against."""


def kpi_groups(policy: Policy) -> list[Rule]:
    """Tiers, targets, and five-minute rates: what the alerts and the dashboards stand on."""
    return [
        group("vigil-targets", [*_tiers(policy), *_owners(policy), *_targets(policy)]),
        group("vigil-kpis", [*_five_minutes(), *(rule(alert, policy) for alert in _violations(policy))]),
    ]


def burn_groups(policy: Policy) -> list[Rule]:
    """Longer windows, and the alerts on them. Long windows are dear and move slowly: once in two minutes."""
    names = regex_of(with_targets(policy))
    if not names:
        return []
    return [
        group("vigil-burn-quick", [one for window in _QUICK for one in _window(names, window)]),
        group("vigil-burn-long", [one for window in _LONG for one in _window(names, window)], "2m"),
        group("vigil-burn", [rule(alert, policy) for alert in _burns(policy)]),
    ]


def with_targets(policy: Policy) -> list[str]:
    """KPIs that have targets, in the policy's order."""
    return [kpi for kpi, one in policy.kpis.items() if one.targets is not None]


def _tiers(policy: Policy) -> Iterator[Rule]:
    """Each feature's tier, as an info series; a feature that nobody named has the default."""
    others: list[str] = []
    for tier in TIERS:
        mine = policy.tier_features(tier)
        if mine and tier != policy.default_tier:
            others += mine
            yield _tier(f'{{feature=~"{regex_of(mine)}"}}', tier)
    yield _tier(f'{{feature!~"{regex_of(sorted(others))}"}}' if others else "", policy.default_tier)


def _tier(matcher: str, tier: RiskTier) -> Rule:
    # A quarter of an hour, so that a page does not end, and come again, with the worker that counted the feature.
    expr = f"group by (feature) (last_over_time(vigil_interactions_total{matcher}[15m]))"
    return record("feature:vigil_risk_tier:info", expr, tier=tier)


def _owners(policy: Policy) -> Iterator[Rule]:
    """Each feature's team, as an info series, for the dashboards. Who is told is in the routes."""
    named = {
        team: sorted(name for name, feature in policy.features.items() if feature.owner == team)
        for team in policy.teams
        if team != policy.owner
    }
    for team, mine in named.items():
        if mine:
            yield _owner(f'{{feature=~"{regex_of(mine)}"}}', team)
    others = regex_of(sorted(name for mine in named.values() for name in mine))
    yield _owner(f'{{feature!~"{others}"}}' if others else "", policy.owner)


def _owner(matcher: str, team: str) -> Rule:
    return record("feature:vigil_owner:info", f"group by (feature) (vigil_interactions_total{matcher})", owner=team)


def _targets(policy: Policy) -> Iterator[Rule]:
    """As series, so that a dashboard draws the line that the alert uses."""
    for kpi, one in policy.kpis.items():
        for tier in TIERS if one.targets else ():
            expr = f"vector({getattr(one.targets, tier)})"
            yield record("tier_kpi:vigil_kpi_target:ratio", expr, tier=tier, kpi=kpi)
        if one.targets:  # of the default tier, for what shows many features in one picture
            yield record("kpi:vigil_kpi_target:ratio", f"vector({getattr(one.targets, policy.default_tier)})", kpi=kpi)


def _five_minutes() -> Iterator[Rule]:
    """Sums first, then the ratio: a mean of ratios over workers would be wrong.

    The rate is not for a violation's category (policy_violation_rate.toxicity), whose counters count it only
    where it was found.
    """
    yield record("feature_kpi:vigil_kpi_bad:increase5m", "sum by (feature, kpi) (increase(vigil_kpi_bad_total[5m]))")
    yield record("feature_kpi:vigil_kpi_bad_per_evaluated:ratio_rate5m", _ratio('kpi!~".+[.].+"', "5m"))


def _window(names: str, window: str) -> Iterator[Rule]:
    kpis = f'kpi=~"{names}"'
    yield record(
        f"feature_kpi:vigil_kpi_bad:increase{window}",
        f"sum by (feature, kpi) (increase(vigil_kpi_bad_total{{{kpis}}}[{window}]))",
    )
    yield record(f"feature_kpi:vigil_kpi_bad_per_evaluated:ratio_rate{window}", _ratio(kpis, window))


def _ratio(kpis: str, window: str) -> str:
    return (
        f"sum by (feature, kpi) (rate(vigil_kpi_bad_total{{{kpis}}}[{window}]))\n"
        "  /\n"
        f"(sum by (feature, kpi) (rate(vigil_kpi_evaluated_total{{{kpis}}}[{window}])) > 0)"
    )


def _above(factor: str, window: str, matcher: str = "") -> str:
    """The rate over a window where it is above the tier's target times a burn rate. Carries the tier."""
    target = "tier_kpi:vigil_kpi_target:ratio"
    line = target if factor == "1" else f"clamp_max({factor} * {target}, {_CAP})"
    return (
        f"(\n  feature_kpi:vigil_kpi_bad_per_evaluated:ratio_rate{window}{matcher}\n"
        "    * on (feature) group_left (tier)\n"
        "  feature:vigil_risk_tier:info\n"
        f")\n  > on (tier, kpi) group_left ()\n{line}"
    )


def _enough(policy: Policy, window: str) -> str:
    return f"and on (feature, kpi)\nfeature_kpi:vigil_kpi_bad:increase{window} >= {policy.least_bad}"


def _violations(policy: Policy) -> Iterator[Alert]:
    """Nothing where violations have no target, for then nothing could fire."""
    if "policy_violation_rate" not in with_targets(policy):
        return
    yield Alert(
        name="VigilViolationRateHigh",
        expr=f'{_above("1", "5m", """{kpi="policy_violation_rate"}""")}\n{_enough(policy, "5m")}',
        wait="1m",
        keep="5m",
        severity=policy.severity("policy_violation_rate"),
        summary="Guardrails find more policy violations in an AI feature than its target allows",
        description=(
            "{{ $labels.kpi }} of feature {{ $labels.feature }} is {{ $value | humanizePercentage }}"
            f" over 5 minutes, above its target{_TARGET}."
        ),
        query="who_was_exposed",
    )


def _burns(policy: Policy) -> Iterator[Alert]:
    critical = [kpi for kpi in with_targets(policy) if policy.severity(kpi) == "critical"]
    warning = [kpi for kpi in with_targets(policy) if policy.severity(kpi) == "warning"]
    for kpis, severity in ((critical, "critical"), (warning, "warning")):
        if kpis:
            yield _burn(policy, "VigilTargetBurnFast", kpis, FAST, severity)
    if with_targets(policy):
        yield _burn(policy, "VigilTargetBurnSlow", with_targets(policy), SLOW, "warning")


def _burn(policy: Policy, name: str, kpis: list[str], pairs: tuple[tuple[str, str, str], ...], severity: str) -> Alert:
    matcher = f'{{kpi=~"{regex_of(kpis)}"}}'
    legs = [
        f"(\n{_indent(_above(factor, long, matcher))}\n  and on (feature, kpi)\n"
        f"{_indent(_above(factor, short, matcher))}\n{_indent(_enough(policy, long))}\n)"
        for factor, long, short in pairs
    ]
    fast = "Fast" in name
    return Alert(
        name=name,
        # Without the value: two pairs of windows would give one alert two values in turn.
        expr="group by (feature, kpi, tier) (\n" + _indent("\n  or\n".join(legs)) + "\n)",
        severity=severity,
        keep="5m" if fast else "1h",
        summary=(
            "A safety KPI of an AI feature burns its target many times faster than allowed"
            if fast
            else "A safety KPI of an AI feature has been above its target for days"
        ),
        description=(
            "{{ $labels.kpi }} of feature {{ $labels.feature }} (tier {{ $labels.tier }}) is far above its target,"
            f" now and over an hour or more.{_numbers('1h', 'hour')}"
            if fast
            else "{{ $labels.kpi }} of feature {{ $labels.feature }} (tier {{ $labels.tier }}) is above its target,"
            f" over hours and over days.{_numbers('1d', 'day')}"
        ),
        query="which_slices" if fast else "who_was_exposed",  # an hour before a slow one there is no normal
    )


def _numbers(window: str, name: str) -> str:
    """A template: the rate over a window, and the target. Beside the alert's value, which is 1."""
    rate = f"feature_kpi:vigil_kpi_bad_per_evaluated:ratio_rate{window}{{feature=%q,kpi=%q}}"
    return (
        f'{{{{- range printf "{rate}" $labels.feature $labels.kpi | query }}}}'
        f" Bad in the last {name}: {{{{ .Value | humanizePercentage }}}}, with a target{_TARGET}.{{{{ end }}}}"
    )


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
