"""What each fact of an interaction adds to its mask, asked of schemas/outcomes.py and of nobody else.

A mask is the union of what its facts say, each alone; only what guardrails kept back or let through is settled at the
end. tests/scan hold the sum of the parts to the whole.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from schemas.derive import Shape
from schemas.outcomes import guardrail_bits, interaction_mask

NOTHING: Final = object()
"""A field that is absent."""
Fact = Callable[[Mapping[str, Any]], int]
"""The bits of these values; a field that is not among them is absent."""

_VERSIONS = ("model", "prompt_version", "policy_version", "release")
_WHOLE = ("finish_reason", "synthetic", "redaction", *_VERSIONS)
_INSIDE = {
    "refusal": ("refused",),
    "pii": ("output",),
    "injection": ("detected", "succeeded"),
    "grounding": ("required", "grounded"),
    "redaction": ("status",),
    "tool_calls": ("permitted", "executed"),
}
_GUARDRAIL = ("stage", "category", "verdict", "action", "outcome")


def whole_facts(shape: Shape) -> dict[str, Fact]:
    """By field of an interaction: the bits of its values, and of its absence."""
    return {name: partial(_of_field, shape, name) for name in _WHOLE}


def part_facts(shape: Shape) -> dict[str, tuple[tuple[str, ...], Fact]]:
    """By field of an interaction that is a part or holds many: the fields of the part that matter, and their bits."""
    found: dict[str, tuple[tuple[str, ...], Fact]] = {
        name: (on, partial(_of_part, shape, name)) for name, on in _INSIDE.items()
    }
    return found | {"guardrails": (_GUARDRAIL, _of_guardrail)}


def _of_field(shape: Shape, name: str, said: Mapping[str, Any]) -> int:
    event = _ordinary(shape)
    value = said.get(name, shape.model.model_fields[name].default)
    setattr(event, name, event.redaction if value is True else value)
    return interaction_mask(event) & ~interaction_mask(_ordinary(shape))


def _of_part(shape: Shape, name: str, said: Mapping[str, Any]) -> int:
    event = _ordinary(shape)
    [(many, part)] = [(many, part) for field, many, part in shape.parts if field == name]
    one = _blank(part, said)
    setattr(event, name, (one,) if many else one)
    return interaction_mask(event) & ~interaction_mask(_ordinary(shape))


def _of_guardrail(said: Mapping[str, Any]) -> int:
    values: list[Any] = [said.get(name) for name in _GUARDRAIL]
    return guardrail_bits(*values)


def _ordinary(shape: Shape) -> Any:
    """An interaction that has nothing to tell but that it was one."""
    [redaction] = [part for field, _, part in shape.parts if field == "redaction"]
    said: dict[str, Any] = dict.fromkeys(_VERSIONS, "v") | {"redaction": _blank(redaction, {"status": "applied"})}
    return _blank(shape, said | {"finish_reason": "stop"})


def _blank(shape: Shape, said: Mapping[str, Any]) -> Any:
    """A struct with these values, and None for what it must have and nobody asks for."""
    known = shape.model.model_fields
    needed = [name for name in shape.struct.__struct_fields__ if name in known and known[name].is_required()]
    return shape.struct(**dict.fromkeys(needed) | dict(said))
