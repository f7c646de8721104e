"""What decode does to anything at all: it never raises, and what it takes round-trips."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Reject, encode
from schemas.topics import Topic
from tests.schemas import strategies as messages
from tests.schemas.promises import check, topics
from tests.schemas.published import VALIDATORS

RAW = "raw-json-goes-here"
DEPTH = 10_000
SHARP: list[bytes] = [
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1e-999", b"-0.0", b"-0", b"1.0", b"0.1e1",
    b"9" * 400, b"-" + b"9" * 400, b"9" * 5000, b"0." + b"3" * 5000, b"9223372036854775808", b"18446744073709551616",
    b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\xaf"', rb'"\ud800"', rb'"\udc00\ud800"', rb'"\u0000"', b'"a\x00b"', b'"a\nb"',
    b"[" * DEPTH + b"]" * DEPTH, b'{"":' * DEPTH + b"1" + b"}" * DEPTH, b"[" * DEPTH, b"[" * 150 + b"]" * 150,
    b"", b"nul", b"-", b"00", b"1.", b"+1", b".5", b"'a'", b"undefined", b"/**/1", b"true", b"false", b"null",
    b"{}", b"[]", b"[[]]", b"[{}]", b"[null]", b'""', b'" "', b"0", b"1", b"1} {", b'1, "kind": "heartbeat"',
    b'{"kind": "interaction"}', b"[" + b"1," * 30_000 + b"1]", b'"' + b"a" * 60_000 + b'"',
]  # fmt: skip


def text_of(document: Any, raw: bytes = b"") -> bytes:
    """The document as JSON, with `raw` where the string RAW stands."""
    return json.dumps(document).encode().replace(json.dumps(RAW).encode(), raw)


@topics
@given(value=st.binary(max_size=2_000))
def test_any_bytes(topic: Topic, value: bytes) -> None:
    check(topic, value)


@topics
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["kind", "ts", "feature"]), inner),
        max_leaves=20,
    )
)
def test_any_json(topic: Topic, value: Any) -> None:
    assert isinstance(check(topic, json.dumps(value).encode()), Reject)


@topics
@given(data=st.data())
def test_valid_message(topic: Topic, data: st.DataObject) -> None:
    document = data.draw(messages.DOCUMENTS[topic.name])
    answer = check(topic, json.dumps(document).encode())
    assert not isinstance(answer, Reject)
    assert VALIDATORS[topic.name].is_valid(document)
    assert VALIDATORS[topic.name].is_valid(json.loads(encode(answer, topic.adapter)))


@topics
@settings(max_examples=300)
@given(data=st.data())
def test_one_value_replaced_by_a_sharp_one(topic: Topic, data: st.DataObject) -> None:
    document = data.draw(messages.DOCUMENTS[topic.name])
    path = data.draw(st.sampled_from(list(messages.paths(document))))
    value = text_of(messages.replaced(document, path, RAW), data.draw(st.sampled_from(SHARP)))
    answer = check(topic, value)
    if not isinstance(answer, Reject) and path[-1] != "schema_version":  # pydantic takes true and 1.0 for 1
        assert VALIDATORS[topic.name].is_valid(json.loads(value)), value


@topics
@pytest.mark.parametrize("raw", SHARP, ids=range(len(SHARP)))
def test_sharp_value_alone_and_in_an_unknown_field(topic: Topic, raw: bytes) -> None:
    assert isinstance(check(topic, raw), Reject)
    assert isinstance(check(topic, b'{"x":' + raw + b"}"), Reject)


@topics
@given(data=st.data())
def test_one_byte_changed(topic: Topic, data: st.DataObject) -> None:
    value = bytearray(json.dumps(data.draw(messages.DOCUMENTS[topic.name])).encode())
    position = data.draw(st.integers(0, len(value) - 1))
    value[position] = data.draw(st.integers(0, 255))
    check(topic, bytes(value))
    check(topic, bytes(value[:position]))


BAD_TIMES: list[Any] = [
    "2026-11-20T23:00:00", "2026-11-20T23:00:00+01:00", "2026-11-20T23:00:00-00:00", "2026-11-20 23:00:00Z",
    "2026-11-20t23:00:00z", "2026-12-31T23:59:60Z", "2026-11-20T24:00:00Z", "2026-11-20T23:60:00Z",
    "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z",
    "2026-13-01T00:00:00Z", "2026-11-20", "20261120T230000Z", "2026-W47-5T00:00:00Z", "2026-11-20T23:00Z",
    "2026-11-20T23:00:00.Z", "2026-11-20T23:00:00.1234567890Z", "2026-11-20T23:00:00,5Z", "now", "", "1763679600",
    "２０２６-11-20T23:00:00Z", "2026-11-20T23:00:00Z\n", " 2026-11-20T23:00:00Z", 1763679600, 1763679600.5, -1,
    10**30, None, True, [], {},
]  # fmt: skip


@topics
@settings(max_examples=200)
@given(data=st.data(), time=st.sampled_from(BAD_TIMES))
def test_bad_time(topic: Topic, data: st.DataObject, time: Any) -> None:
    document = data.draw(messages.DOCUMENTS[topic.name])
    for name in messages.TIME_FIELDS:
        if name in document:
            answer = check(topic, json.dumps(document | {name: time}).encode())
            assert isinstance(answer, Reject)
            assert answer.reason == ("bad_time" if isinstance(time, str) else "wrong_type")
            assert answer.field.endswith(name)
