"""Incidents to be found: what gets worse, when, and the truth a detector is measured against."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from monitor.errors import UserError
from monitor.simulator.profiles import Model, Profile

Truth = dict[str, str | float | bool]
NewChange = tuple[float, dict[str, Any]]
"""Seconds since the start, and the fields of an ai.changes event beyond its id, time and emitter."""

_CEILING = 0.95
_STEP = 10.0  # a slope in steps, so that odds are not worked out anew for each second


@dataclass(frozen=True, slots=True)
class Scenario:
    """One incident on one feature. Times are seconds since the start of the simulation.

    What `size` means is each scenario's own; see its docstring.
    """

    feature: str
    start: float
    duration: float
    size: float

    name: ClassVar[str]
    kpi: ClassVar[str]
    direction: ClassVar[str] = "up"
    default_size: ClassVar[float]
    default_duration: ClassVar[float] = 600.0
    default_feature: ClassVar[str] = "support-chat"
    pages: ClassVar[bool] = True

    def active(self, seconds: float) -> bool:
        """Whether it is on at this moment."""
        return self.start <= seconds < self.start + self.duration

    def apply(self, profile: Profile, seconds: float) -> Profile:
        """The profile as it is at this moment; the same object when nothing is different."""
        if profile.name != self.feature or not self.active(seconds):
            return profile
        return self._changed(profile, seconds)

    def changes(self, profile: Profile) -> Iterator[NewChange]:
        """Deploys that cause it; none for most."""
        del profile
        yield from ()

    def truth(self, began: float = 0.0) -> Truth:
        """What a detector should find. `began` is the simulation's start; with it in Unix seconds, so are the times.

        `page` is False where a page would be a false one.
        """
        return {
            "scenario": self.name,
            "feature": self.feature,
            "kpi": self.kpi,
            "onset": began + self.start,
            "ends": began + self.start + self.duration,
            "direction": self.direction,
            "size": self.size,
            "page": self.pages,
        }

    def _changed(self, profile: Profile, seconds: float) -> Profile:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class RefusalSpike(Scenario):
    """Every refusal rate times `size`, at once."""

    name: ClassVar[str] = "refusal_spike"
    kpi: ClassVar[str] = "refusal_rate"
    default_size: ClassVar[float] = 3.0

    def _changed(self, profile: Profile, seconds: float) -> Profile:
        return _refusing(profile, self.size)


@dataclass(frozen=True, slots=True)
class ViolationDrift(Scenario):
    """Violations grow in a straight line to `size` times their rate at the end."""

    name: ClassVar[str] = "violation_drift"
    kpi: ClassVar[str] = "policy_violation_rate"
    default_size: ClassVar[float] = 8.0
    default_duration: ClassVar[float] = 1800.0

    def _changed(self, profile: Profile, seconds: float) -> Profile:
        ramp = (seconds - self.start) // _STEP * _STEP / self.duration
        factor = 1.0 + (self.size - 1.0) * ramp
        return replace(
            profile,
            violations=tuple((category, rate * factor) for category, rate in profile.violations),
            input_violations=tuple((category, rate * factor) for category, rate in profile.input_violations),
        )


@dataclass(frozen=True, slots=True)
class LostTelemetry(Scenario):
    """A share of `size` of the interactions never reaches Kafka; heartbeats go on and count them."""

    name: ClassVar[str] = "lost_telemetry"
    kpi: ClassVar[str] = "telemetry_completeness"
    direction: ClassVar[str] = "down"
    default_size: ClassVar[float] = 0.6

    def _changed(self, profile: Profile, seconds: float) -> Profile:
        return replace(profile, delivery=1.0 - min(self.size, 1.0))


@dataclass(frozen=True, slots=True)
class ModelSwap(Scenario):
    """All traffic moves to a new model that refuses `size` times as much; ai.changes says so."""

    name: ClassVar[str] = "model_swap"
    kpi: ClassVar[str] = "refusal_rate"
    default_size: ClassVar[float] = 2.5

    def _changed(self, profile: Profile, seconds: float) -> Profile:
        old = profile.models[0]
        return replace(_refusing(profile, self.size), models=(Model(_successor(old), old.provider, 1.0),))

    def changes(self, profile: Profile) -> Iterator[NewChange]:
        """The swap, and the way back at the end."""
        old = profile.models[0]
        there = {"what": "model", "subject": old.provider, "from_version": old.name, "to_version": _successor(old)}
        back = there | {"from_version": _successor(old), "to_version": old.name}
        yield self.start, {"feature": self.feature, **there, "rollout": 1.0}
        yield self.start + self.duration, {"feature": self.feature, **back, "rollout": 1.0}


@dataclass(frozen=True, slots=True)
class PromptMixShift(Scenario):
    """A share of `size` of the traffic turns to the kind of request that is refused most.

    Each kind is refused as before, so the overall rate rises and nothing got worse: no page.
    """

    name: ClassVar[str] = "prompt_mix_shift"
    kpi: ClassVar[str] = "refusal_rate"
    default_size: ClassVar[float] = 0.5
    pages: ClassVar[bool] = False

    def _changed(self, profile: Profile, seconds: float) -> Profile:
        worst = max(profile.categories, key=lambda category: category.refusal_rate).name
        moved = min(self.size, 1.0)
        return replace(
            profile,
            categories=tuple(
                replace(c, share=c.share * (1.0 - moved) + (moved if c.name == worst else 0.0))
                for c in profile.categories
            ),
        )


@dataclass(frozen=True, slots=True)
class CanaryRegression(Scenario):
    """The canary arm refuses and violates `size` times as much; the baseline arm stays as it was."""

    name: ClassVar[str] = "canary_regression"
    kpi: ClassVar[str] = "refusal_rate"
    default_size: ClassVar[float] = 4.0

    def _changed(self, profile: Profile, seconds: float) -> Profile:
        return replace(profile, canary=replace(profile.canary, refusal_factor=self.size, violation_factor=self.size))

    def changes(self, profile: Profile) -> Iterator[NewChange]:
        """The prompt that only the canary got."""
        yield (
            self.start,
            {
                "feature": self.feature, "what": "prompt", "subject": "system-prompt",
                "from_version": "p15", "to_version": "p16", "rollout": profile.canary.share,
            },
        )  # fmt: skip

    def truth(self, began: float = 0.0) -> Truth:
        """As of any scenario, and the arm."""
        return {**Scenario.truth(self, began), "arm": "canary"}  # super() fails in a class with slots


@dataclass(frozen=True, slots=True)
class GuardrailFailOpen(Scenario):
    """The output guardrail fails for a share of `size` of the interactions, and the caller goes on."""

    name: ClassVar[str] = "guardrail_fail_open"
    kpi: ClassVar[str] = "guardrail_bypass_rate"
    default_size: ClassVar[float] = 0.2

    def _changed(self, profile: Profile, seconds: float) -> Profile:
        return replace(profile, guardrail_bypass=min(self.size, _CEILING))

    def changes(self, profile: Profile) -> Iterator[NewChange]:
        """The guardrail's new version."""
        yield (
            self.start,
            {
                "feature": self.feature, "what": "guardrail", "subject": "output-policy",
                "from_version": "3", "to_version": "4", "rollout": 1.0,
            },
        )  # fmt: skip


SCENARIOS: tuple[type[Scenario], ...] = (
    RefusalSpike, ViolationDrift, LostTelemetry, ModelSwap, PromptMixShift, CanaryRegression, GuardrailFailOpen,
)  # fmt: skip


def scenario(
    name: str, start: float, feature: str | None = None, size: float | None = None, duration: float | None = None
) -> Scenario:
    """A scenario by name, with its own defaults for what is not given; UserError for a bad name or value."""
    kind = {candidate.name: candidate for candidate in SCENARIOS}.get(name)
    if kind is None:
        raise UserError(f"there is no scenario {name}; take one of {', '.join(s.name for s in SCENARIOS)}")
    made = kind(
        feature or kind.default_feature,
        start,
        kind.default_duration if duration is None else duration,
        kind.default_size if size is None else size,
    )
    if not (made.start >= 0.0 and made.duration > 0.0 and made.size > 0.0):
        raise UserError("a scenario's start is 0 or later, and its duration and size are above 0")
    return made


def _refusing(profile: Profile, factor: float) -> Profile:
    return replace(
        profile,
        categories=tuple(
            replace(category, refusal_rate=min(category.refusal_rate * factor, _CEILING))
            for category in profile.categories
        ),
    )


def _successor(model: Model) -> str:
    return f"{model.name}-next"
