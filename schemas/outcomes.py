"""One event as a bit mask: every fact a KPI may count, decided once.

A window cell counts events per mask, so a KPI is a sum over masks and a new KPI needs no new column.
The numbers are stored; never renumber a bit, only add.
"""

from typing import Final, get_args

from schemas.telemetry import Evaluation, Guardrail, Interaction
from schemas.vocabulary import Category

CATEGORIES: tuple[str, ...] = get_args(Category)
_FIRST_CATEGORY_BIT = 32


class Bit:
    """Facts about one event. Pairs come as "somebody looked" and "and it was bad".

    Plain integers: an IntFlag makes the masks of one event four times as dear.
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


def interaction_mask(event: Interaction) -> int:
    """Facts of one interaction. What nobody evaluated sets no bit: it is neither good nor bad."""
    mask: int = Bit.INTERACTION
    if event.synthetic is not None:
        mask |= Bit.SYNTHETIC
    if event.refusal is not None:
        mask |= Bit.REFUSAL_EVALUATED | (Bit.REFUSED if event.refusal.refused else 0)
    if event.guardrails:
        mask |= _guardrails_mask(event)
    mask |= _FINISH_BITS.get(event.finish_reason, 0)
    if event.pii is not None and event.pii.output is not None:
        mask |= Bit.PII_SCANNED | (Bit.PII_LEAKED if event.pii.output else 0)
    if event.injection is not None:
        mask |= _injection_mask(event)
    if event.tool_calls:
        unsafe = any(call.executed and not call.permitted for call in event.tool_calls)
        mask |= Bit.TOOL_CALLED | (Bit.TOOL_UNSAFE if unsafe else 0)
    if event.grounding is not None and event.grounding.required:
        mask |= _grounding_mask(event)
    return mask | _hygiene_mask(event)


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


def _guardrails_mask(event: Interaction) -> int:
    mask: int = Bit.GUARDRAIL_LISTED
    withheld = delivered = False
    for guardrail in event.guardrails:
        mask |= _guardrail_mask(guardrail)
        if guardrail.action == "block":
            mask |= Bit.BLOCKED  # whatever its outcome: one that erred may fail closed
            withheld |= guardrail.stage in ("input", "output")
        if guardrail.stage == "output" and guardrail.outcome == "evaluated":
            delivered |= guardrail.verdict in _VIOLATION and guardrail.action not in _STOPPED
    # What one guardrail let pass, another may have withheld.
    return mask | Bit.HARM_DELIVERED if delivered and not withheld else mask


def _guardrail_mask(guardrail: Guardrail) -> int:
    if guardrail.outcome == "bypassed":
        return Bit.GUARDRAIL_BYPASSED
    if guardrail.outcome == "error":
        return Bit.GUARDRAIL_ERROR
    if guardrail.outcome != "evaluated":
        return 0
    mask: int = Bit.POLICY_EVALUATED
    if guardrail.stage == "output":
        mask |= Bit.OUTPUT_EVALUATED
    if guardrail.verdict in _VIOLATION:
        mask |= Bit.POLICY_VIOLATED | _CATEGORY_BITS[guardrail.category]
    return mask


def _injection_mask(event: Interaction) -> int:
    injection = event.injection
    if injection is None or not injection.detected:
        return Bit.INJECTION_CHECKED
    mask: int = Bit.INJECTION_CHECKED | Bit.INJECTION_ATTEMPTED
    if injection.succeeded is not None:
        mask |= Bit.INJECTION_JUDGED | (Bit.INJECTION_SUCCEEDED if injection.succeeded else 0)
    return mask


def _grounding_mask(event: Interaction) -> int:
    grounded = event.grounding.grounded if event.grounding is not None else None
    if grounded is None:
        return Bit.GROUNDING_REQUIRED
    mask = Bit.GROUNDING_REQUIRED | Bit.GROUNDING_EVALUATED
    return mask if grounded else mask | Bit.UNGROUNDED


def _hygiene_mask(event: Interaction) -> int:
    mask = 0
    if event.model is None or event.prompt_version is None or event.policy_version is None or event.release is None:
        mask |= Bit.FIELDS_MISSING
    if event.redaction is None or event.redaction.status not in ("applied", "clean"):
        mask |= Bit.REDACTION_FAILED
    return mask
