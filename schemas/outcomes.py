"""One event as a bit mask: every fact a KPI may count, decided once.

A window cell counts events per mask, so a KPI is a sum over masks and a new KPI needs no new column.
The numbers are stored; never renumber a bit, only add.
"""

from operator import attrgetter
from typing import Final, get_args

from schemas.telemetry import Evaluation, Guardrail, Interaction
from schemas.vocabulary import Category

CATEGORIES: tuple[str, ...] = get_args(Category)
_FIRST_CATEGORY_BIT = 32


class Bit:
    """Facts about one event. Pairs come as "somebody looked" and "and it was bad".

    LATE came after its window closed, VERY_LATE so long after that it was counted as missing: they are in every
    total, and in no score. Plain integers: an IntFlag makes the masks of one event four times as dear.
    """

    INTERACTION: Final = 1 << 0
    SYNTHETIC: Final = 1 << 1
    REFUSAL_EVALUATED: Final = 1 << 2
    REFUSED: Final = 1 << 3
    GUARDRAIL_LISTED: Final = 1 << 4
    POLICY_EVALUATED: Final = 1 << 5
    POLICY_VIOLATED: Final = 1 << 6
    OUTPUT_EVALUATED: Final = 1 << 7
    HARM_DELIVERED: Final = 1 << 8
    BLOCKED: Final = 1 << 9
    GUARDRAIL_BYPASSED: Final = 1 << 10
    GUARDRAIL_ERROR: Final = 1 << 11
    PII_SCANNED: Final = 1 << 12
    PII_LEAKED: Final = 1 << 13
    INJECTION_CHECKED: Final = 1 << 14
    INJECTION_ATTEMPTED: Final = 1 << 15
    INJECTION_JUDGED: Final = 1 << 16
    INJECTION_SUCCEEDED: Final = 1 << 17
    TOOL_CALLED: Final = 1 << 18
    TOOL_UNSAFE: Final = 1 << 19
    GROUNDING_REQUIRED: Final = 1 << 20
    GROUNDING_EVALUATED: Final = 1 << 21
    UNGROUNDED: Final = 1 << 22
    OUTCOME_UNKNOWN: Final = 1 << 23
    FIELDS_MISSING: Final = 1 << 24
    REDACTION_FAILED: Final = 1 << 25
    JAILBREAK_JUDGED: Final = 1 << 26
    JAILBREAK_SUCCEEDED: Final = 1 << 27
    LATE: Final = 1 << 28
    VERY_LATE: Final = 1 << 29


def category_bit(category: str) -> int:
    """The bit that says: a violation of this category was found."""
    return 1 << (_FIRST_CATEGORY_BIT + CATEGORIES.index(category))


_CATEGORY_BITS = {category: category_bit(category) for category in CATEGORIES}
_VIOLATION = frozenset({"deny", "modify", "escalate"})  # "warn" is the policy's own word for "let it pass"
_STOPPED = frozenset({"block", "modify", "escalate"})
_FINISH_BITS: dict[str, int] = {
    "refusal": Bit.REFUSAL_EVALUATED | Bit.REFUSED,
    "content_filter": Bit.BLOCKED,
    "unknown": Bit.OUTCOME_UNKNOWN,
}

_EVALUATION_BITS: dict[str, tuple[int, int]] = {
    "refusal": (Bit.REFUSAL_EVALUATED, Bit.REFUSED),
    "policy_violation": (Bit.POLICY_EVALUATED, Bit.POLICY_VIOLATED),
    "harmful_output": (Bit.OUTPUT_EVALUATED, Bit.HARM_DELIVERED),
    "pii_leak": (Bit.PII_SCANNED, Bit.PII_LEAKED),
    "injection_attempt": (Bit.INJECTION_CHECKED, Bit.INJECTION_ATTEMPTED),
    "injection_success": (Bit.INJECTION_JUDGED, Bit.INJECTION_SUCCEEDED),
    "jailbreak_success": (Bit.JAILBREAK_JUDGED, Bit.JAILBREAK_SUCCEEDED),
    "ungrounded": (Bit.GROUNDING_EVALUATED, Bit.UNGROUNDED),
    "refusal_quality": (0, 0),
}


_INTERACTION: Final = Bit.INTERACTION
_SYNTHETIC: Final = Bit.SYNTHETIC
_FIELDS_MISSING: Final = Bit.FIELDS_MISSING
_REDACTION_FAILED: Final = Bit.REDACTION_FAILED
_HARM_DELIVERED: Final = Bit.HARM_DELIVERED
_REFUSAL_BITS = {True: Bit.REFUSAL_EVALUATED | Bit.REFUSED, False: Bit.REFUSAL_EVALUATED}
_PII_BITS = {(False, False): 0, (True, False): Bit.PII_SCANNED, (True, True): Bit.PII_SCANNED | Bit.PII_LEAKED}
"""By (output scanned, found something)."""
_TOOL_BITS = {True: Bit.TOOL_CALLED | Bit.TOOL_UNSAFE, False: Bit.TOOL_CALLED}
_ATTEMPTED = Bit.INJECTION_CHECKED | Bit.INJECTION_ATTEMPTED
_INJECTION_BITS: dict[tuple[bool, bool | None], int] = {
    **{(False, succeeded): Bit.INJECTION_CHECKED for succeeded in (None, False, True)},
    (True, None): _ATTEMPTED,
    (True, False): _ATTEMPTED | Bit.INJECTION_JUDGED,
    (True, True): _ATTEMPTED | Bit.INJECTION_JUDGED | Bit.INJECTION_SUCCEEDED,
}
"""By (detected, succeeded)."""
_GROUNDING_BITS: dict[tuple[bool, bool | None], int] = {
    **{(False, grounded): 0 for grounded in (None, False, True)},
    (True, None): Bit.GROUNDING_REQUIRED,
    (True, True): Bit.GROUNDING_REQUIRED | Bit.GROUNDING_EVALUATED,
    (True, False): Bit.GROUNDING_REQUIRED | Bit.GROUNDING_EVALUATED | Bit.UNGROUNDED,
}
"""By (required, grounded)."""
_REDACTED = frozenset({"applied", "clean"})
WITHHELD: Final = 1 << 61
LET_THROUGH: Final = 1 << 62
"""Of guardrails, beside their bits: one kept the answer back, one let a violation through. Never stored."""
_STORED = WITHHELD - 1


def interaction_mask(event: Interaction) -> int:
    """Facts of one interaction, a model or its struct. What nobody evaluated sets no bit: neither good nor bad."""
    mask = _INTERACTION | _FINISH_BITS.get(event.finish_reason, 0)
    if event.synthetic is not None:
        mask |= _SYNTHETIC
    if event.refusal is not None:
        mask |= _REFUSAL_BITS[event.refusal.refused]
    if event.guardrails:
        mask |= _guardrails_mask(event.guardrails)
    if event.pii is not None:
        mask |= _PII_BITS[event.pii.output is not None, bool(event.pii.output)]
    if event.injection is not None:
        mask |= _INJECTION_BITS[event.injection.detected, event.injection.succeeded]
    if event.tool_calls:
        mask |= _TOOL_BITS[any(call.executed and not call.permitted for call in event.tool_calls)]
    if event.grounding is not None:
        mask |= _GROUNDING_BITS[event.grounding.required, event.grounding.grounded]
    return mask | _hygiene_mask(event)


def _hygiene_mask(event: Interaction) -> int:
    mask = 0
    if event.model is None or event.prompt_version is None or event.policy_version is None or event.release is None:
        mask |= _FIELDS_MISSING
    if event.redaction is None or event.redaction.status not in _REDACTED:
        mask |= _REDACTION_FAILED
    return mask


def evaluation_mask(event: Evaluation) -> int:
    """Facts of one later verdict. An evaluator that failed evaluated nothing."""
    mask: int = Bit.SYNTHETIC if event.synthetic is not None else 0
    if event.outcome != "evaluated" or event.bad is None:
        return mask
    evaluated, bad = _EVALUATION_BITS[event.signal]
    mask |= evaluated
    if event.bad:
        mask |= bad
        if event.category is not None and event.signal == "policy_violation":
            mask |= _CATEGORY_BITS[event.category]
    return mask


def _guardrails_mask(guardrails: tuple[Guardrail, ...]) -> int:
    mask: int = 0
    for guardrail in guardrails:
        facts = _facts(guardrail)
        bits = _GUARDRAIL_BITS.get(facts)
        if bits is None:
            bits = _GUARDRAIL_BITS[facts] = guardrail_bits(*facts)
        mask |= bits
    # What one guardrail let pass, another may have withheld.
    return mask & _STORED | _HARM_DELIVERED if mask & LET_THROUGH and not mask & WITHHELD else mask & _STORED


_facts = attrgetter("stage", "category", "verdict", "action", "outcome")
_GUARDRAIL_BITS: dict[tuple[str, ...], int] = {}
"""By facts; closed vocabularies bound it."""


def guardrail_bits(stage: str, category: str, verdict: str | None, action: str, outcome: str) -> int:
    """What one guardrail adds to a mask, with WITHHELD and LET_THROUGH, which are settled over all of them."""
    mask = Bit.GUARDRAIL_LISTED
    mask |= _evaluated_bits(stage, category, verdict) if outcome == "evaluated" else _FAILURE_BITS.get(outcome, 0)
    if action == "block":
        mask |= Bit.BLOCKED  # whatever its outcome: one that erred may fail closed
        if stage in ("input", "output"):
            mask |= WITHHELD
    if stage == "output" and outcome == "evaluated" and verdict in _VIOLATION and action not in _STOPPED:
        mask |= LET_THROUGH
    return mask


_FAILURE_BITS: dict[str, int] = {"bypassed": Bit.GUARDRAIL_BYPASSED, "error": Bit.GUARDRAIL_ERROR}


def _evaluated_bits(stage: str, category: str, verdict: str | None) -> int:
    mask: int = Bit.POLICY_EVALUATED
    if stage == "output":
        mask |= Bit.OUTPUT_EVALUATED
    if verdict in _VIOLATION:
        mask |= Bit.POLICY_VIOLATED | _CATEGORY_BITS[category]
    return mask
