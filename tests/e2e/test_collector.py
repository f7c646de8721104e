"""Spans of the real OpenTelemetry SDK, through the real Collector and its Kafka exporter, to the store."""

from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from monitor.errors import UserError
from schemas.topics import OTLP_TOPIC
from tests.collector.collector import Encoding, program, start_collector
from tests.e2e.ask import ask
from tests.e2e.processes import Workers, wait_until
from tests.programs import skip

TRACES = 40
CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.input.messages": "my secret is XYZZY",
}
STORED = """SELECT event_id, feature, model, tokens_input, finish_reason, refusal.refused AS refused
    FROM events WHERE topic = 'ai.telemetry.otlp'"""
COUNTED = """SELECT sum(n) AS n FROM windows WHERE row_kind = 'cell' AND feature = 'trip-planner'"""


@pytest.fixture(scope="session")
def collector() -> None:
    """The Collector's program, built."""
    try:
        program()
    except UserError as error:
        skip("OpenTelemetry Collector", str(error))  # Debian has no Go that is new enough


def messages(broker: str) -> list[bytes]:
    """What the topic holds."""
    consumer = KafkaConsumer(
        OTLP_TOPIC.name, bootstrap_servers=broker, auto_offset_reset="earliest", consumer_timeout_ms=3_000
    )
    try:
        return [record.value for record in consumer]
    finally:
        consumer.close()


def export(url: str) -> dict[str, bool]:
    """Send agents with two chats each, the second refused; the ids of the chats' events, and whether refused."""
    provider = TracerProvider(resource=Resource({"service.name": "trip-planner"}), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=url)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=60_000))
    tracer = provider.get_tracer("tests")
    sent: dict[str, bool] = {}
    for _ in range(TRACES):
        with tracer.start_as_current_span("invoke_agent", attributes={"gen_ai.operation.name": "invoke_agent"}):
            for reason in ("stop", "refusal"):
                chat = CHAT | {"gen_ai.response.finish_reasons": [reason]}
                with tracer.start_as_current_span("chat gpt-4o", attributes=chat):
                    context = trace.get_current_span().get_span_context()
                    sent[f"{context.trace_id:032x}:{context.span_id:016x}"] = reason == "refusal"
    provider.shutdown()  # sends what is left
    return sent


@pytest.mark.parametrize("encoding", ["otlp_proto", "otlp_json"])
def test_each_inference_that_a_collector_sends_is_counted_exactly_once(
    encoding: Encoding, workers: Workers, collector: None, tmp_path: Path
) -> None:
    workers.start()
    wait_until(lambda: "Worker ready" in workers.log(), 90, "the worker is ready")
    running, url = start_collector(tmp_path, workers.broker, encoding)
    try:
        sent = export(url)
        wait_until(lambda: len(ask(workers.dsn, STORED)) >= len(sent), 40, "the spans are stored")
    finally:
        running.stop()  # which sends what the Collector still holds
    rows = ask(workers.dsn, STORED)
    assert sorted((row["event_id"], bool(row["refused"])) for row in rows) == sorted(sent.items())
    said = {(row["feature"], row["model"], int(row["tokens_input"])) for row in rows}
    assert said == {("trip-planner", "gpt-4o", 12)}
    assert int(ask(workers.dsn, COUNTED)[0]["n"]) == len(sent)
    gaps = ask(workers.dsn, "SELECT count() AS n FROM offset_audit WHERE gap != 0")
    assert int(gaps[0]["n"]) == 0
    assert {value[:1] == b"{" for value in messages(workers.broker)} == {encoding == "otlp_json"}
    leaked = ask(workers.dsn, "SELECT count() AS n FROM telemetry WHERE toString(tuple(*)) LIKE '%XYZZY%'")
    assert int(leaked[0]["n"]) == 0
