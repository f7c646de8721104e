"""What holds of the mask of any event, and of the bits themselves."""

import json
from typing import Any, get_args

from hypothesis import given

from schemas.kpis import CATALOGUE, KPIS, counts
from schemas.outcomes import CATEGORIES, Bit, category_bit, evaluation_mask, interaction_mask
from schemas.telemetry import TELEMETRY, Heartbeat, Interaction
from schemas.vocabulary import Category
from tests.schemas import strategies as messages

Fields = dict[str, Any]


def bits() -> dict[str, int]:
    named = {name: value for name, value in vars(Bit).items() if name.isupper()}
    return named | {category: category_bit(category) for category in CATEGORIES}


def mask_of(document: Fields) -> int:
    event = TELEMETRY.validate_json(json.dumps(document))
    assert not isinstance(event, Heartbeat)
    return interaction_mask(event) if isinstance(event, Interaction) else evaluation_mask(event)


@given(document=messages.interactions | messages.evaluations)
def test_bad_implies_evaluated(document: Fields) -> None:
    mask = mask_of(document)
    for kpi in CATALOGUE.values():
        if mask & kpi.bad == kpi.bad:
            assert mask & kpi.evaluated == kpi.evaluated, kpi.name
        bad, evaluated, _ = counts(kpi, mask)
        assert evaluated or not bad


@given(document=messages.interactions | messages.evaluations)
def test_synthetic_events_never_count(document: Fields) -> None:
    mask = mask_of(document | {"synthetic": "probe-0001"})
    assert all(counts(kpi, mask) == (False, False, False) for kpi in CATALOGUE.values())


@given(document=messages.unchecked_interactions)
def test_what_nobody_evaluated_counts_nowhere(document: Fields) -> None:
    mask = mask_of(document)
    assert {kpi.name for kpi in CATALOGUE.values() if counts(kpi, mask)[1]} == {
        kpi.name for kpi in KPIS if kpi.evaluated == Bit.INTERACTION
    }


@given(document=messages.interactions | messages.evaluations)
def test_a_mask_has_known_bits_only_and_fits_a_signed_integer(document: Fields) -> None:
    mask = mask_of(document)
    assert mask & ~sum(bits().values()) == 0
    assert 0 <= mask < 2**63


def test_bits_are_distinct_powers_of_two() -> None:
    values = list(bits().values())
    assert len(set(values)) == len(values) == 30 + len(get_args(Category))
    assert all(value.bit_count() == 1 and value < 2**63 for value in values)


STORED = """
INTERACTION SYNTHETIC REFUSAL_EVALUATED REFUSED GUARDRAIL_LISTED POLICY_EVALUATED POLICY_VIOLATED OUTPUT_EVALUATED
HARM_DELIVERED BLOCKED GUARDRAIL_BYPASSED GUARDRAIL_ERROR PII_SCANNED PII_LEAKED INJECTION_CHECKED INJECTION_ATTEMPTED
INJECTION_JUDGED INJECTION_SUCCEEDED TOOL_CALLED TOOL_UNSAFE GROUNDING_REQUIRED GROUNDING_EVALUATED UNGROUNDED
OUTCOME_UNKNOWN FIELDS_MISSING REDACTION_FAILED JAILBREAK_JUDGED JAILBREAK_SUCCEEDED
LATE VERY_LATE - -
prompt_injection sensitive_info_disclosure supply_chain data_model_poisoning improper_output_handling excessive_agency
system_prompt_leakage vector_embedding_weakness misinformation unbounded_consumption jailbreak pii hate harassment
violence self_harm sexual csae weapons cybercrime fraud extremism copyright regulated_advice political toxicity other
"""


def test_stored_bits_are_never_renumbered() -> None:
    """Masks of last year are in the store: add at the end of each group, and here."""
    expected = {name: 1 << position for position, name in enumerate(STORED.split()) if name != "-"}
    assert bits() == expected
