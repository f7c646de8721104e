"""Bytes to models. A record that fails gets a reason and a field path, and its neighbours are not touched."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import msgspec
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from schemas.vocabulary import RejectReason

T = TypeVar("T")

CONTENT_FIELDS = frozenset({
    "prompt", "prompts", "input", "output", "inputs", "outputs", "message", "messages", "text", "content",
    "completion", "completions", "response", "answer", "question", "query", "system", "system_prompt",
    "system_instructions", "instructions", "arguments", "result", "results", "document", "documents",
    "explanation", "transcript", "body", "raw", "user", "user_id", "email", "ip", "name",
})  # fmt: skip
"""Names under which content usually travels, in any case. Other unknown names are refused too, as unknown_field."""

MAX_RECORD_BYTES = 65_536
"""A contract's largest honest event is near 20 kB; more than this carries something else."""

_CONTENT_PREFIXES = ("gen_ai.", "llm.", "input.", "output.")
_LARGE, _FEW = 8_192, 8
_FIELD = re.compile(r"[a-z_][a-z0-9_]{0,31}")
_REASONS: dict[str, RejectReason] = {
    "missing": "missing_field",
    "string_pattern_mismatch": "bad_identifier",
    "union_tag_invalid": "unknown_kind",
    "union_tag_not_found": "unknown_kind",
    "literal_error": "bad_value",
    "bad_time": "bad_time",  # our own, from schemas/base.py, as is "wrong_type"
    "datetime_parsing": "bad_time",
    "datetime_from_date_parsing": "bad_time",
    "timezone_aware": "bad_time",
    "finite_number": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "too_long": "out_of_range",
    "dict_type": "not_object",
    "model_attributes_type": "not_object",
    "model_type": "not_object",
}


@dataclass(frozen=True, slots=True)
class Reject:
    """Why a record was refused: a reason code and the dotted path of a field the contract knows."""

    reason: RejectReason
    field: str = ""


def decode(adapter: TypeAdapter[T], value: bytes | None) -> T | Reject:
    """One record of one topic. Never raises on any bytes, and no part of them is in the answer."""
    if not value:
        return Reject("empty")  # a tombstone, or nothing at all
    if len(value) > MAX_RECORD_BYTES:
        return Reject("too_large")
    try:
        return adapter.validate_json(_pruned(adapter, value) if len(value) > _LARGE and value[:1] == b"{" else value)
    except ValidationError as error:
        return _reject(error.errors(include_url=False, include_input=False), value)


def encode(model: object, adapter: TypeAdapter[T]) -> bytes:
    """A model as the JSON bytes that `decode` reads; absent fields are left out."""
    return adapter.dump_json(model, exclude_none=True)  # type: ignore[arg-type]  # the union is checked by the caller


def _reject(errors: list[ErrorDetails], value: bytes) -> Reject:
    # Content outranks every other fault: it is what has to be stopped at its source.
    error = next(filter(_is_content, errors), None)
    if error is not None:
        return Reject("content_field", _dotted(error["loc"][:-1]))
    kind, path = errors[0]["type"], errors[0]["loc"]
    if kind == "json_invalid":
        return Reject(_syntax_reason(value, str(errors[0].get("ctx", {}).get("error", ""))))
    if kind == "extra_forbidden":
        return Reject("unknown_field", _dotted(path[:-1]))
    return Reject(_REASONS.get(kind, "wrong_type"), _dotted(path))


def _is_content(error: ErrorDetails) -> bool:
    return error["type"] == "extra_forbidden" and _names_content(str(error["loc"][-1]))


def _names_content(name: str) -> bool:
    name = name.lower()
    return name in CONTENT_FIELDS or name.startswith(_CONTENT_PREFIXES)


def _pruned(adapter: TypeAdapter[T], value: bytes) -> bytes:
    """A large record with a few of its unknown fields, or as it is.

    pydantic reports each of them: 6,000 cost 10 ms. What is left is refused as the whole would be.
    """
    try:
        document = msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return value
    return msgspec.json.encode(document) if _prune(document, _field_names(adapter)) else value


def _prune(node: Any, known: frozenset[str]) -> bool:
    """Drop unknown fields beyond the first few, in place; content stays, for it is to be named. Whether any went."""
    if isinstance(node, list):
        return sum(_prune(item, known) for item in node) > 0
    if not isinstance(node, dict):
        return False
    unknown = [name for name in node if name not in known]
    surplus = [name for name in unknown[_FEW:] if not _names_content(name)]
    for name in surplus:
        del node[name]
    return sum(_prune(node[name], known) for name in node if name in known) > 0 or bool(surplus)


@cache
def _field_names(adapter: TypeAdapter[Any]) -> frozenset[str]:
    """Every name that stands in some object of this contract."""
    schema = adapter.json_schema()
    objects = [schema, *schema.get("$defs", {}).values()]
    return frozenset(name for node in objects for name in node.get("properties", {}))


def _syntax_reason(value: bytes, detail: str) -> RejectReason:
    try:
        value.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    if "number out of range" in detail:
        return "out_of_range"  # JSON, but of more digits than the parser takes
    return "too_deep" if "recursion limit" in detail else "not_json"


def _dotted(path: tuple[int | str, ...]) -> str:
    """The path without list positions. Only names of our own contracts can get here."""
    return ".".join(part for part in path if isinstance(part, str) and _FIELD.fullmatch(part))[:128]
