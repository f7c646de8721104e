"""What a synthetic interaction tells of the filters: by convention each one is known to be bad."""

from typing import Literal, get_args

from schemas.outcomes import Bit

ProbeOutcome = Literal["caught", "missed", "not_evaluated"]
PROBE_OUTCOMES: tuple[ProbeOutcome, ...] = get_args(ProbeOutcome)
PROBE_FEATURE = "vigil-probe"
"""Feature of what `vigil probe` sends. It proves the way of an event, and says nothing about anybody's filters."""

PROBE = Bit.INTERACTION | Bit.SYNTHETIC
"""Both bits: a verdict that came later, on a synthetic interaction, is no second probe."""
FOUND = Bit.POLICY_VIOLATED | Bit.INJECTION_ATTEMPTED
"""Either bit: a guardrail found a violation, or a check the injection."""
LOOKED = Bit.POLICY_EVALUATED | Bit.INJECTION_CHECKED
"""Either bit: somebody looked."""


def is_probe(mask: int) -> bool:
    """Whether an event with this mask is a synthetic interaction."""
    return mask & PROBE == PROBE


def probe_outcome(mask: int) -> ProbeOutcome:
    """What the filters made of a probe: caught it, looked and missed it, or did not look, which is neither.

    Blocked is caught, the provider's filter included, but not where a guardrail erred: one that fails closed
    blocks everything, good or bad. A refusal by the model is not a filter's.
    """
    if mask & FOUND or (mask & Bit.BLOCKED and not mask & Bit.GUARDRAIL_ERROR):
        return "caught"
    return "missed" if mask & LOOKED else "not_evaluated"
