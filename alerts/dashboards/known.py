"""Unknown is not safe: PromQL that withholds a rate below its coverage floor, and says where it did."""

from collections import defaultdict
from collections.abc import Iterable

from schemas.kpis import CATALOGUE, KPIS

COVERAGE = "vigil_kpi_coverage_ratio"
RATE = "feature_kpi:vigil_kpi_bad_per_evaluated:ratio_rate5m"
NOT_SCORED = -1.0
"""Stands in the coverage strip where nothing says how much was evaluated."""
STEPS = 20
"""A strip shows coverage in steps of 5 %, rounded down: a timeline merges only what is equal."""
EVER_SEEN = '{__name__=~"vigil_interactions_total|vigil_interactions_expected_total"}'
"""Of a feature that sends, and of one that only says so in its heartbeats."""


def floor(kpi: str) -> float:
    """Coverage below which the KPI is unknown."""
    return CATALOGUE[kpi].coverage_floor


def withheld(kpis: Iterable[str], feature: str = "") -> str:
    """Series (feature, kpi) whose coverage is below the KPI's floor. `feature` is a matcher, or nothing."""
    by_floor: dict[float, list[str]] = defaultdict(list)
    for kpi in kpis:
        by_floor[floor(kpi)].append(kpi)
    return " or ".join(
        f"(min by (feature, kpi) ({COVERAGE}{{{_both(feature, names)}}}) < {least:g})"
        for least, names in by_floor.items()
    )


def rate(kpis: Iterable[str], feature: str = "") -> str:
    """Bad over evaluated in 5 minutes, without the series that are unknown. A gap is not 0."""
    kpis = tuple(kpis)
    return f"{RATE}{{{_both(feature, kpis)}}} unless on (feature, kpi) ({withheld(kpis, feature)})"


def chosen_rate(feature: str) -> str:
    """The same for the KPI in the variable `kpi`."""
    every = [kpi.name for kpi in KPIS]
    return f'{RATE}{{{feature}, kpi="$kpi"}} unless on (feature, kpi) ({withheld(every, feature)})'


def chosen_coverage(feature: str) -> str:
    """Coverage of the KPI in the variable `kpi`; NOT_SCORED where the scorer says nothing."""
    held = in_steps(f'min by (kpi) ({COVERAGE}{{{feature}, kpi="$kpi"}})')
    return f'{held} or label_replace(vector({NOT_SCORED:g}), "kpi", "$kpi", "", "")'


def coverage_by_kpi(kpis: Iterable[str], feature: str) -> str:
    """Coverage of one feature, a series for every KPI: NOT_SCORED where the scorer says nothing."""
    kpis = tuple(kpis)
    held = in_steps(f"min by (kpi) ({COVERAGE}{{{_both(feature, kpis)}}})")
    missing = [f'label_replace(vector({NOT_SCORED:g}), "kpi", "{kpi}", "", "")' for kpi in kpis]
    return " or ".join([held, *missing])


def coverage_by_feature(kpis: Iterable[str], feature: str) -> str:
    """The lowest coverage among these KPIs, a series for every feature: NOT_SCORED where the scorer says nothing."""
    held = in_steps(f"min by (feature) ({COVERAGE}{{{_both(feature, tuple(kpis))}}})")
    name_and = EVER_SEEN.replace("}", f", {feature}}}") if feature else EVER_SEEN
    return f"{held} or on (feature) {NOT_SCORED:g} * group by (feature) ({name_and})"


def in_steps(expr: str, steps: int = STEPS) -> str:
    """A ratio rounded down to a multiple of 1 / steps; all above 1 is 1."""
    return f"floor({steps} * clamp_max({expr}, 1)) / {steps}"


def on_a_step(least: float, steps: int = STEPS) -> float:
    """The limit itself. ValueError when rounding down would carry what is above the limit below it."""
    if round(least * steps, 9) % 1:
        raise ValueError(f"{least} is no multiple of 1 / {steps}, the steps in which the strip shows coverage")
    return least


def _both(feature: str, kpis: Iterable[str]) -> str:
    names = "|".join(kpis)
    matcher = f'kpi=~"{names}"' if "|" in names else f'kpi="{names}"'
    return f"{feature}, {matcher}" if feature else matcher
