"""OTLP bytes of the real OpenTelemetry SDK and its exporter's encoders, for tests and measurements."""

import base64
import json
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from google.protobuf import json_format  # type: ignore[import-untyped]  # it ships no types
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

START = 1_790_000_000 * 10**9
"""Unix nanoseconds of the first span, in September 2026."""
SECOND = 10**9
_ID_FIELDS = ("traceId", "spanId", "parentSpanId")


class Producer:
    """An instrumented service: `span` inside `span` makes children, `log` makes a record about the open span.

    Spans last a second each, and each begins a second after the one before.
    """

    def __init__(self, **resource: Any) -> None:
        attributes = {"service.name": "support-chat", "service.version": "2026.47.1"}
        self._resource = Resource(attributes | {name.replace("__", "."): value for name, value in resource.items()})
        self._spans = InMemorySpanExporter()
        self._logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # it is
        limits = SpanLimits(max_span_attributes=1000, max_event_attributes=1000)  # some tests send every name there is
        provider = TracerProvider(resource=self._resource, shutdown_on_exit=False, span_limits=limits)
        provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self._tracer = provider.get_tracer("tests", "1")
        logging = LoggerProvider(resource=self._resource, shutdown_on_exit=False)
        logging.add_log_record_processor(SimpleLogRecordProcessor(self._logs))
        self._logger = logging.get_logger("tests")
        self._now = START

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, Any]) -> Any:
        """An open span."""
        span = self._tracer.start_span(name, attributes=dict(attributes), start_time=self._now)
        self._now += SECOND
        with trace.use_span(span, end_on_exit=False, record_exception=False):
            yield span
        self._now += SECOND
        span.end(self._now)

    def leaf(self, name: str, attributes: Mapping[str, Any]) -> None:
        """A span with nothing in it."""
        with self.span(name, attributes):
            pass

    def log(self, event: str, attributes: Mapping[str, Any], body: Any = None) -> None:
        """A log record that is an event of the open span."""
        self._logger.emit(
            LogRecord(
                timestamp=self._now,
                observed_timestamp=self._now,
                context=trace.set_span_in_context(trace.get_current_span()),
                severity_number=SeverityNumber.INFO,
                event_name=event,
                attributes=dict(attributes),
                body=body,
            )
        )

    @property
    def finished(self) -> Sequence[ReadableSpan]:
        """Spans that ended, in that order."""
        return self._spans.get_finished_spans()

    def traces(self) -> bytes:
        """All ended spans as one message, otlp_proto."""
        return bytes(encode_spans(self.finished).SerializeToString())

    def traces_json(self) -> bytes:
        """The same in otlp_json."""
        return otlp_json(encode_spans(self.finished))

    def logs(self) -> bytes:
        """All log records as one message, otlp_proto."""
        return bytes(encode_logs(self._logs.get_finished_logs()).SerializeToString())

    def logs_json(self) -> bytes:
        """The same in otlp_json."""
        return otlp_json(encode_logs(self._logs.get_finished_logs()))


def otlp_json(message: Any) -> bytes:
    """OTLP/JSON: protobuf's JSON with enums as numbers and ids in hexadecimal instead of base64."""
    document = json_format.MessageToDict(message, use_integers_for_enums=True)
    _hex_ids(document)
    return json.dumps(document).encode()


def _hex_ids(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _hex_ids(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in _ID_FIELDS:
                node[key] = base64.b64decode(value).hex()
            else:
                _hex_ids(value)
