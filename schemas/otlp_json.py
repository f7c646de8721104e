"""OTLP in JSON to items. Values stay raw bytes until their attribute's name is known; content is never decoded.

What the encoding does differently from protobuf's own JSON: ids are hexadecimal, enums are numbers, 64-bit
integers come as strings, fields are lowerCamelCase, and unknown fields are ignored.
"""

import re
from collections import Counter
from collections.abc import Set
from functools import cache

import msgspec

from schemas.aliases import NUMBER, TEXT, WORDS, Aliases
from schemas.codec import Reject
from schemas.otlp_attributes import Pairs
from schemas.otlp_item import MAX_NANOS, MAX_TEXT, Attributes, Item, Mark, Message, Signal, Value

_TRACE_ID = re.compile(r"[0-9A-Fa-f]{32}")
_SPAN_ID = re.compile(r"[0-9A-Fa-f]{16}")
_PLAIN_IDS = re.compile(r"[0-9a-f]{48}(?:[0-9a-f]{16})?")
_TRACE_DIGITS, _SPAN_DIGITS = 32, 16
_MOST_DIGITS = 20
_DIGITS = re.compile(r"-?[0-9]{1,20}")
_ERROR_CODES = (2, "2", "STATUS_CODE_ERROR")
_MAX_WORDS = 16
_NOTHING = msgspec.Raw(b"null")
_NO_BODY = (b"null", b"{}")
_Int = int | float | str | None


class _Name(msgspec.Struct, gc=False):
    key: str | None = None


class _Array(msgspec.Struct, gc=False):
    values: list["_Value"] | None = None


class _Value(msgspec.Struct, gc=False):
    stringValue: str | None = None  # noqa: N815  # the encoding's own names, here and below
    intValue: _Int = None  # noqa: N815
    doubleValue: _Int = None  # noqa: N815
    boolValue: bool | None = None  # noqa: N815
    arrayValue: _Array | None = None  # noqa: N815


class _Pair(msgspec.Struct, gc=False):
    key: str | None = None
    value: _Value | None = None


class _Event(msgspec.Struct, gc=False):
    name: str | None = None
    timeUnixNano: _Int = None  # noqa: N815
    attributes: list[msgspec.Raw] | None = None


class _Status(msgspec.Struct, gc=False):
    code: int | str | None = None


class _Span(msgspec.Struct, gc=False):
    traceId: str | None = None  # noqa: N815
    spanId: str | None = None  # noqa: N815
    parentSpanId: str | None = None  # noqa: N815
    name: str | None = None
    traceState: str | None = None  # noqa: N815
    startTimeUnixNano: _Int = None  # noqa: N815
    endTimeUnixNano: _Int = None  # noqa: N815
    attributes: list[msgspec.Raw] | None = None
    events: list[_Event] | None = None
    status: _Status | None = None


class _Record(msgspec.Struct, gc=False):
    timeUnixNano: _Int = None  # noqa: N815
    observedTimeUnixNano: _Int = None  # noqa: N815
    traceId: str | None = None  # noqa: N815
    spanId: str | None = None  # noqa: N815
    eventName: str | None = None  # noqa: N815
    attributes: list[msgspec.Raw] | None = None
    body: msgspec.Raw = _NOTHING


class _ScopeSpans(msgspec.Struct, gc=False):
    spans: list[_Span] | None = None


class _ScopeLogs(msgspec.Struct, gc=False):
    logRecords: list[_Record] | None = None  # noqa: N815


class _Resource(msgspec.Struct, gc=False):
    attributes: list[msgspec.Raw] | None = None


class _ResourceSpans(msgspec.Struct, gc=False):
    resource: _Resource | None = None
    scopeSpans: list[_ScopeSpans] | None = None  # noqa: N815


class _ResourceLogs(msgspec.Struct, gc=False):
    resource: _Resource | None = None
    scopeLogs: list[_ScopeLogs] | None = None  # noqa: N815


class _Request(msgspec.Struct, gc=False):
    resourceSpans: list[_ResourceSpans] | None = None  # noqa: N815
    resourceLogs: list[_ResourceLogs] | None = None  # noqa: N815
    resourceMetrics: list[msgspec.Raw] | None = None  # noqa: N815
    resourceProfiles: list[msgspec.Raw] | None = None  # noqa: N815


_REQUEST = msgspec.json.Decoder(_Request)
_NO_JSON = b"\0"
"""Stands nowhere in JSON, not even in a text."""
_KEY = b'{"key":"'
_BEHIND = b'","value":'
_MORE = re.compile(rb'["\\]')
_NAME = msgspec.json.Decoder(_Name)
_PAIR = msgspec.json.Decoder(_Pair)


def read_json(value: bytes, aliases: Aliases, signals: Set[Signal]) -> Message | Reject:
    """Items of a traces or logs request in JSON; its field `resourceSpans` or `resourceLogs` says which."""
    request = _parse(value)
    if isinstance(request, Reject):
        return request
    if request.resourceSpans and "traces" in signals:
        return _read_spans(request.resourceSpans, aliases)
    if request.resourceLogs and "logs" in signals:
        return _read_logs(request.resourceLogs, aliases)
    if any((request.resourceSpans, request.resourceLogs, request.resourceMetrics, request.resourceProfiles)):
        return Reject("other_signal")
    return Reject("not_otlp" if request == _Request() else "empty")


def _parse(value: bytes) -> _Request | Reject:
    try:
        return _REQUEST.decode(value)
    except msgspec.ValidationError:
        return Reject("wrong_type")
    except msgspec.DecodeError:
        return Reject("not_json")
    except UnicodeDecodeError:
        return Reject("not_utf8")
    except RecursionError:
        return Reject("too_deep")


def _read_spans(groups: list[_ResourceSpans], aliases: Aliases) -> Message:
    pairs = _pairs(aliases)
    dropped: Counter[str] = Counter()
    items: list[Item] = []
    for group in groups:
        resource = _attributes(group.resource.attributes if group.resource else None, pairs, dropped)
        for scope in group.scopeSpans or ():
            for span in scope.spans or ():
                trace_id, span_id, parent_id = _ids(span.traceId, span.spanId, span.parentSpanId)
                item = Item(
                    resource,
                    _attributes(span.attributes, pairs, dropped),
                    trace_id,
                    span_id,
                    parent_id,
                    span.name or "",
                    _nanos(span.startTimeUnixNano),
                    _nanos(span.endTimeUnixNano),
                    span.traceState or "",
                    span.status is not None and span.status.code in _ERROR_CODES,
                )
                if span.events:
                    item.marks = [
                        Mark(
                            event.name or "",
                            _nanos(event.timeUnixNano),
                            _attributes(event.attributes, pairs, dropped),
                        )
                        for event in span.events
                    ]
                items.append(item)
    return Message("traces", items, dropped)


def _read_logs(groups: list[_ResourceLogs], aliases: Aliases) -> Message:
    pairs = _pairs(aliases)
    dropped: Counter[str] = Counter()
    items: list[Item] = []
    for group in groups:
        resource = _attributes(group.resource.attributes if group.resource else None, pairs, dropped)
        for scope in group.scopeLogs or ():
            for record in scope.logRecords or ():
                attributes = _attributes(record.attributes, pairs, dropped)
                name = record.eventName or str(attributes.get("event.name", ""))
                if bytes(record.body) not in _NO_BODY and name.startswith("gen_ai."):
                    dropped["body"] += 1
                end = _nanos(record.timeUnixNano) or _nanos(record.observedTimeUnixNano)
                trace_id, span_id = _hex(record.traceId, _TRACE_ID), _hex(record.spanId, _SPAN_ID)
                items.append(Item(resource, attributes, trace_id, span_id, "", name, 0, end))
    return Message("logs", items, dropped)


def _ids(trace_id: str | None, span_id: str | None, parent_id: str | None) -> tuple[str, str, str]:
    """Each in lower case; "" for one that is none."""
    parent = parent_id or ""
    if trace_id and span_id and len(trace_id) == _TRACE_DIGITS and len(span_id) == _SPAN_DIGITS:
        plain = _PLAIN_IDS.fullmatch(trace_id + span_id + parent)  # one look at all three is dear enough
        if plain:
            return trace_id, span_id, parent
    return _hex(trace_id, _TRACE_ID), _hex(span_id, _SPAN_ID), _hex(parent, _SPAN_ID)


def _hex(value: str | None, pattern: re.Pattern[str]) -> str:
    return value.lower() if value and pattern.fullmatch(value) else ""


def _nanos(value: _Int) -> int:
    if isinstance(value, str):
        if len(value) > _MOST_DIGITS or not (value.isascii() and value.isdecimal()):
            return 0
        value = int(value)
    return int(value) if value is not None and 0 < value < MAX_NANOS else 0


def _integer(value: str) -> int | None:
    return int(value) if _DIGITS.fullmatch(value) else None


@cache
def _pairs(aliases: Aliases) -> Pairs:
    return Pairs(aliases, _head, _is_plain, _name, _value)


def _attributes(raw: list[msgspec.Raw] | None, pairs: Pairs, dropped: Counter[str]) -> Attributes:
    if not raw:
        return {}
    return pairs.read(_NO_JSON.join(raw).split(_NO_JSON), dropped)  # less dear than to make bytes of each


def _head(raw: bytes) -> bytes:
    return raw.partition(_BEHIND)[0]


def _is_plain(head: bytes) -> bool:
    """Whether it is a key, as encoders write it that waste no blanks."""
    return head.startswith(_KEY) and not _MORE.search(head, len(_KEY))  # else it may be the whole, with its value


def _name(raw: bytes) -> str | None:
    try:
        return _NAME.decode(raw).key
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _value(raw: bytes, name: str, kind: int) -> Value | None:
    try:
        pair = _PAIR.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # one attribute of a wrong type: as good as absent
    if pair.value is None or pair.key != name:  # two keys in one pair
        return None
    return _read_words(pair.value) if kind == WORDS else _read_one(pair.value, kind)


def _read_words(value: _Value) -> tuple[str, ...] | None:
    if value.arrayValue is not None:
        return tuple(word.stringValue or "" for word in (value.arrayValue.values or ())[:_MAX_WORDS])
    return (value.stringValue,) if value.stringValue is not None else None


def _read_one(value: _Value, kind: int) -> str | int | float | bool | None:
    if kind == NUMBER:
        if value.intValue is not None:
            return _integer(value.intValue) if isinstance(value.intValue, str) else value.intValue
        # "NaN" and "Infinity" come as strings, and are no number of ours.
        return value.doubleValue if not isinstance(value.doubleValue, str) else None
    if kind == TEXT:
        return value.stringValue if value.stringValue and len(value.stringValue) <= MAX_TEXT else None
    return value.boolValue
