"""Every kind of bad record, with the reason it must be refused for, and odd ones that are good."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from schemas.codec import MAX_RECORD_BYTES
from schemas.topics import CHANGES_TOPIC, REVIEWS_TOPIC, TELEMETRY_TOPIC, TOPICS
from schemas.vocabulary import RejectReason

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
    later = {"kind": "heartbeat", "feature": "chat", "interactions": 1, "started_at": "2199-01-01T00:00:00Z"}
    yield from bad("bad_value", json.dumps(envelope(next(_numbers)) | later).encode())
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
