"""A request, with what belongs to it, to an Interaction."""

from functools import lru_cache
from typing import Any

from schemas import otlp_text as text
from schemas.aliases import Aliases
from schemas.otlp_batch import Fields, OtlpBatch
from schemas.otlp_fields import Reader
from schemas.otlp_guardrails import MAX_GUARDRAILS, injection_of, of_attributes, of_marks, of_span
from schemas.otlp_item import MAX_TEXT, Attributes, Item
from schemas.otlp_layout import Layout
from schemas.otlp_tree import Request

_MAX_TOOLS = 128
_TOKENS = ("tokens_input", "tokens_output")
_GRAVITY = {"refusal": 6, "content_filter": 5, "error": 4, "unknown": 3, "length": 2, "tool_call": 1, "stop": 0}
"""Of several choices' reasons the gravest counts; one we do not know is graver than an ordinary end."""
_REFUSED = {"refused": True, "by": "model"}
_STATUSES = frozenset({"applied", "clean", "failed", "skipped"})
_RISKS = frozenset({"low", "medium", "high"})


def interaction(request: Request, beside: list[Item], reader: Reader, batch: OtlpBatch) -> None:
    """Adds the request's interaction to the batch, or counts why not. `beside`: spans whose marks are its own."""
    item = request.item
    layout = reader.layout(item.attributes)
    fields = reader.envelope(item, layout, "interaction", f"{item.trace_id}:{item.span_id}", item.end)
    if isinstance(fields, str):
        batch.rejected[fields] += 1
        return
    attributes = item.attributes
    _finish(item, layout, fields, reader, batch)
    _measures(item, layout, fields, reader)
    fields["redaction"] = _redaction(attributes, layout, reader)
    if request.tools:
        fields["tool_calls"] = _tools(request.tools, reader, batch)
    if request.retrieval or layout.grounded:
        grounded = attributes.get("safety.grounding.grounded")
        required = request.retrieval or attributes["safety.grounding.required"] is True
        fields["grounding"] = {"required": required, "grounded": grounded if isinstance(grounded, bool) else None}
    guardrails = _guardrails(request, beside, layout, reader, batch)
    if guardrails:
        fields["guardrails"] = _at_most(MAX_GUARDRAILS, guardrails, batch)
        fields["injection"] = injection_of(guardrails)
    batch.add(fields)


def _measures(item: Item, layout: Layout, fields: Fields, reader: Reader) -> None:
    for target in _TOKENS:
        if target in layout.best:
            value = text.count(item.attributes[layout.best[target]])
            if value is not None:
                fields[target] = value
    latency = reader.latency_ms(item)
    if latency is not None:
        fields["latency_ms"] = latency


def _finish(item: Item, layout: Layout, fields: Fields, reader: Reader, batch: OtlpBatch) -> None:
    error = item.attributes[layout.best["error_type"]] if "error_type" in layout.best else None
    if isinstance(error, str):
        fields["error_type"] = text.identifier(error.lstrip("_")) or "OTHER"
    elif item.failed:
        fields["error_type"] = "OTHER"
    words: Any = item.attributes[layout.best["finish_reasons"]] if "finish_reasons" in layout.best else None
    if words:
        said, unknown = _finish_reason(words, reader.options.aliases)
        fields.update(said)
        for raw in unknown:
            batch.unknown_finish_reasons[raw] += 1
    elif "error_type" in fields:
        fields["finish_reason"] = "error"


@lru_cache(maxsize=1024)
def _finish_reason(words: tuple[str, ...], aliases: Aliases) -> tuple[Fields, tuple[str, ...]]:
    """What these words add to the fields, not to be changed; and the unknown ones among them, "" for no identifier."""
    table = aliases.words["finish_reasons"]
    fields: Fields = {}
    unknown: list[str] = []
    gravest = ""
    for raw in words:
        lowered = raw.lower()
        # Some clients send the name of their enum's member: FinishReason.MAX_TOKENS.
        reason = table.get(lowered) or table.get(lowered.rpartition(".")[2]) or "unknown"
        kept = text.identifier(raw) if len(raw) <= MAX_TEXT else None
        if reason == "unknown":
            unknown.append(kept or "")
        if not gravest or _GRAVITY[reason] > _GRAVITY[gravest]:
            gravest = reason
            fields["finish_reason"], fields["finish_reason_raw"] = reason, kept
    if gravest == "refusal":
        fields["refusal"] = _REFUSED
    return fields, tuple(unknown)


def _redaction(attributes: Attributes, layout: Layout, reader: Reader) -> Fields:
    """What is known of redaction. Content that came this far is a redactor's failure, whatever it says itself."""
    status = "failed" if layout.content else attributes.get("safety.redaction.status")
    if status in _STATUSES:
        version = reader.first(attributes, "redaction_version")
        return {"status": status, "version": text.identifier(version) if isinstance(version, str) else None}
    # Nobody upstream says what was done, but the intake looked for content and there was none.
    return reader.clean


def _tools(tools: list[Item], reader: Reader, batch: OtlpBatch) -> list[Fields]:
    calls: list[Fields] = []
    for tool in tools:
        permitted = tool.attributes.get("safety.tool.permitted", reader.options.assume_tools_permitted or None)
        if not isinstance(permitted, bool):
            batch.skipped["unjudged_tool"] += 1
            continue
        name = reader.first(tool.attributes, "tool_name") or tool.name.partition(" ")[2]
        risk = tool.attributes.get("safety.tool.risk")
        call = {
            "name": text.name(str(name)) or "tool",
            "permitted": permitted,
            "executed": tool.attributes.get("safety.tool.executed") is not False,
            "risk": risk if risk in _RISKS else None,
        }
        calls.append(call)
    return _at_most(_MAX_TOOLS, calls, batch)


def _at_most(most: int, parts: list[Fields], batch: OtlpBatch) -> list[Fields]:
    """As many as an event holds; each of the others is refused."""
    if len(parts) > most:
        batch.rejected["out_of_range"] += len(parts) - most
    return parts[:most]


def _guardrails(request: Request, beside: list[Item], layout: Layout, reader: Reader, batch: OtlpBatch) -> list[Fields]:
    item = request.item
    found: list[Fields] = []
    for span in request.guardrails:
        found += of_span(span, reader, batch)
    if item.marks:
        found += of_marks(item, reader, batch)
    for span in beside:
        found += of_marks(span, reader, batch)
    if layout.guarded:
        found.append(of_attributes(item.attributes, item, None, reader, batch))  # the client guards in its own span
    return found
