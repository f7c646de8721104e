"""What can happen to one interaction, once: its JSON for the live stream, and its mask for history.

An interaction is one case of each group, drawn independently given its stratum (arm, prompt category,
model). Masks are computed by schemas.outcomes from the very JSON that is sent, so the two cannot differ.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from monitor.simulator.profiles import Model, Profile, PromptCategory
from monitor.simulator.traffic import Floats, Ints
from schemas.outcomes import interaction_mask
from schemas.telemetry import TELEMETRY, Interaction

Fragment = dict[str, Any]
Case = tuple[float, Fragment]
"""Probability, and the fields it sets."""

_CEILING = 0.95
_BASE: Fragment = {
    "kind": "interaction", "event_id": "caseprobe", "ts": "2026-01-01T00:00:00Z", "emitter": "probe",
    "feature": "probe", "model": "m", "prompt_version": "p", "policy_version": "q", "release": "r",
    "finish_reason": "stop", "redaction": {"status": "clean"},
}  # fmt: skip
_LATENCY = 0.5  # stands where the live stream writes a drawn latency


@dataclass(frozen=True, slots=True)
class Stratum:
    """What the odds of an interaction depend on."""

    category: PromptCategory
    model: Model
    canary: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Cases of which exactly one happens. `odds` is (strata, cases), cumulative along cases."""

    texts: tuple[str, ...]
    finishes: tuple[str, ...]
    masks: Ints
    odds: Floats

    def pick(self, stratum: Ints, rng: np.random.Generator) -> Ints:
        """The case of each interaction."""
        drawn = rng.random(len(stratum))
        cases: Ints = (drawn[:, None] >= self.odds[stratum, :-1]).sum(axis=1)
        return cases


@dataclass(frozen=True, slots=True)
class Table:
    """A profile's groups, and its strata in the order of the odds' rows: arm, category, model."""

    strata: tuple[Stratum, ...]
    shares: Floats
    """Share of the feature's traffic per stratum."""
    groups: tuple[Group, ...]


@lru_cache(maxsize=256)
def table(profile: Profile) -> Table:
    """The groups of a profile. In the order of _BUILDERS."""
    strata = tuple(
        Stratum(category, model, canary)
        for canary in (False, True)
        for category in profile.categories
        for model in profile.models
    )
    arm = (1.0 - profile.canary.share, profile.canary.share)
    shares = np.array([arm[s.canary] * s.category.share * s.model.share for s in strata])
    return Table(strata, shares / shares.sum(), tuple(_group(build, profile, strata) for build in _BUILDERS))


def _group(build: "_Builder", profile: Profile, strata: Sequence[Stratum]) -> Group:
    rows = [list(build(profile, stratum)) for stratum in strata]
    fragments = [fragment for _, fragment in rows[0]]
    odds = np.array([[max(probability, 0.0) for probability, _ in row] for row in rows])
    return Group(
        tuple(_text(fragment) for fragment in fragments),
        tuple(fragment.get("finish_reason", "") for fragment in fragments),
        np.array([_mask(json.dumps(fragment)) for fragment in fragments], dtype=np.int64),
        np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1),
    )


def _text(fragment: Fragment) -> str:
    """The fields as JSON members, each with a comma before it; "%.1f" where a latency belongs."""
    members = {name: value for name, value in fragment.items() if name not in ("finish_reason", "release")}
    text = json.dumps(members, separators=(",", ":"))[1:-1].replace(f'"latency_ms":{_LATENCY}', '"latency_ms":%.1f')
    return f",{text}" if text else ""


@lru_cache(maxsize=4096)
def _mask(fragment: str) -> int:
    event = TELEMETRY.validate_json(json.dumps(_BASE | json.loads(fragment)))
    if not isinstance(event, Interaction):
        raise TypeError("a case is of an interaction")
    return interaction_mask(event)


def _refusal(profile: Profile, stratum: Stratum) -> Iterator[Case]:
    factor = stratum.model.refusal_factor * (profile.canary.refusal_factor if stratum.canary else 1.0)
    rate = min(stratum.category.refusal_rate * factor, _CEILING)
    yield 1.0 - rate, {"refusal": {"refused": False}}
    for by, part in (("model", 0.85), ("filter", 0.1), ("policy", 0.05)):  # assumed
        yield rate * part, {"refusal": {"refused": True, "by": by}}


def _guardrails(profile: Profile, stratum: Stratum) -> Iterator[Case]:
    factor = profile.canary.violation_factor if stratum.canary else 1.0
    outputs = list(_output_guardrail(profile, factor))
    for first, before in _input_guardrail(profile, factor):
        for second, after in outputs:
            yield first * second, {"guardrails": [before, after]}


def _input_guardrail(profile: Profile, factor: float) -> Iterator[Case]:
    def seen(category: str, verdict: str, action: str, outcome: str) -> Fragment:
        return _guardrail("prompt-shield", "input", category, verdict, action, outcome)

    found = sum(rate for _, rate in profile.input_violations) * factor
    yield 1.0 - found - profile.guardrail_error / 2, seen("jailbreak", "allow", "allow", "evaluated")
    for category, rate in profile.input_violations:
        yield rate * factor, seen(category, "deny", "block", "evaluated")
    yield profile.guardrail_error / 2, seen("jailbreak", "allow", "escalate", "error")


def _output_guardrail(profile: Profile, factor: float) -> Iterator[Case]:
    def seen(category: str, verdict: str, action: str, outcome: str) -> Fragment:
        return _guardrail("output-policy", "output", category, verdict, action, outcome)

    absent = profile.guardrail_error / 2 + profile.guardrail_bypass + profile.guardrail_skipped
    ran = max(1.0 - absent, 0.0)
    found = min(sum(rate for _, rate in profile.violations) * factor, _CEILING)
    yield ran * (1.0 - found), seen("other", "allow", "allow", "evaluated")
    for category, rate in profile.violations:
        yield ran * rate * factor * (1.0 - profile.delivered), seen(category, "deny", "block", "evaluated")
        yield ran * rate * factor * profile.delivered, seen(category, "deny", "audit", "evaluated")
    yield profile.guardrail_error / 2, seen("other", "allow", "escalate", "error")
    yield profile.guardrail_bypass, seen("other", "allow", "allow", "bypassed")
    yield profile.guardrail_skipped, seen("other", "allow", "allow", "not_evaluated")


def _guardrail(*fields: str) -> Fragment:
    names = ("name", "stage", "category", "verdict", "action", "outcome")
    return dict(zip(names, fields, strict=True)) | {"version": "3", "latency_ms": _LATENCY}


def _pii(profile: Profile, stratum: Stratum) -> Iterator[Case]:
    del stratum
    scanned = 1.0 - profile.pii_unscanned
    yield scanned * (1.0 - profile.pii_input - profile.pii_leak), {"pii": {"input": [], "output": []}}
    yield (
        scanned * profile.pii_input * 0.7,
        {"pii": {"input": ["email"], "output": []}},
    )  # the kinds' shares are assumed
    yield scanned * profile.pii_input * 0.3, {"pii": {"input": ["person_name", "phone"], "output": []}}
    yield scanned * profile.pii_leak * 0.6, {"pii": {"output": ["email"]}}
    yield scanned * profile.pii_leak * 0.4, {"pii": {"output": ["person_name", "address"]}}
    yield profile.pii_unscanned, {}


def _injection(profile: Profile, stratum: Stratum) -> Iterator[Case]:
    del stratum
    tried, unjudged, worked = profile.injection_attempt, profile.injection_unjudged, profile.injection_success
    yield 1.0 - tried, {"injection": {"detected": False}}
    for vector, part in (("direct", 0.6), ("indirect", 0.4)):  # assumed
        attempt: Fragment = {"detected": True, "vector": vector}
        yield tried * part * (1.0 - unjudged) * (1.0 - worked), {"injection": attempt | {"succeeded": False}}
        yield tried * part * (1.0 - unjudged) * worked, {"injection": attempt | {"succeeded": True}}
        yield tried * part * unjudged, {"injection": attempt}


def _tools(profile: Profile, stratum: Stratum) -> Iterator[Case]:
    del stratum

    def call(name: str, permitted: bool, executed: bool, risk: str) -> Fragment:
        return {"name": name, "permitted": permitted, "executed": executed, "risk": risk}

    lookup = call("lookup", True, True, "low")
    used, denied, unsafe = profile.tool_use, profile.tool_denied, profile.tool_unsafe
    yield 1.0 - used, {}
    yield used * (1.0 - denied - unsafe) * 0.7, {"tool_calls": [lookup]}
    yield used * (1.0 - denied - unsafe) * 0.3, {"tool_calls": [lookup, call("write-file", True, True, "medium")]}
    yield used * denied, {"tool_calls": [lookup, call("send-mail", False, False, "high")]}
    yield used * unsafe, {"tool_calls": [lookup, call("send-mail", False, True, "high")]}


def _grounding(profile: Profile, stratum: Stratum) -> Iterator[Case]:
    del stratum
    needed, unchecked, wrong = profile.grounding_required, profile.grounding_unchecked, profile.ungrounded
    yield 1.0 - needed, {}
    yield needed * (1.0 - unchecked) * (1.0 - wrong), {"grounding": {"required": True, "grounded": True}}
    yield needed * (1.0 - unchecked) * wrong, {"grounding": {"required": True, "grounded": False}}
    yield needed * unchecked, {"grounding": {"required": True}}


def _redaction(profile: Profile, stratum: Stratum) -> Iterator[Case]:
    del stratum
    failed = profile.redaction_failed
    yield (1.0 - failed) * (1.0 - profile.pii_input), {"redaction": {"status": "clean", "version": "r5"}}
    yield (1.0 - failed) * profile.pii_input, {"redaction": {"status": "applied", "version": "r5"}}
    yield failed, {"redaction": {"status": "failed", "version": "r5"}}


def _fields(profile: Profile, stratum: Stratum) -> Iterator[Case]:
    del stratum
    yield 1.0 - profile.release_missing, {}
    yield profile.release_missing, {"release": None}


def _outcome(profile: Profile, stratum: Stratum) -> Iterator[Case]:
    del stratum
    odd = profile.cut_short + profile.provider_filtered + profile.unknown_outcome + profile.failed
    yield 1.0 - odd, {}
    yield profile.cut_short, {"finish_reason": "length"}
    yield profile.provider_filtered, {"finish_reason": "content_filter"}
    yield profile.unknown_outcome, {"finish_reason": "unknown", "finish_reason_raw": "eos_reached"}
    yield profile.failed, {"finish_reason": "error", "error_type": "upstream_timeout"}


_Builder = Callable[[Profile, Stratum], Iterator[Case]]
_BUILDERS: tuple[_Builder, ...] = (
    _refusal, _guardrails, _pii, _injection, _tools, _grounding, _redaction, _fields, _outcome,
)  # fmt: skip
REFUSAL, GUARDRAILS, OUTCOME = 0, 1, len(_BUILDERS) - 1
"""Places in `Table.groups` that callers name."""
