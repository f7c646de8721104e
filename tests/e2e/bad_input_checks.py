"""Sending records to a real worker, and holding what it did against them."""

import hashlib
import re
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from schemas.dead_letter import DeadLetter
from schemas.outcomes import Bit
from schemas.topics import DEAD_LETTER_TOPIC
from tests.e2e.ask import ask
from tests.e2e.bad_records import CANARY, PARTITIONS, SECRET, TRACES, Case, Cell, Position
from tests.e2e.processes import Workers, wait_until


def send(broker: str, cases: Iterable[Case], logged_ms: int | None = None, **options: Any) -> dict[Position, Case]:
    """All cases in order, over all partitions, and where each of them lies. Keys and headers hold a secret, too."""
    producer = KafkaProducer(
        bootstrap_servers=broker.split(","),
        acks="all",
        linger_ms=20,
        enable_idempotence=False,
        max_request_size=8_000_000,
        **options,
    )
    try:
        headers = [("x-user", CANARY.encode()), (SECRET, b"\xff")]
        places: Counter[str] = Counter()
        waiting = []
        for case in cases:
            # A bad one and the good one after it go to the same partition.
            number = places[case.topic] // 2 % PARTITIONS
            places[case.topic] += 1
            key = None if places[case.topic] % 5 == 0 else CANARY.encode() + b"\xff"
            future = producer.send(case.topic, case.value, key, headers, number, logged_ms)
            waiting.append((case, future))
        producer.flush()
        found = [(case, future.get(10)) for case, future in waiting]
        return {(told.topic, told.partition, told.offset): case for case, told in found}
    finally:
        producer.close(timeout=5)


def dead_letters(broker: str, wanted: int) -> list[tuple[bytes, bytes]]:
    """(key, value) of every dead letter: as many as wanted, and whatever else comes within a second."""
    consumer = KafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest", enable_auto_commit=False)
    found: list[tuple[bytes, bytes]] = []
    try:
        consumer.assign([TopicPartition(DEAD_LETTER_TOPIC.name, number) for number in range(PARTITIONS)])
        give_up = time.monotonic() + 20
        while len(found) < wanted and time.monotonic() < give_up:
            found += [(record.key, record.value) for run in consumer.poll(500).values() for record in run]
        found += [(record.key, record.value) for run in consumer.poll(1000).values() for record in run]
    finally:
        consumer.close()
    return found


def metrics(workers: Workers) -> str:
    """The text of /metrics, or "" before the worker serves it."""
    urls = re.findall(r"metrics on (http://\S+/metrics)", workers.log())
    if not urls:
        return ""
    with urllib.request.urlopen(urls[-1], timeout=10) as answer:  # noqa: S310  # our own worker on loopback
        text: str = answer.read().decode()
    return text


def total(text: str, name: str) -> int:
    return sum(int(float(value)) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M))


def finish(workers: Workers, worker: subprocess.Popen[bytes], sent: int) -> str:
    """Wait until the worker has stored as many records as were sent; it must be the one that we started."""
    count_all = "SELECT sum(records) AS n FROM windows WHERE row_kind = 'range'"
    # One refused for good would be tried for half a minute before the worker ends.
    wait_until(
        lambda: worker.poll() is not None or total(metrics(workers), "vigil_records_total") >= sent, 40, "all are read"
    )
    assert worker.poll() is None, workers.log()[-3000:]
    wait_until(lambda: int(ask(workers.dsn, count_all)[0]["n"]) == sent, 20, f"{sent} records stored")
    text = metrics(workers)
    assert worker.poll() is None
    assert workers.log().count("Worker ready") == 1
    return text


def check_letters(workers: Workers, sent: dict[Position, Case]) -> None:
    """Exactly one letter for each bad record, and it says no more than where and why."""
    wanted = {position: case for position, case in sent.items() if case.reason is not None}
    found = dead_letters(workers.broker, len(wanted))
    reasons = Counter[tuple[Position, str]]()
    for key, value in found:
        letter = DeadLetter.model_validate_json(value)
        position = (letter.source_topic, letter.source_partition, letter.source_offset)
        payload = wanted[position].value or b""
        assert key.decode() == "/".join(map(str, position))
        assert (letter.payload_sha256, letter.payload_bytes) == (hashlib.sha256(payload).hexdigest(), len(payload))
        assert not any(trace in key + value for trace in TRACES)
        reasons[position, letter.reason] += 1
    differ = {
        (position, reason): (wanted[position].value or b"")[:300]
        for position, reason in reasons
        if reason != wanted[position].reason
    }
    assert not differ
    assert reasons == {(position, case.reason): 1 for position, case in wanted.items()}


def check_counts(workers: Workers, cells: Counter[Cell], events: int, bad_ones: int) -> None:
    """The good ones are in the windows and in the events, exactly; the claims say so, without gaps."""
    rows = ask(
        workers.dsn,
        f"SELECT feature, toUnixTimestamp(window_start) AS start, bitAnd(mask, {Bit.REFUSED}) != 0 AS refused, "
        "sum(n) AS n FROM windows WHERE row_kind = 'cell' GROUP BY 1, 2, 3",
    )
    assert {(row["feature"], int(row["start"]), bool(row["refused"])): int(row["n"]) for row in rows} == dict(cells)
    [sums] = ask(
        workers.dsn,
        "SELECT (SELECT count() FROM events) AS stored, (SELECT count() FROM offset_audit WHERE gap != 0) AS gaps, "
        "(SELECT sum(dead_letters) FROM windows WHERE row_kind = 'range') AS letters",
    )
    assert {name: int(n) for name, n in sums.items()} == {"stored": events, "gaps": 0, "letters": bad_ones}


def check_no_trace(workers: Workers, text: str, stored: bytes) -> None:
    """The secret is nowhere. `stored` is a word that was stored: it shows that a search of the files finds words."""
    workers.stop()
    files = {path: path.read_bytes() for path in Path(workers.folder / "store").rglob("*") if path.is_file()}
    assert any(stored in data for data in files.values())
    files[Path("/metrics")] = text.encode()
    files[Path("worker.log")] = (workers.folder / "worker.log").read_bytes()
    assert not [(path, trace) for path, data in files.items() for trace in TRACES if trace in data]
    # The files are compressed, so the rows are asked as well.
    tables = ("telemetry", "heartbeats", "changes", "reviews", "windows", "scores", "incidents")
    like = " UNION ALL ".join(
        f"SELECT '{name}' AS name, countIf(toString(tuple(*)) ILIKE '%xyzzy%') AS n, "
        f"countIf(toString(tuple(*)) LIKE '%{stored.decode()}%') AS control FROM {name}"
        for name in tables
    )
    rows = ask(workers.dsn, like)
    assert [row["name"] for row in rows if int(row["n"])] == []
    assert sum(int(row["control"]) for row in rows) > 0
