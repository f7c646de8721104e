"""What a colour means, the same on every dashboard. Unknown has one that nothing else has."""

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import (
    DashboardRangeMapOptions,
    DashboardSpecialValueMapOptions,
    RangeMap,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from alerts.dashboards.known import NOT_SCORED

UNKNOWN = "purple"
KNOWN = "semi-dark-blue"
GOOD = "green"
WARNING = "orange"
BAD = "red"
PLAIN = "text"

STATES: dict[str, tuple[int, str]] = {
    "UNKNOWN": (0, UNKNOWN),
    "WARMING": (1, KNOWN),
    "OK": (2, GOOD),
    "WARN": (3, WARNING),
    "ALARM": (4, BAD),
}
"""The scorer's states as numbers, because a timeline from SQL takes texts for labels."""


def bad_from(value: float) -> ThresholdsConfig:
    """Good below a value, bad from it on."""
    return _steps((None, GOOD), (value, BAD))


def bad_below(value: float) -> ThresholdsConfig:
    """Bad below a value, good from it on."""
    return _steps((None, BAD), (value, GOOD))


def unknown_from(value: float) -> ThresholdsConfig:
    """Good below a value, unknown from it on."""
    return _steps((None, GOOD), (value, UNKNOWN))


def plain() -> ThresholdsConfig:
    """No judgement."""
    return _steps((None, PLAIN))


def _steps(*steps: tuple[float | None, str]) -> ThresholdsConfig:
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(value, colour) for value, colour in steps])


def coverage_mappings(floor: float, missing: str) -> list[ValueMapping]:
    """A number from `floor` on is shown; below it, or with `missing`, it is UNKNOWN. The first that fits counts."""
    return [
        ValueMap({f"{NOT_SCORED:g}": ValueMappingResult(text=f"UNKNOWN: {missing}", color=UNKNOWN)}),
        RangeMap(DashboardRangeMapOptions(floor, None, ValueMappingResult(color=KNOWN))),
        RangeMap(DashboardRangeMapOptions(None, floor, ValueMappingResult(text="UNKNOWN", color=UNKNOWN))),
        nothing_is_unknown(),
    ]


def nothing_is_unknown() -> ValueMapping:
    """NULL and NaN read UNKNOWN, never 0."""
    unknown = ValueMappingResult(text="UNKNOWN", color=UNKNOWN)
    return SpecialValueMap(DashboardSpecialValueMapOptions(SpecialValueMatch.NULL_AND_NAN, unknown))


def state_mappings() -> list[ValueMapping]:
    """The scorer's states by number."""
    words = {str(number): ValueMappingResult(text=name, color=colour) for name, (number, colour) in STATES.items()}
    return [ValueMap(words), nothing_is_unknown()]


def word_mappings() -> list[ValueMapping]:
    """The scorer's states and the verdicts of a stored query, by name."""
    words = {name: ValueMappingResult(color=colour) for name, (_, colour) in STATES.items()}
    verdicts = {"unknown": UNKNOWN, "incomplete": BAD, "complete": GOOD, "open": BAD, "resolved": GOOD}
    words |= {name: ValueMappingResult(color=colour) for name, colour in verdicts.items()}
    return [ValueMap(words), nothing_is_unknown()]
