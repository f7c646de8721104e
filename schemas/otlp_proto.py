"""OTLP in protobuf to items. A dropped attribute's value stays in the C parser: it never becomes a Python string."""

from collections import Counter
from collections.abc import Iterable, Set
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it ships no types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from schemas.aliases import CONTENT, NUMBER, TEXT, WORDS, Aliases
from schemas.codec import Reject
from schemas.otlp_item import MAX_NANOS, MAX_TEXT, Attributes, Item, Mark, Message, Signal, drop

_ERROR = 2  # Status.STATUS_CODE_ERROR
_MAX_WORDS = 16


def read_proto(value: bytes, aliases: Aliases, signals: Set[Signal]) -> Message | Reject:
    """Items of an ExportTraceServiceRequest or ExportLogsServiceRequest.

    The two cannot be told apart by their outer fields, but by their records: field 1 of a span is its
    trace id, as bytes, and field 1 of a log record is its time, as eight bytes of another wire type. A parser
    keeps neither in the place of the other. So spans have ids, and log records have a time; what has neither
    is not OTLP traces or logs (metrics, for example).
    """
    parsed = False
    if "traces" in signals:
        traces = ExportTraceServiceRequest()
        parsed = _parse(traces, value)
        if parsed and _has_spans(traces):
            return _read_spans(traces, aliases)
    if "logs" in signals:
        logs = ExportLogsServiceRequest()
        parsed = _parse(logs, value) or parsed
        if _has_records(logs):
            return _read_logs(logs, aliases)
    return Reject("unknown_kind" if parsed else "not_object")


def _parse(message: Any, value: bytes) -> bool:
    try:
        message.ParseFromString(value)
    except DecodeError:
        message.Clear()
        return False
    return True


def _has_spans(traces: ExportTraceServiceRequest) -> bool:
    return any(
        len(span.trace_id) == 16 and len(span.span_id) == 8
        for resource in traces.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    )


def _has_records(logs: ExportLogsServiceRequest) -> bool:
    return any(
        record.time_unix_nano or record.observed_time_unix_nano
        for resource in logs.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    )


def _read_spans(traces: ExportTraceServiceRequest, aliases: Aliases) -> Message:
    dropped: Counter[str] = Counter()
    items: list[Item] = []
    for group in traces.resource_spans:
        resource = _attributes(group.resource.attributes, aliases, dropped)
        for scope in group.scope_spans:
            for span in scope.spans:
                end = span.end_time_unix_nano
                item = Item(
                    resource,
                    _attributes(span.attributes, aliases, dropped),
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
                        Mark(event.name, event.time_unix_nano, _attributes(event.attributes, aliases, dropped))
                        for event in span.events
                    ]
                items.append(item)
    return Message("traces", items, dropped)


def _read_logs(logs: ExportLogsServiceRequest, aliases: Aliases) -> Message:
    dropped: Counter[str] = Counter()
    items: list[Item] = []
    for group in logs.resource_logs:
        resource = _attributes(group.resource.attributes, aliases, dropped)
        for scope in group.scope_logs:
            for record in scope.log_records:
                attributes = _attributes(record.attributes, aliases, dropped)
                name = record.event_name or str(attributes.get("event.name", ""))
                if record.body.WhichOneof("value") and name.startswith("gen_ai."):
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


def _attributes(pairs: Iterable[Any], aliases: Aliases, dropped: Counter[str]) -> Attributes:
    found: Attributes = {}
    kinds, families = aliases.kinds, aliases.families
    for pair in pairs:
        name = pair.key
        kind = kinds.get(name)
        if kind == TEXT:
            text = pair.value.string_value
            if text and len(text) <= MAX_TEXT:
                found[name] = text
        elif kind is None or kind >= CONTENT:
            if kind is not None or name.startswith(families):
                drop(found, name, kind, aliases, dropped)
        else:
            _typed(found, name, kind, pair.value)
    return found


def _typed(found: Attributes, name: str, kind: int, value: Any) -> None:
    which = value.WhichOneof("value")
    if kind == NUMBER:
        if which == "int_value":
            found[name] = value.int_value
        elif which == "double_value":
            found[name] = value.double_value
    elif kind == WORDS:
        if which == "array_value":
            found[name] = tuple(word.string_value for word in value.array_value.values[:_MAX_WORDS])
        elif which == "string_value":
            found[name] = (value.string_value,)
    elif which == "bool_value":
        found[name] = value.bool_value
