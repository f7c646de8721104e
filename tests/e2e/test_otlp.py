"""Spans of the real OpenTelemetry SDK, through Kafka, beside our own events."""

from kafka import KafkaProducer

from tests.e2e.ask import ask
from tests.e2e.processes import Workers, wait_until
from tests.e2e.recount import records, send_all, stored
from tests.test_otlp import two_spans


def test_spans_and_events_are_counted_side_by_side(workers: Workers) -> None:
    workers.start()
    wait_until(lambda: "Worker ready" in workers.log(), 90, "the worker is ready")
    producer = KafkaProducer(bootstrap_servers=workers.broker, enable_idempotence=False)
    for _ in range(50):
        producer.send("ai.telemetry.otlp", value=two_spans())
    producer.flush()
    producer.close()
    send_all(workers.broker, records(seed=3, size=500))
    wait_until(lambda: stored(workers.dsn) == 500, 40, "our events are stored")
    count = "SELECT count() AS n, countIf(refusal.refused) AS refused FROM events WHERE topic = 'ai.telemetry.otlp'"
    wait_until(lambda: int(ask(workers.dsn, count)[0]["n"]) == 100, 20, "the spans are stored")
    assert int(ask(workers.dsn, count)[0]["refused"]) == 50
    gaps = ask(workers.dsn, "SELECT count() AS n FROM offset_audit WHERE gap != 0")
    assert int(gaps[0]["n"]) == 0
