"""OTLP in protobuf to items. A dropped attribute's value is never decoded."""

from collections import Counter
from collections.abc import Set
from functools import cache
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it ships no types
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from schemas.aliases import NUMBER, TEXT, WORDS, Aliases
from schemas.codec import Reject
from schemas.otlp_attributes import Pairs
from schemas.otlp_item import MAX_NANOS, MAX_TEXT, Item, Mark, Message, Signal, Value
from schemas.otlp_wire import Logs, Traces

_ERROR = 2  # Status.STATUS_CODE_ERROR
_MAX_WORDS = 16
_KEY = 0x0A
"""Tag of a pair's key."""
_ONE_BYTE = 0x80
"""Lengths below it take one byte."""


def read_proto(value: bytes, aliases: Aliases, signals: Set[Signal]) -> Message | Reject:
    """Items of an ExportTraceServiceRequest or ExportLogsServiceRequest.

    The two cannot be told apart by their outer fields, but by their records: field 1 of a span is its
    trace id, as bytes, and field 1 of a log record is its time, as eight bytes of another wire type. A parser
    keeps neither in the place of the other. So spans have ids, and log records have a time; what has neither
    is not OTLP traces or logs (metrics, for example).
    """
    parsed = False
    if "traces" in signals:
        traces = Traces()
        parsed = _parse(traces, value)
        if parsed and _has_spans(traces):
            return _read_spans(traces, aliases)
    if "logs" in signals:
        logs = Logs()
        parsed = _parse(logs, value) or parsed
        if _has_records(logs):
            return _read_logs(logs, aliases)
    return Reject("other_signal" if parsed else "not_otlp")


def _parse(message: Any, value: bytes) -> bool:
    try:
        message.ParseFromString(value)
    except DecodeError:
        message.Clear()
        return False
    return True


def _has_spans(traces: Any) -> bool:
    return any(
        len(span.trace_id) == 16 and len(span.span_id) == 8
        for resource in traces.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    )


def _has_records(logs: Any) -> bool:
    return any(
        record.time_unix_nano or record.observed_time_unix_nano
        for resource in logs.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    )


def _read_spans(traces: Any, aliases: Aliases) -> Message:
    read = _pairs(aliases).read
    dropped: Counter[str] = Counter()
    items: list[Item] = []
    for group in traces.resource_spans:
        resource = read(group.resource.attributes, dropped)
        for scope in group.scope_spans:
            for span in scope.spans:
                end = span.end_time_unix_nano
                item = Item(
                    resource,
                    read(span.attributes, dropped),
                    _hex(span.trace_id, 16),
                    _hex(span.span_id, 8),
                    _hex(span.parent_span_id, 8),
                    span.name,
                    span.start_time_unix_nano,
                    end if end < MAX_NANOS else 0,
                    span.trace_state,
                    span.status.code == _ERROR,
                )
                if span.events:
                    item.marks = [
                        Mark(event.name, event.time_unix_nano, read(event.attributes, dropped)) for event in span.events
                    ]
                items.append(item)
    return Message("traces", items, dropped)


def _read_logs(logs: Any, aliases: Aliases) -> Message:
    read = _pairs(aliases).read
    dropped: Counter[str] = Counter()
    items: list[Item] = []
    for group in logs.resource_logs:
        resource = read(group.resource.attributes, dropped)
        for scope in group.scope_logs:
            for record in scope.log_records:
                attributes = read(record.attributes, dropped)
                name = record.event_name or str(attributes.get("event.name", ""))
                if record.body.ByteSize() and name.startswith("gen_ai."):
                    dropped["body"] += 1
                end = record.time_unix_nano or record.observed_time_unix_nano
                items.append(
                    Item(
                        resource,
                        attributes,
                        _hex(record.trace_id, 16),
                        _hex(record.span_id, 8),
                        "",
                        name,
                        0,
                        end if end < MAX_NANOS else 0,
                    )
                )
    return Message("logs", items, dropped)


def _hex(value: bytes, length: int) -> str:
    return value.hex() if len(value) == length else ""


@cache
def _pairs(aliases: Aliases) -> Pairs:
    return Pairs(aliases, _head, _is_plain, _name, _value)


def _head(raw: bytes) -> bytes:
    return raw[: raw[1] + 2] if len(raw) > 1 else b""


def _is_plain(head: bytes) -> bool:
    """Whether it is a key, which every encoder writes first, with its tag and its length."""
    return len(head) > 1 and head[0] == _KEY and head[1] < _ONE_BYTE and len(head) == head[1] + 2


def _name(raw: bytes) -> str | None:
    """The key. A pair in another order is parsed for it."""
    head = _head(raw)
    try:
        return head[2:].decode() if _is_plain(head) else str(KeyValue.FromString(raw).key)
    except (UnicodeDecodeError, DecodeError):
        return None


def _value(raw: bytes, name: str, kind: int) -> Value | None:
    try:
        pair = KeyValue.FromString(raw)
    except DecodeError:
        return None
    if pair.key != name:  # two keys in one pair
        return None
    value = pair.value
    which = value.WhichOneof("value")
    if kind == TEXT:
        text = value.string_value
        return text if 0 < len(text) <= MAX_TEXT else None
    if kind == NUMBER:
        return getattr(value, which) if which in ("int_value", "double_value") else None
    if kind == WORDS:
        return _words(value, which)
    return value.bool_value if which == "bool_value" else None


def _words(value: Any, which: str | None) -> tuple[str, ...] | None:
    if which == "array_value":
        return tuple(word.string_value for word in value.array_value.values[:_MAX_WORDS])
    return (value.string_value,) if which == "string_value" else None
