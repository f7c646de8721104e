"""Every kind of bad input, through a real broker into a real worker: one dead letter each, and nothing else happens."""

import hashlib
import json
import random
import re
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from schemas.codec import MAX_RECORD_BYTES, Reject, decode
from schemas.dead_letter import DeadLetter
from schemas.outcomes import Bit, evaluation_mask, interaction_mask
from schemas.telemetry import Evaluation, Interaction
from schemas.topics import CHANGES_TOPIC, DEAD_LETTER_TOPIC, REVIEWS_TOPIC, TELEMETRY_TOPIC, TOPICS
from schemas.vocabulary import RejectReason
from tests.e2e.ask import ask
from tests.e2e.processes import Workers, wait_until
from tests.schemas import strategies as messages

SECRET = "XYZZY-SECRET"
CANARY = f"my card is 4111 1111 1111 1111, {SECRET}@example.com"
TRACES = (b"XYZZY", b"xyzzy", b"4111 1111")
PARTITIONS = 4
DEPTH = 10_000
MEGABYTE = 2**20
TELEMETRY, CHANGES, REVIEWS = TELEMETRY_TOPIC.name, CHANGES_TOPIC.name, REVIEWS_TOPIC.name
ADAPTERS = {topic.name: topic.adapter for topic in TOPICS}

Position = tuple[str, int, int]
"""(topic, partition, offset) of a record."""
Cell = tuple[str, int, bool]
"""(feature, window start, refused) under which an event must be counted."""


@dataclass(frozen=True, slots=True)
class Case:
    """One record, and what must become of it: a dead letter with this reason, or an event in this cell, if any."""

    topic: str
    value: bytes | None
    reason: RejectReason | None = None
    cell: Cell | None = None


# Good records.

_numbers = count(1)
_BASE = int(time.time()) // 10 * 10 - 600


def envelope(number: int, at: float = _BASE) -> dict[str, Any]:
    text = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    return {"event_id": f"bad-input-{number:06d}", "ts": text, "emitter": "tester"}


def interaction(**more: Any) -> dict[str, Any]:
    return {"kind": "interaction", "feature": "chat"} | envelope(next(_numbers)) | more


def good() -> Case:
    number = next(_numbers)
    at, refused, feature = _BASE + number % 50, number % 3 == 0, f"feature-{number % 2}"
    event = interaction(feature=feature, refusal={"refused": refused}) | envelope(number, at)
    return Case(TELEMETRY, json.dumps(event).encode(), cell=(feature, at // 10 * 10, refused))


def good_elsewhere() -> Iterator[Case]:
    """Good records that no window counts."""
    heartbeat = {"kind": "heartbeat", "feature": "chat", "started_at": "2000-01-01T00:00:00Z", "interactions": 2**53}
    yield Case(TELEMETRY, json.dumps(envelope(next(_numbers)) | heartbeat).encode())
    for _ in range(8):
        yield Case(CHANGES, json.dumps(envelope(next(_numbers)) | {"what": "model"}).encode())
        review = {"source": "appeal", "verdict": "overturned"}
        yield Case(REVIEWS, json.dumps(envelope(next(_numbers)) | review).encode())


def odd_but_good() -> Iterator[Case]:
    """What looks bad and is not, or is dangerous to count: nothing of it may be lost either."""
    cell = ("chat", _BASE, False)

    def text(event: dict[str, Any]) -> bytes:
        return json.dumps(event)[1:-1].encode()

    twice = text(interaction())
    for raw in (
        b'{"feature": "' + CANARY.encode() + b'", ' + text(interaction()) + b"}",  # the last of two keys wins
        b'{"guardrails": [{"prompt": "' + CANARY.encode() + b'"}], ' + text(interaction(guardrails=[])) + b"}",
        b"{" + twice + b", " + twice + b"}",
        b'{"schema_version": 1.0, ' + text(interaction()) + b"}",
        b'{"schema_version": true, ' + text(interaction()) + b"}",
        b'{"latency_ms": -0.0, ' + text(interaction()) + b"}",
        b'{"latency_ms": 1e-999, ' + text(interaction()) + b"}",
        b'{"latency_ms": 5e-324, ' + text(interaction()) + b"}",
        b'{"latency_ms": 0.' + b"3" * 5000 + b", " + text(interaction()) + b"}",
        b'{"tokens_input": 9007199254740992, ' + text(interaction()) + b"}",
        b"{" + text(interaction()).replace(b'"chat"', rb'"\u0063hat"').replace(b'"feature"', rb'"featur\u0065"') + b"}",
        b" \r\n\t{" + text(interaction()) + b"}" + b" " * 99,
        (b"{" + text(interaction()) + b"}").ljust(MAX_RECORD_BYTES),
    ):
        yield Case(TELEMETRY, raw, cell=cell)


# Bad records.


def bad(reason: RejectReason, *values: bytes | None, topic: str = TELEMETRY) -> Iterator[Case]:
    for value in values:
        yield Case(topic, value, reason)


def wrong(reason: RejectReason, *changes: dict[str, Any]) -> Iterator[Case]:
    """Interactions with these fields in the place of good ones."""
    for change in changes:
        yield Case(TELEMETRY, json.dumps(interaction() | change).encode(), reason)


def with_raw(reason: RejectReason, field: str, *raw: bytes) -> Iterator[Case]:
    """Interactions with a field that `json` would not write."""
    for value in raw:
        head = json.dumps(interaction())[:-1].encode()
        yield Case(TELEMETRY, head + b', "' + field.encode() + b'": ' + value + b"}", reason)


def whole() -> bytes:
    return json.dumps(interaction()).encode()


def broken_texts() -> Iterator[Case]:
    secret = CANARY.encode()
    yield from bad("empty", None, b"")
    yield from bad("not_json", secret, b"{", b"}", b'"', b"nul", b"'a'", b"{'kind': 'interaction'}", b"\x00", b" ")
    yield from bad("not_json", b"\xef\xbb\xbf" + whole(), whole()[:-1], whole()[:-1] + b",}", whole() + b"\x00")
    yield from bad("not_utf8", b"\xff", secret + b"\xff", whole().replace(b"chat", b"ch\xffat"), b"\xff\xfe{\x00}\x00")
    yield from bad("not_utf8", whole().replace(b"chat", b"\xed\xa0\x80"), whole().replace(b"chat", b"\xc0\xaf"))
    yield from bad("not_json", whole().replace(b"chat", rb"\ud800"), whole().replace(b"chat", rb"\udc00\ud800"))
    yield from bad("not_json", whole().replace(b"chat", b"ch\x00at"), whole().replace(b"chat", b"ch\nat"))
    # What would be one row, or several, if anybody joined a batch with line feeds, commas or nothing:
    guardrail = b'{"name": "g", "stage": "input", "category": "pii", "verdict": "allow", "action": "allow", "outcome": '
    opened = whole()[:-1] + b', "guardrails": [' + guardrail + b'"evaluated"}'
    yield from bad("not_json", opened, b"," + guardrail + b'"evaluated"}]}', opened, guardrail + b'"evaluated"}]}')
    yield from bad("not_json", whole()[:-1], b"}", whole() + b"," + whole(), whole() + b"\n" + whole(), whole() * 2)
    yield from bad("not_json", whole() + b"]", b"[" + whole(), b"/*", b"*/", whole()[:-1] + b',"release":"', b'"}')


def wrong_shapes() -> Iterator[Case]:
    yield from bad("not_object", b"null", b"true", b"1", b"[]", b'"text"', b"[" + whole() + b"]", b"-1e5")
    yield from bad("not_object", json.dumps(CANARY).encode())
    yield from bad("unknown_kind", b"{}", json.dumps({"text": CANARY}).encode(), b'{"kind": null}', b'{"kind": []}')
    yield from wrong("unknown_kind", {"kind": CANARY}, {"kind": "Interaction"}, {"kind": 1}, {"kind": "change"})
    yield from bad("missing_field", b'{"kind": "interaction"}', b'{"kind": "heartbeat"}', b'{"kind": "evaluation"}')
    yield from wrong("wrong_type", {"feature": 1}, {"feature": None}, {"event_id": ["x"]}, {"ts": 1_763_679_600})
    yield from wrong("wrong_type", {"feature": {"text": CANARY}}, {"model": [CANARY]}, {"guardrails": CANARY})
    yield from wrong(
        "wrong_type", {"tokens_input": "5"}, {"tokens_input": 1.0}, {"latency_ms": "1"}, {"sample_weight": True}
    )
    yield from wrong("wrong_type", {"refusal": {"refused": 1}}, {"refusal": {"refused": CANARY}}, {"guardrails": None})
    yield from wrong("not_object", {"refusal": True}, {"refusal": CANARY}, {"guardrails": [1]}, {"redaction": []})
    yield from wrong("bad_value", {"finish_reason": CANARY}, {"arm": "Canary"}, {"schema_version": 2})
    yield from wrong("bad_value", {"pii": {"output": [CANARY]}}, {"schema_version": "1"})
    yield from wrong("out_of_range", {"pii": {"output": ["email"] * 17}}, {"tool_calls": [tool(x) for x in range(129)]})


def tool(number: int) -> dict[str, Any]:
    return {"name": f"tool-{number}", "permitted": True, "executed": True}


def wrong_numbers() -> Iterator[Case]:
    yield from with_raw("out_of_range", "latency_ms", b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"-1")
    yield from with_raw("out_of_range", "latency_ms", b"86400000.1", b"9" * 400, b"1" + b"0" * 308)
    yield from with_raw("out_of_range", "tokens_input", b"9007199254740993", b"18446744073709551616", b"-1")
    yield from with_raw("out_of_range", "tokens_input", b"9" * 400, b"-" + b"9" * 400, b"9" * 5000)
    yield from with_raw("wrong_type", "tokens_input", b"1e3", b"0.5", b"NaN")
    yield from with_raw("out_of_range", "sample_weight", b"0", b"-1", b"1000001", b"9223372036854775808")
    yield from with_raw("out_of_range", "refusal", b'{"refused": true, "quality": 1.0000001}')
    yield from with_raw("not_json", "tokens_input", b"+1", b"00", b"1.", b".5", b"0x1", b"1_000", b"1 2")
    yield from wrong("out_of_range", {"latency_ms": float("nan")}, {"latency_ms": float("inf")})


def wrong_times() -> Iterator[Case]:
    now = datetime.now(UTC)
    for days in (-401, -9000):
        yield from wrong("too_old", {"ts": stamp(now + timedelta(days=days))})
    for seconds in (900, 400 * 86_400, 100 * 365 * 86_400):
        yield from wrong("from_the_future", {"ts": stamp(now + timedelta(seconds=seconds))})
    yield from wrong("from_the_future", {"ts": "2199-12-31T23:59:59.999999999Z"})
    for text in (
        "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z", "2200-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-12-31T23:59:60Z",
        "2026-11-20T23:00:00+01:00", "2026-11-20T23:00:00", "2026-11-20 23:00:00Z",
        "1763679600", "now", "", CANARY, "2026-11-20T23:00:00Z\n", "２０２６-11-20T23:00:00Z",
    ):  # fmt: skip
        yield from wrong("bad_time", {"ts": text})


def stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def too_much() -> Iterator[Case]:
    yield from bad("too_large", (b"{" + whole()[1:]).ljust(MAX_RECORD_BYTES + 1), b"\x00" * 100_000)
    filler = json.dumps({"prompt": CANARY * (5 * MEGABYTE // len(CANARY))}).encode()
    yield from bad("too_large", b"x" * 5 * MEGABYTE, filler, whole().ljust(5 * MEGABYTE), b"[" * 5 * MEGABYTE)
    for deep in (b"[" * DEPTH, b"[" * DEPTH + b"]" * DEPTH, b'{"":' * DEPTH + b"1" + b"}" * DEPTH):
        yield from bad("too_deep", deep)
        yield from with_raw("too_deep", "guardrails", deep)
        yield from with_raw("too_deep", "x", deep)
    yield from with_raw("unknown_field", "x", b"[" * 150 + b"]" * 150)
    yield from with_raw("wrong_type", "model", b"[" * 150 + b"]" * 150)
    yield from with_raw("wrong_type", "guardrails", b'"' + b"a" * 60_000 + b'"')
    yield from with_raw("not_object", "guardrails", b"[" + b"1," * 30_000 + b"1]")


def content() -> Iterator[Case]:
    for name in ("prompt", "Prompt", "messages", "completion", "output", "text", "system_prompt",
                 "gen_ai.input.messages", "llm.prompts", "input.value", "user_id", "email"):  # fmt: skip
        yield from wrong("content_field", {name: CANARY})
    yield from wrong("content_field", {"refusal": {"refused": True, "explanation": CANARY}}, {"prompt": None})
    yield from wrong("content_field", {"tool_calls": [tool(1) | {"arguments": {"q": CANARY}}]})
    yield from wrong("content_field", {"messages": [{"role": "user", "content": CANARY}], "feature": CANARY})
    yield from wrong("unknown_field", {SECRET: 1}, {CANARY: CANARY}, {"xyzzy_secret": CANARY}, {"": CANARY})
    yield from wrong("unknown_field", {"Kind": "x"}, {"__proto__": {}}, {"mask": 5}, {"topic": "x"}, {"offset": 1})
    yield from wrong("unknown_field", {"refusal": {"refused": True, "xyzzy": CANARY}})
    yield from with_raw("bad_identifier", "feature", json.dumps(CANARY).encode())  # the second of two keys
    yield from with_raw("wrong_type", "event_id", json.dumps([CANARY]).encode())


def wrong_identifiers() -> Iterator[Case]:
    texts = ("jane.doe@example.com", "Please tell me how to", "+49 151 2345678", "+491512345678", CANARY, "", " ", "é",
             "日本", "\u0000",
             "'; DROP TABLE windows; --", "../../etc/passwd", "{feature}", "a\tb", 'a"b', "a\\b", "chat\n")  # fmt: skip
    for text in texts:
        yield from wrong("bad_identifier", {"feature": text}, {"event_id": text}, {"tenant": text}, {"emitter": text})
        yield from wrong("bad_identifier", {"model": text}, {"guardrails": [guardrail_named(text)]})
    yield from wrong("bad_identifier", {"feature": "f" * 64}, {"event_id": "short"}, {"event_id": "e" * 65})
    yield from wrong("bad_identifier", {"locale": "German"}, {"trace_id": "0" * 31}, {"tenant": "0" * 65})


def guardrail_named(name: str) -> dict[str, Any]:
    return {"name": name, "stage": "input", "category": "pii", "action": "allow", "outcome": "evaluated"}


def wrong_topics() -> Iterator[Case]:
    change = envelope(next(_numbers)) | {"kind": "change", "what": "model"}
    review = envelope(next(_numbers)) | {"kind": "review", "source": "appeal", "verdict": "noise"}
    letter = {"kind": "dead_letter", "source_topic": TELEMETRY, "source_partition": 0, "source_offset": 0}
    as_bytes = {topic: json.dumps(value).encode() for topic, value in ((CHANGES, change), (REVIEWS, review))}
    yield from bad("unknown_kind", *as_bytes.values(), json.dumps(letter).encode())
    for topic, other in ((CHANGES, REVIEWS), (REVIEWS, CHANGES)):
        yield from bad("bad_value", whole(), as_bytes[other], topic=topic)
        yield from bad("empty", None, b"", topic=topic)
        yield from bad("not_json", b"{", CANARY.encode(), topic=topic)
        yield from bad("not_utf8", b"\xff", topic=topic)
        yield from bad("not_object", b"[]", topic=topic)
        yield from bad("too_deep", b"[" * DEPTH, topic=topic)
        yield from bad("too_large", b" " * (MAX_RECORD_BYTES + 1), topic=topic)
        yield from bad("missing_field", b"{}", topic=topic)
        sound = change if topic == CHANGES else review
        for reason, more in (
            ("content_field", {"text": CANARY}), ("unknown_field", {"comment": CANARY}),
            ("bad_identifier", {"feature": CANARY}), ("bad_time", {"ts": CANARY}),
            ("too_old", {"ts": "2001-01-01T00:00:00Z"}), ("from_the_future", {"ts": "2199-01-01T00:00:00Z"}),
        ):  # fmt: skip
            yield Case(topic, json.dumps(sound | more).encode(), reason)  # type: ignore[arg-type]  # from the table
    yield Case(CHANGES, json.dumps(change)[:-1].encode() + b', "rollout": NaN}', "out_of_range")
    yield Case(REVIEWS, json.dumps(review | {"verdict": CANARY}).encode(), "bad_value")


BAD = (broken_texts, wrong_shapes, wrong_numbers, wrong_times, too_much, content, wrong_identifiers, wrong_topics)


def everything() -> Iterator[Case]:
    """Bad records with good ones between all of them."""
    for group in BAD:
        for case in group():
            yield case
            yield good()
    yield from odd_but_good()
    yield from good_elsewhere()


# Through the broker and back.


def send(broker: str, cases: Iterable[Case], **options: Any) -> dict[Position, Case]:
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
            waiting.append(
                (case, producer.send(case.topic, value=case.value, key=key, partition=number, headers=headers))
            )
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


def test_every_bad_record_becomes_one_dead_letter_and_every_good_one_is_counted(workers: Workers) -> None:
    cases = list(everything())
    sent = send(workers.broker, cases)
    zipped = [good() for _ in range(50)] + [Case(TELEMETRY, b"{", "not_json")] * 50
    sent |= send(workers.broker, zipped, compression_type="gzip")
    worker = workers.start()
    text = finish(workers, worker, len(sent))
    bad_ones = [case for case in sent.values() if case.reason is not None]
    assert len(bad_ones) > 300
    assert total(text, "vigil_dead_letters_total") == len(bad_ones)
    assert total(text, "vigil_insert_failures_total") == 0
    cells = Counter(case.cell for case in sent.values() if case.cell is not None)
    check_letters(workers, sent)
    check_counts(workers, cells, cells.total(), len(bad_ones))
    others = ask(workers.dsn, "SELECT (SELECT count() FROM changes) + (SELECT count() FROM reviews) AS n")
    assert int(others[0]["n"]) == sum(case.reason is None and case.topic != TELEMETRY for case in sent.values())
    check_no_trace(workers, text, b"feature-1")


# Chance.

SHARP: tuple[bytes, ...] = (
    b"NaN", b"-Infinity", b"1e999", b"-0.0", b"9" * 400, b"18446744073709551616", b'"\xff"', rb'"\ud800"',
    rb'"\u0000"', b'"a\nb"',
    b"[" * 300 + b"]" * 300, b"", b"null", b"{}", b"[]", b'""', b"1", b"true", b"1} {", b'1, "kind": "heartbeat"',
    json.dumps(CANARY).encode(), b'{"prompt": ' + json.dumps(CANARY).encode() + b"}",
)  # fmt: skip
_HERE = "raw-json-goes-here"


def documents(topic: str, examples: int) -> list[messages.Document]:
    """Valid messages of a topic, as hypothesis thinks them up."""
    found: list[messages.Document] = []

    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(messages.DOCUMENTS[topic])
    def collect(document: messages.Document) -> None:
        found.append(document)

    collect()
    return found


def mutant(document: messages.Document, chance: random.Random) -> bytes:
    """A message of recent time, as it is or with one thing wrong in it; now and then with its own id and time."""
    if chance.random() < 0.95:
        document = document | {"event_id": f"mutant-{next(_numbers):06d}"}
    if chance.random() < 0.95:
        at = stamp(datetime.fromtimestamp(_BASE - chance.uniform(0, 600), UTC))
        # A heartbeat since long ago is 60,000 windows to the scorer, and a worker does not end before it has scored.
        document = document | {"ts": at} | ({"started_at": at} if "started_at" in document else {})
    how = chance.choice(["whole"] * 4 + ["value", "value", "key", "byte", "cut"])
    if how == "value":
        document = messages.replaced(document, chance.choice(list(messages.paths(document))), _HERE)
    if how == "key":
        name = chance.choice([CANARY, "prompt", "kind", SECRET])
        document = messages.replaced(document, (*chance.choice(messages.objects(document)), name), _HERE)
    value = bytearray(json.dumps(document).encode().replace(json.dumps(_HERE).encode(), chance.choice(SHARP)))
    position = chance.randrange(len(value))
    if how == "byte":
        value[position] = chance.randrange(256)
    return bytes(value[:position] if how == "cut" else value)


def mutated(chance: random.Random) -> list[tuple[str, bytes]]:
    """(topic, bytes) of some hundreds, in any order."""
    found = [
        (topic, mutant(document, chance))
        for topic, examples in ((TELEMETRY, 400), (CHANGES, 75), (REVIEWS, 75))
        for document in documents(topic, examples)
    ]
    chance.shuffle(found)
    return found


def judged(topic: str, value: bytes) -> tuple[Case, str]:
    """What `decode` and the clock say of it, and its event id."""
    event = decode(ADAPTERS[topic], value)
    if isinstance(event, Reject):
        return Case(topic, value, event.reason), ""
    age = datetime.now(UTC) - event.ts
    if age < timedelta(minutes=-5) or age > timedelta(days=400):
        return Case(topic, value, "too_old" if age > timedelta(0) else "from_the_future"), ""
    if not isinstance(event, Interaction | Evaluation):
        return Case(topic, value), event.event_id
    mask = interaction_mask(event) if isinstance(event, Interaction) else evaluation_mask(event)
    refused = mask & Bit.REFUSED != 0
    return Case(topic, value, cell=(event.feature, int(event.ts.timestamp()) // 10 * 10, refused)), event.event_id


def test_mutated_events_are_counted_or_refused_as_in_one_process(workers: Workers) -> None:
    judgements = [judged(topic, value) for topic, value in mutated(random.Random(13))]
    ids = {id(case): event_id for case, event_id in judgements}
    marker = good()
    sent = send(workers.broker, [marker, *(case for case, _ in judgements)])
    seen = set[tuple[str, int, str]]()
    cells: Counter[Cell] = Counter()
    repeats = 0
    for (topic, partition, _), case in sorted(sent.items(), key=lambda item: item[0]):
        known = (topic, partition, ids.get(id(case), "marker"))
        if case.reason is None and known in seen:
            repeats += 1
        elif case.reason is None:
            seen.add(known)
            cells.update([case.cell] if case.cell is not None else [])
    assert cells.total() > 100
    bad_ones = sum(case.reason is not None for case in sent.values())
    assert bad_ones > 150
    worker = workers.start()
    text = finish(workers, worker, len(sent))
    assert total(text, "vigil_insert_failures_total") == 0
    assert total(text, "vigil_duplicates_total") == repeats
    check_letters(workers, sent)
    check_counts(workers, cells, cells.total(), bad_ones)
    assert marker.cell is not None
    check_no_trace(workers, text, marker.cell[0].encode())


# What does not hold yet. Each becomes an ordinary test when it does.


def survives(workers: Workers, sent: int, **settings: str) -> bool:
    """Whether the worker takes this many records and lives on."""
    worker = workers.start(**settings)
    wait_until(lambda: "Worker ready" in workers.log(), 20, "the worker is ready")
    wait_until(
        lambda: worker.poll() is not None or total(metrics(workers), "vigil_records_total") >= sent, 30, "all are read"
    )
    if worker.poll() is None:
        time.sleep(1.0)  # a flush
    return worker.poll() is None


@pytest.mark.xfail(raises=AssertionError, reason="Ingest._claim makes a datetime of any record time")
def test_a_record_time_of_kafka_in_the_far_future_stops_no_worker(workers: Workers) -> None:
    producer = KafkaProducer(bootstrap_servers=workers.broker, acks="all", enable_idempotence=False)
    producer.send(TELEMETRY, good().value, partition=0, timestamp_ms=10**17).get(10)
    producer.close(timeout=5)
    assert survives(workers, 1)


@pytest.mark.xfail(raises=AssertionError, reason="aiokafka needs cramjam for lz4, snappy and zstd")
def test_a_batch_compressed_with_lz4_stops_no_worker(workers: Workers) -> None:
    sent = send(workers.broker, [good() for _ in range(200)], compression_type="lz4")
    assert survives(workers, len(sent))


@pytest.mark.xfail(raises=AssertionError, reason="aiokafka.conn logs the first bytes of a fetch")
def test_a_log_of_level_debug_holds_no_content(workers: Workers) -> None:
    sent = send(workers.broker, [Case(TELEMETRY, CANARY.encode(), "not_json")])
    assert survives(workers, len(sent), LOG_LEVEL="debug")
    assert not any(trace.decode() in workers.log() for trace in TRACES)
