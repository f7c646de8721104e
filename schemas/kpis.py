"""The KPI catalogue: what is bad, what was evaluated, out of how many. A new KPI is a line here."""
# ruff: noqa: E501 - the catalogue is a table, and a row is one line

from dataclasses import dataclass
from typing import Literal

from schemas.outcomes import CATEGORIES, Bit, category_bit

Severity = Literal["critical", "warning"]


@dataclass(frozen=True, slots=True)
class Kpi:
    """A KPI over masks: an event counts where all bits of a field are set.

    `rate = bad / evaluated`; `coverage = evaluated / population x telemetry completeness`. Below
    `coverage_floor` the rate is UNKNOWN. `complement` says that 1 - rate is what people call it.
    """

    name: str
    bad: int
    evaluated: int
    population: int
    meaning: str
    severity: Severity = "warning"
    coverage_floor: float = 0.5
    complement: bool = False


_ALL = Bit.INTERACTION

KPIS: tuple[Kpi, ...] = (
    Kpi("refusal_rate", Bit.REFUSED, Bit.REFUSAL_EVALUATED, _ALL, "requests the model, a filter or a policy refused"),
    Kpi("policy_violation_rate", Bit.POLICY_VIOLATED, Bit.POLICY_EVALUATED, _ALL, "interactions in which a guardrail found a violation", "critical"),
    Kpi("harmful_output_rate", Bit.HARM_DELIVERED, Bit.OUTPUT_EVALUATED, _ALL, "answers with a violation that reached the user", "critical"),
    Kpi("block_rate", Bit.BLOCKED, Bit.INTERACTION, _ALL, "interactions blocked by a guardrail or the provider's filter"),
    Kpi("pii_leak_rate", Bit.PII_LEAKED, Bit.PII_SCANNED, _ALL, "answers with personal data in them", "critical"),
    Kpi("injection_attempt_rate", Bit.INJECTION_ATTEMPTED, Bit.INJECTION_CHECKED, _ALL, "interactions with a prompt injection in them"),
    Kpi("injection_success_rate", Bit.INJECTION_SUCCEEDED, Bit.INJECTION_JUDGED, Bit.INJECTION_ATTEMPTED, "injection attempts that worked", "critical"),
    Kpi("jailbreak_success_rate", Bit.JAILBREAK_SUCCEEDED, Bit.JAILBREAK_JUDGED, Bit.JAILBREAK_JUDGED, "jailbreak attempts that worked, as judged later", "critical"),
    Kpi("unsafe_tool_call_rate", Bit.TOOL_UNSAFE, Bit.TOOL_CALLED, Bit.TOOL_CALLED, "interactions that executed a tool call that was not permitted", "critical"),
    Kpi("ungrounded_rate", Bit.UNGROUNDED, Bit.GROUNDING_EVALUATED, Bit.GROUNDING_REQUIRED, "answers that should rest on sources and do not"),
    Kpi("guardrail_bypass_rate", Bit.GUARDRAIL_BYPASSED, Bit.GUARDRAIL_LISTED, _ALL, "interactions that went past a guardrail that failed open", "critical"),
    Kpi("guardrail_error_rate", Bit.GUARDRAIL_ERROR, Bit.GUARDRAIL_LISTED, _ALL, "interactions in which a guardrail erred"),
    Kpi("unknown_outcome_rate", Bit.OUTCOME_UNKNOWN, Bit.INTERACTION, _ALL, "interactions whose finish reason nobody knows"),
    Kpi("field_completeness", Bit.FIELDS_MISSING, Bit.INTERACTION, _ALL, "interactions that name model, prompt, policy and release", complement=True),
    Kpi("redaction_compliance", Bit.REDACTION_FAILED, Bit.INTERACTION, _ALL, "interactions that went through the redactor", "critical", complement=True),
)  # fmt: skip
"""Coverage of `jailbreak_success_rate` is 1 by definition: nobody knows how many attempts went unjudged."""

VIOLATION_KPIS: tuple[Kpi, ...] = tuple(
    Kpi(
        f"policy_violation_rate.{category}",
        Bit.POLICY_VIOLATED | category_bit(category),
        Bit.POLICY_EVALUATED,
        _ALL,
        f"interactions with a violation of category {category}",
        "critical",
    )
    for category in CATEGORIES
)
"""policy_violation_rate by category, as series of their own. In SQL they stand beside the others."""

TELEMETRY_COMPLETENESS = "telemetry_completeness"
"""Arrived over expected interactions, from heartbeats; it has no mask."""

ARRIVALS = "arrivals"
"""Interactions that arrived in a window, scored as a rate of many places; it has no mask of its own."""

PROMPT_MIX = "prompt_mix"
"""The share of requests in prompt categories that are refused more than the mean: what is asked, and not how it is
answered. It is told, and never pages."""

CATALOGUE: dict[str, Kpi] = {kpi.name: kpi for kpi in KPIS + VIOLATION_KPIS}
KPI_NAMES: tuple[str, ...] = (*(kpi.name for kpi in KPIS), TELEMETRY_COMPLETENESS, ARRIVALS, PROMPT_MIX)


def counts(kpi: Kpi, mask: int) -> tuple[bool, bool, bool]:
    """Whether an event with this mask is (bad, evaluated, population) for the KPI."""
    if mask & Bit.SYNTHETIC:
        return False, False, False
    evaluated = mask & kpi.evaluated == kpi.evaluated
    return evaluated and mask & kpi.bad == kpi.bad, evaluated, mask & kpi.population == kpi.population
