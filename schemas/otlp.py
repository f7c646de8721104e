"""OTLP, as the OpenTelemetry Collector's Kafka exporter writes it, to telemetry events. Pure; see docs/otlp.md."""

from collections import Counter

from schemas.codec import Reject
from schemas.otlp_batch import OtlpBatch, OtlpOptions
from schemas.otlp_evaluations import of_event, of_guardrails
from schemas.otlp_fields import Reader, reader_of
from schemas.otlp_guardrails import of_attributes, of_marks, of_span
from schemas.otlp_interactions import interaction
from schemas.otlp_item import Item, Mark, Message
from schemas.otlp_json import read_json
from schemas.otlp_proto import read_proto
from schemas.otlp_tree import sort_spans

__all__ = ["OtlpBatch", "OtlpOptions", "decode_otlp"]

_BLANK = b" \t\r\n"
MOST_EVENTS = 2**16
"""Events of one message: their place in it is a UInt16 in the store."""


def decode_otlp(value: bytes | None, options: OtlpOptions) -> OtlpBatch:
    """One Kafka message of topic ai.telemetry.otlp: its events as records, and a count of all that became none.

    Never raises on any bytes. Which encoding it is, and whether traces or logs, is seen from the bytes.
    No attribute outside the alias table is in any answer. Every record is to be decoded like any other of
    ai.telemetry: what it says is in the contract's words, but the contract has the last one.
    """
    message = _read(value, options)
    if isinstance(message, Reject):
        return OtlpBatch(reject=message, rejected=Counter({message.reason: 1}))
    batch = OtlpBatch(content_dropped=message.dropped)
    reader = reader_of(options)
    if message.signal == "traces":
        batch.spans = len(message.items)
        _spans(message.items, reader, batch)
    else:
        batch.logs = len(message.items)
        for record in message.items:
            _mark(record, reader, batch)
    if len(batch.records) > MOST_EVENTS:
        return OtlpBatch(reject=Reject("too_large"), rejected=Counter({"too_large": 1}))
    return batch


def _read(value: bytes | None, options: OtlpOptions) -> Message | Reject:
    if not value:
        return Reject("empty")
    if len(value) > options.max_bytes:
        return Reject("too_large")
    if value[0] == ord("{"):  # as a protobuf tag it would be field 15 in a group, which OTLP has not
        return read_json(value, options.aliases, options.signals)
    if value[0] in _BLANK and value.lstrip(_BLANK)[:1] == b"{":
        # A newline is also protobuf's tag of field 1, and "{" a length of 123: so the whole must be JSON.
        message = read_json(value, options.aliases, options.signals)
        if not isinstance(message, Reject) or message.reason not in ("not_json", "not_utf8"):
            return message
        other = read_proto(value, options.aliases, options.signals)
        return message if isinstance(other, Reject) else other
    return read_proto(value, options.aliases, options.signals)


def _spans(items: list[Item], reader: Reader, batch: OtlpBatch) -> None:
    tree = sort_spans(items, reader.options.aliases, batch)
    beside: dict[int, list[Item]] = {}
    alone: list[Item] = []
    for item in tree.others:
        request = tree.owners.get(item.key)
        (alone if request is None else beside.setdefault(id(request), [])).append(item)
    for request in tree.requests:
        interaction(request, beside.get(id(request), []), reader, batch)
    for item in tree.guardrails:
        of_guardrails(of_span(item, reader, batch), item, reader, batch)
    for item in alone:
        of_guardrails(of_marks(item, reader, batch), item, reader, batch)
    for item in items:
        for mark in item.marks:
            if reader.options.aliases.events.get(mark.name) == "evaluation":
                _mark(_as_record(item, mark), reader, batch)


def _as_record(item: Item, mark: Mark) -> Item:
    """A span's event in the shape of a log record about that span."""
    return Item(item.resource, mark.attributes, item.trace_id, item.span_id, "", mark.name, 0, mark.time or item.end)


def _mark(record: Item, reader: Reader, batch: OtlpBatch) -> None:
    kind = reader.options.aliases.events.get(record.name)
    if kind == "evaluation":
        of_event(record, reader, batch)
    elif kind == "guardrail":
        of_guardrails([of_attributes(record.attributes, record, None, reader, batch)], record, reader, batch)
    else:
        batch.skipped["other"] += 1
