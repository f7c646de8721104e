"""Unknown is not safe: PromQL that withholds a rate below its coverage floor, and says where it did."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from schemas.kpis import KPIS

COVERAGE = "vigil_kpi_coverage_ratio"
RATE = "feature_kpi:vigil_kpi_bad_per_evaluated:ratio_rate5m"
NOT_SCORED, BELOW = -1.0, -2.0
"""Stand in the coverage strip where nothing says how much was evaluated, and where it was less than the floor."""
STEPS = 20
"""A strip shows coverage in steps of 5 %, rounded down: a timeline merges only what is equal."""
EVER_SEEN = '{__name__=~"vigil_interactions_total|vigil_interactions_expected_total"}'
"""Of a feature that sends, and of one that only says so in its heartbeats."""
EVERY = tuple(kpi.name for kpi in KPIS)
Floors = Mapping[str, float]
"""KPI to the coverage below which it is unknown."""


def withheld(floors: Floors, kpis: Iterable[str], feature: str = "") -> str:
    """Series (feature, kpi) whose coverage is below the KPI's floor. `feature` is a matcher, or nothing."""
    return " or ".join(f"({held} < {least:g})" for least, held in _by_floor(floors, kpis, feature))


def rate(floors: Floors, kpis: Iterable[str], feature: str = "") -> str:
    """Bad over evaluated in 5 minutes, without the series that are unknown. A gap is not 0."""
    kpis = tuple(kpis)
    return f"{RATE}{{{_both(feature, kpis)}}} unless on (feature, kpi) ({withheld(floors, kpis, feature)})"


def chosen_rate(floors: Floors, feature: str) -> str:
    """The same for the KPI in the variable `kpi`."""
    return f'{RATE}{{{feature}, kpi="$kpi"}} unless on (feature, kpi) ({withheld(floors, EVERY, feature)})'


def chosen_coverage(floors: Floors, feature: str) -> str:
    """Coverage of the KPI in the variable `kpi`: BELOW its floor, NOT_SCORED where the scorer says nothing."""
    held = in_steps(f"min by (kpi) (({_covered(floors, EVERY, feature)}) and on (kpi) {_named('$kpi')})")
    return f"{held} or {NOT_SCORED:g} * {_named('$kpi')}"


def coverage_by_kpi(floors: Floors, kpis: Iterable[str], feature: str) -> str:
    """Coverage of one feature, a series for every KPI: BELOW its floor, NOT_SCORED where the scorer says nothing."""
    kpis = tuple(kpis)
    missing = [f"{NOT_SCORED:g} * {_named(kpi)}" for kpi in kpis]
    return " or ".join([in_steps(f"min by (kpi) ({_covered(floors, kpis, feature)})"), *missing])


def coverage_by_feature(floors: Floors, kpis: Iterable[str], feature: str) -> str:
    """The lowest coverage among these KPIs, a series for every feature: BELOW where one of them is below its floor,
    NOT_SCORED where the scorer says nothing.
    """
    held = in_steps(f"min by (feature) ({_covered(floors, kpis, feature)})")
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


def _by_floor(floors: Floors, kpis: Iterable[str], feature: str) -> list[tuple[float, str]]:
    """Each floor, and the coverage of the KPIs that have it."""
    names: dict[float, list[str]] = defaultdict(list)
    for kpi in kpis:
        names[floors[kpi]].append(kpi)
    return [(least, f"min by (feature, kpi) ({COVERAGE}{{{_both(feature, group)}}})") for least, group in names.items()]


def _covered(floors: Floors, kpis: Iterable[str], feature: str) -> str:
    """Coverage, compared with the floor before anything is rounded."""
    parts = _by_floor(floors, kpis, feature)
    return " or ".join(f"({held} >= {least:g}) or (0 * ({held} < {least:g}) + {BELOW:g})" for least, held in parts)


def _named(kpi: str) -> str:
    return f'label_replace(vector(1), "kpi", "{kpi}", "", "")'


def _both(feature: str, kpis: Iterable[str]) -> str:
    names = "|".join(kpis)
    matcher = f'kpi=~"{names}"' if "|" in names else f'kpi="{names}"'
    return f"{feature}, {matcher}" if feature else matcher
