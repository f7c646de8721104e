"""OTLP's protobuf messages, as far as they are read. Attributes stay bytes: most repeat, and are known by their bytes.

The field numbers are OTLP's own. A field that is not listed here stays in the C parser.
"""

from typing import Any

from google.protobuf.descriptor_pb2 import (  # type: ignore[import-untyped]  # it ships no types
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool  # type: ignore[import-untyped]
from google.protobuf.message_factory import GetMessageClass  # type: ignore[import-untyped]

_BYTES = FieldDescriptorProto.TYPE_BYTES
_STRING = FieldDescriptorProto.TYPE_STRING
_FIXED64 = FieldDescriptorProto.TYPE_FIXED64
_ENUM = FieldDescriptorProto.TYPE_INT32  # an enum's number; its words are not needed
_MANY = "[]"

_MESSAGES: dict[str, dict[str, tuple[int, Any]]] = {
    "Traces": {"resource_spans": (1, "ResourceSpans[]")},
    "ResourceSpans": {"resource": (1, "Resource"), "scope_spans": (2, "ScopeSpans[]")},
    "ScopeSpans": {"spans": (2, "Span[]")},
    "Logs": {"resource_logs": (1, "ResourceLogs[]")},
    "ResourceLogs": {"resource": (1, "Resource"), "scope_logs": (2, "ScopeLogs[]")},
    "ScopeLogs": {"log_records": (2, "LogRecord[]")},
    "Resource": {"attributes": (1, _MANY)},
    "Span": {
        "trace_id": (1, _BYTES),
        "span_id": (2, _BYTES),
        "trace_state": (3, _STRING),
        "parent_span_id": (4, _BYTES),
        "name": (5, _STRING),
        "start_time_unix_nano": (7, _FIXED64),
        "end_time_unix_nano": (8, _FIXED64),
        "attributes": (9, _MANY),
        "events": (11, "Event[]"),
        "status": (15, "Status"),
    },
    "Event": {"time_unix_nano": (1, _FIXED64), "name": (2, _STRING), "attributes": (3, _MANY)},
    "Status": {"code": (3, _ENUM)},
    "LogRecord": {
        "time_unix_nano": (1, _FIXED64),
        "body": (5, "Unread"),
        "attributes": (6, _MANY),
        "trace_id": (9, _BYTES),
        "span_id": (10, _BYTES),
        "observed_time_unix_nano": (11, _FIXED64),
        "event_name": (12, _STRING),
    },
    "Unread": {},
}
"""By message and field: its number, and its type. "[]" alone is many bytes: attributes, undecoded."""


def _file() -> Any:
    file = FileDescriptorProto(name="vigil/otlp.proto", package="vigil.otlp", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            of = message.field.add(name=field, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
            if not isinstance(kind, str):
                of.type = kind
                continue
            if kind.endswith(_MANY):
                of.label = FieldDescriptorProto.LABEL_REPEATED
            if kind == _MANY:
                of.type = _BYTES
            else:
                of.type, of.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".vigil.otlp.{kind.removesuffix(_MANY)}"
    return file


_POOL = DescriptorPool()  # of our own: the names of OTLP itself stay free for who wants the whole of it
_POOL.Add(_file())

Traces: Any = GetMessageClass(_POOL.FindMessageTypeByName("vigil.otlp.Traces"))
"""An ExportTraceServiceRequest."""
Logs: Any = GetMessageClass(_POOL.FindMessageTypeByName("vigil.otlp.Logs"))
"""An ExportLogsServiceRequest."""
