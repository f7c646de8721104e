"""What a contract's fields are, for mappings: which conversion each takes when `as` does not say."""

import json
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from schemas.base import Contract, EventId, Identifier, Name, Pseudonym, UtcTime
from schemas.telemetry import Evaluation, Interaction

CONTRACTS: Mapping[str, type[Contract]] = {"interaction": Interaction, "evaluation": Evaluation}
_SET_BY_REPLAY = frozenset({"kind", "schema_version"})
_BY_HINT: tuple[tuple[Any, str], ...] = (
    (Name, "name"),
    (Identifier, "identifier"),
    (EventId, "hash"),
    (Pseudonym, "pseudonym"),
    (UtcTime, "time"),
)


@dataclass(frozen=True, slots=True)
class FieldType:
    """One field: its conversion, or the contract(s) it holds."""

    conversion: str
    required: bool
    nested: type[Contract] | None
    many: bool
    adapter: TypeAdapter[Any]

    def refusal(self, value: object) -> str | None:
        """Why the field does not take this JSON value; None when it does."""
        try:
            self.adapter.validate_json(json.dumps(value, default=str))
        except ValidationError as error:
            return error.errors(include_url=False)[0]["msg"].lower()
        return None


def fields(model: type[BaseModel]) -> dict[str, FieldType]:
    """The fields a mapping may set, by name."""
    hints = get_type_hints(model, include_extras=True)
    return {
        name: _field(hints[name], info.is_required())
        for name, info in model.model_fields.items()
        if name not in _SET_BY_REPLAY
    }


def _field(hint: Any, required: bool) -> FieldType:
    adapter: TypeAdapter[Any] = TypeAdapter(hint)
    bare = _without_none(hint)
    for known, conversion in _BY_HINT:
        if bare == known:
            return FieldType(conversion, required, None, False, adapter)
    while hasattr(bare, "__metadata__"):
        bare = get_args(bare)[0]
    many = get_origin(bare) is tuple
    inner = get_args(bare)[0] if many else bare
    if isinstance(inner, type) and issubclass(inner, Contract):
        return FieldType("object", required, inner, many, adapter)
    if many or get_origin(inner) is Literal:
        return FieldType("text", required, None, many, adapter)
    by_type = {bool: "bool", int: "int", float: "float"}
    return FieldType(by_type.get(inner, "text"), required, None, False, adapter)


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        return next(part for part in get_args(hint) if part is not type(None))
    return hint
