"""The fast way takes only what pydantic takes, with equal values; and it takes what is ordinary."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_validator

from schemas.base import Contract, Count, Name, UtcTime
from schemas.codec import _LARGE, Reject, decode, encode
from schemas.derive import PLACE, derive
from schemas.fast import FAST
from schemas.moments import Moments, unix_microseconds
from schemas.outcomes import evaluation_mask, interaction_mask
from schemas.proof import KNOWN_COMBINATIONS, KNOWN_WORDS, Proof, Words
from schemas.telemetry import Evaluation, Interaction
from schemas.topics import TELEMETRY_TOPIC, TOPICS, Topic
from tests.schemas import strategies as messages
from tests.schemas.test_codec_properties import BAD_TIMES, RAW, SHARP, text_of

topics = pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic.name in FAST], ids=lambda t: t.name)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def plain(value: Any) -> Any:
    """A struct or a model as simple values that can be compared."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, msgspec.Struct):
        said = {name: plain(getattr(value, name)) for name in value.__struct_fields__ if name not in PLACE}
        tag = value.__struct_config__.tag
        return said if tag is None else said | {"kind": tag}
    if isinstance(value, datetime):
        return unix_microseconds(value)
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def read_times(said: dict[str, Any]) -> dict[str, Any]:
    return {name: Moments().read([value])[0] if name in messages.TIME_FIELDS else value for name, value in said.items()}


def agrees(topic: Topic, value: bytes) -> bool:
    """Whether the fast way took it; if so, pydantic did too, and all that follows from it is the same."""
    fast = FAST[topic.name]
    [event], [moment] = fast.decode([value])
    model = decode(topic.adapter, value)
    if not isinstance(model, Reject):
        assert plain(fast.from_model(model)) | {"ts": 0} == read_text(plain(model)) | {"ts": 0}
    if moment is None:
        return False
    assert not isinstance(model, Reject), (model, value)
    assert read_times(plain(event)) == plain(model)
    assert EPOCH + timedelta(microseconds=moment) == model.ts
    row = fast.rows([event])
    assert row.endswith(b"}\n")
    assert row.count(b"\n") == 1
    assert topic.adapter.validate_json(row) == model
    assert json.loads(row).keys() >= json.loads(encode(model, topic.adapter)).keys() - {"guardrails", "tool_calls"}
    if isinstance(model, Interaction):
        assert interaction_mask(event) == interaction_mask(model)
    if isinstance(model, Evaluation):
        assert evaluation_mask(event) == evaluation_mask(model)
    return True


def read_text(said: dict[str, Any]) -> dict[str, Any]:
    """The same with times in the form in which `from_model` writes them."""
    return {
        name: (EPOCH + timedelta(microseconds=value)).isoformat() if name in messages.TIME_FIELDS else value
        for name, value in said.items()
    }


@topics
@settings(max_examples=400)
@given(data=st.data())
def test_every_valid_message_takes_the_fast_way(topic: Topic, data: st.DataObject) -> None:
    document = data.draw(messages.DOCUMENTS[topic.name])
    assert agrees(topic, json.dumps(document).encode())
    assert agrees(topic, json.dumps(document, indent=1, sort_keys=True).encode())


@topics
@settings(max_examples=400)
@given(data=st.data())
def test_one_value_replaced_by_a_sharp_one(topic: Topic, data: st.DataObject) -> None:
    document = data.draw(messages.DOCUMENTS[topic.name])
    path = data.draw(st.sampled_from(list(messages.paths(document))))
    agrees(topic, text_of(messages.replaced(document, path, RAW), data.draw(st.sampled_from(SHARP))))


@topics
@settings(max_examples=300)
@given(data=st.data())
def test_one_string_with_a_character_too_many(topic: Topic, data: st.DataObject) -> None:
    document = data.draw(messages.DOCUMENTS[topic.name])
    path = data.draw(st.sampled_from(messages.strings(document)))
    text = messages.value_at(document, path)
    extra = data.draw(st.sampled_from(["\n", " ", "é", "٣", "\x00", "A", "@", "_", "\ud800", "-", "0", "Z", "\u212a"]))
    at = data.draw(st.integers(0, len(text)))
    agrees(topic, json.dumps(messages.replaced(document, path, text[:at] + extra + text[at:])).encode())
    agrees(topic, json.dumps(messages.replaced(document, path, text * 3)).encode())


@topics
@settings(max_examples=300)
@given(data=st.data())
def test_a_key_twice_and_keys_of_our_own(topic: Topic, data: st.DataObject) -> None:
    document, other = data.draw(messages.DOCUMENTS[topic.name]), data.draw(messages.DOCUMENTS[topic.name])
    name = data.draw(st.sampled_from([*other, *PLACE, "prompt", "feature"]))
    value: Any = data.draw(st.sampled_from([other.get(name), None, 1, "x", [], {}, True, 1.5]))
    pair = f"{json.dumps(name)}:{json.dumps(value)}"
    text = json.dumps(document)
    agrees(topic, f"{{{pair},{text[1:]}".encode())
    agrees(topic, f"{text[:-1]},{pair}}}".encode())


@topics
@given(data=st.data())
def test_one_byte_changed(topic: Topic, data: st.DataObject) -> None:
    value = bytearray(json.dumps(data.draw(messages.DOCUMENTS[topic.name])).encode())
    value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    agrees(topic, bytes(value))


@topics
@pytest.mark.parametrize("name", PLACE)
@pytest.mark.parametrize("value", ["null", "0", "1", '""', '"ai.telemetry"', "[]", "-1", "1e400"])
def test_no_record_sets_its_own_place(topic: Topic, name: str, value: str) -> None:
    good = b'{"kind":"change","what":"model","event_id":"12345678","ts":"2026-11-20T23:00:00Z","emitter":"a"'
    assert not agrees(topic, good + f',"{name}":{value}}}'.encode())


def utc(text: Any) -> int | None:
    beat = {"kind": "heartbeat", "event_id": "beat-0001", "emitter": "e", "feature": "f", "interactions": 1}
    model = decode(TELEMETRY_TOPIC.adapter, json.dumps(beat | {"ts": text, "started_at": text}).encode())
    return None if isinstance(model, Reject) else unix_microseconds(model.ts)


@settings(max_examples=2000)
@given(
    st.one_of(
        messages.times,
        st.from_regex(
            r"\A(19|20|21|22)\d\d-[01]\d-[0-3]\d[Tt ][0-2]\d:[0-6]\d:[0-6]\d([.,]\w{0,11})?([Zz]|[+-]\d\d:?\d\d)?\Z"
        ),
        st.text("0123456789.Z+-:", max_size=14).map("2026-11-20T23:00:00".__add__),
    )
)
@example("2026-11-20T23:00:00.1234567xZ")
@example("2026-11-20T23:00:00.Z")
def test_a_time_is_read_as_pydantic_reads_it(text: str) -> None:
    moments = Moments()
    assert moments.read([text, "2026-11-20T23:00:00Z", text])[::2] == [utc(text)] * 2


@pytest.mark.parametrize("text", [time for time in BAD_TIMES if isinstance(time, str)])
def test_bad_times_are_none(text: str) -> None:
    moments = Moments()
    assert moments.read(["2026-11-20T23:00:00Z", text]) == [1_795_215_600_000_000, None]


def interaction(number: int, **more: Any) -> bytes:
    base = {"kind": "interaction", "event_id": f"event-{number:04d}", "ts": "2026-11-20T12:00:00Z", "emitter": "a"}
    return json.dumps(base | {"feature": "chat"} | more).encode()


BAD_PARTS: list[dict[str, Any]] = [
    {"event_id": "not an id"}, {"feature": "Chat"}, {"model": "a b"}, {"model": "gpt\n"}, {"locale": "e"},
    {"trace_id": "A" * 32}, {"tenant": "é" * 32}, {"ts": "2026-11-20T12:00:00+01:00"},
    {"redaction": {"status": "clean", "version": " "}},
    {"tool_calls": [{"name": name, "permitted": True, "executed": True} for name in ("search", "a b")]},
]  # fmt: skip


@given(st.lists(st.sampled_from([None, *range(len(BAD_PARTS))]), min_size=1, max_size=40))
def test_a_neighbour_changes_no_verdict(places: list[int | None]) -> None:
    values: list[bytes | None] = [
        interaction(number, **({} if place is None else BAD_PARTS[place])) for number, place in enumerate(places)
    ]
    events, moments = FAST["ai.telemetry"].decode([*values, None, b"", b"{"])
    assert [moment is not None for moment in moments] == [*(place is None for place in places), False, False, False]
    assert all(
        event.event_id == f"event-{number:04d}"
        for number, (event, moment) in enumerate(zip(events, moments, strict=True))
        if moment is not None
    )


def test_a_row_says_its_place_and_the_defaults_that_a_column_has_not() -> None:
    [event], _ = FAST["ai.telemetry"].decode([interaction(1)])
    place = {"topic": "ai.telemetry", "partition": 3, "offset": 7, "item": 2, "mask": 1}
    for name in PLACE:
        setattr(event, name, place[name])
    row = json.loads(FAST["ai.telemetry"].rows([event]))
    assert {name: row[name] for name in PLACE} == place
    assert (row["finish_reason"], row["sample_weight"], row["schema_version"]) == ("unknown", 1, 1)
    assert "guardrails" not in row
    assert "model" not in row


def test_known_words_are_bounded_and_stay_right() -> None:
    words = Words("^[a-z][0-9]{0,9}$")
    for first in range(0, 2 * KNOWN_WORDS, 1000):
        assert words.hold([tuple(f"a{number}" for number in range(first, first + 1000)), (None,)])
        assert not words.hold([("a1", "A1")])
    assert len(words._known) <= KNOWN_WORDS


def test_known_combinations_are_bounded_and_stay_right() -> None:
    class Two(Contract):
        one: Name
        other: Name | None = None

    shape = derive(Two)
    proof = Proof(shape, {}, Moments())
    for first in range(0, 2 * KNOWN_COMBINATIONS, 1000):
        assert proof.holds([shape.struct(one="a", other=f"a{number}") for number in range(first, first + 1000)])
        good, bad = shape.struct(one="a", other="a1"), shape.struct(one="a1", other="A")
        assert not proof.holds([good, bad])
        assert proof.faulty([good, bad]) == {id(bad)}
    assert 0 < len(proof._combinations) <= KNOWN_COMBINATIONS


@topics
@given(data=st.data())
def test_a_large_record_is_refused_for_what_it_would_be_refused_for_as_a_whole(
    topic: Topic, data: st.DataObject
) -> None:
    document = data.draw(messages.DOCUMENTS[topic.name])
    place = data.draw(st.sampled_from(messages.objects(document)))
    names = data.draw(st.permutations([f"unknown_{number}" for number in range(30)]))
    extra = dict.fromkeys(names, data.draw(st.sampled_from([1, "x", {}, [[]], {"prompt": "x"}])))
    if data.draw(st.booleans()):
        extra["Prompt"] = "x"
    if data.draw(st.booleans()):
        extra["feature"] = "not a name"
    value = json.dumps(messages.replaced(document, place, extra | messages.value_at(document, place))).encode()
    assert len(value) < _LARGE
    small = decode(topic.adapter, value)
    assert isinstance(small, Reject)
    assert decode(topic.adapter, value + b" " * _LARGE) == small
    good = json.dumps(document).encode() + b" " * _LARGE
    assert decode(topic.adapter, good) == decode(topic.adapter, json.dumps(document).encode())


class Odd(Contract):
    kind: Literal["odd"]
    ts: UtcTime


@pytest.mark.parametrize(
    "hint",
    [str, dict[str, int], list[int], Annotated[str, Field(max_length=3)], Annotated[int, Field(multiple_of=3)],
     Annotated[int, Field(gt=3)], datetime, Any, Annotated[str, Field(pattern="^a|b$")], tuple[Name, ...]],
)  # fmt: skip
def test_what_cannot_be_derived_is_refused(hint: Any) -> None:
    derive(Odd)
    odd = type("Odder", (Odd,), {"__annotations__": {"more": hint}, "__module__": __name__})
    with pytest.raises(TypeError, match="cannot be derived"):
        derive(odd)


def test_rules_in_code_are_refused() -> None:
    class Ruled(Odd):
        count: Count

        @field_validator("count")
        @classmethod
        def _even(cls, value: int) -> int:
            return value

    class Aliased(Odd):
        count: Count = Field(alias="n")

    for model in (Ruled, Aliased):
        with pytest.raises(TypeError, match="cannot be derived"):
            derive(model)
