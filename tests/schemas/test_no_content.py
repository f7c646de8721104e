"""Content is refused wherever it stands, and leaves no trace in the answer."""

import json
from dataclasses import asdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import CONTENT_FIELDS, Reject, decode
from schemas.topics import Topic
from tests.schemas import strategies as messages
from tests.schemas.promises import check, dead_letter, topics


@topics
@given(data=st.data(), name=st.text() | st.sampled_from(["Kind", "TS", "feature ", "kind\x00", "__proto__"]))
def test_unknown_field_in_every_object(topic: Topic, data: st.DataObject, name: str) -> None:
    document = data.draw(messages.DOCUMENTS[topic.name])
    for path in messages.objects(document):
        if name not in messages.value_at(document, path):
            answer = check(topic, json.dumps(messages.replaced(document, (*path, "_" + name), 1)).encode())
            assert isinstance(answer, Reject)
            assert answer.reason in ("unknown_field", "not_json")  # not_json: a lone surrogate in the name


@topics
@given(data=st.data(), case=st.sampled_from([str.lower, str.upper, str.title]))
def test_content_field_in_every_object(topic: Topic, data: st.DataObject, case: Any) -> None:
    document = data.draw(messages.DOCUMENTS[topic.name])
    names = [*sorted(CONTENT_FIELDS), "gen_ai.input.messages", "llm.prompts", "input.value", "output.value"]
    name = case(data.draw(st.sampled_from(names)))
    for path in messages.objects(document):
        if name not in ("name", "input", "output"):  # some contract's own
            answer = check(topic, json.dumps(messages.replaced(document, (*path, name), "x")).encode())
            assert isinstance(answer, Reject)
            assert answer.reason == "content_field"


@topics
@given(data=st.data(), character=st.characters(exclude_characters=messages.IDENTIFIER_CHARACTERS))
def test_character_outside_the_alphabets(topic: Topic, data: st.DataObject, character: str) -> None:
    document = data.draw(messages.DOCUMENTS[topic.name])
    path = data.draw(st.sampled_from(messages.strings(document)))
    value = messages.value_at(document, path)
    position = data.draw(st.integers(0, len(value)))
    broken = messages.replaced(document, path, value[:position] + character + value[position:])
    assert isinstance(check(topic, json.dumps(broken).encode()), Reject)


ipv6_like = st.ip_addresses(v=6).map(lambda address: f"[{address}]")
sentences = st.lists(st.text(min_size=1), min_size=2).map(" ".join)


@topics
@given(
    data=st.data(), value=st.emails() | sentences | ipv6_like | st.just("+49 151 2345678") | st.just("+491512345678")
)
def test_email_or_sentence_or_phone_number_in_place_of_any_string(
    topic: Topic, data: st.DataObject, value: str
) -> None:
    document = data.draw(messages.DOCUMENTS[topic.name])
    path = data.draw(st.sampled_from(messages.strings(document)))
    assert isinstance(check(topic, json.dumps(messages.replaced(document, path, value)).encode()), Reject)


CANARY = "canary-XYZZY secret@example.com"
SEEN = ("XYZZY", "xyzzy", "secret", "example")
canary_values = st.recursive(
    st.just(CANARY),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, min_size=1),
    max_leaves=5,
)


def check_no_trace(topic: Topic, document: Any) -> None:
    answer = check(topic, json.dumps(document).encode())
    assert isinstance(answer, Reject)
    everywhere = repr(answer) + repr(asdict(answer)) + dead_letter(answer).model_dump_json()
    assert not any(piece in everywhere for piece in SEEN)


@topics
@given(data=st.data(), value=canary_values)
def test_content_as_a_value_anywhere(topic: Topic, data: st.DataObject, value: Any) -> None:
    document = data.draw(messages.DOCUMENTS[topic.name])
    check_no_trace(
        topic, messages.replaced(document, data.draw(st.sampled_from(list(messages.paths(document)))), value)
    )
    check_no_trace(topic, value)


@topics
@given(data=st.data(), key=st.sampled_from([CANARY, "xyzzy_secret", "gen_ai.xyzzy", "xyzzy.secret", "XYZZY", "secret"]))
def test_content_as_a_key_anywhere(topic: Topic, data: st.DataObject, key: str) -> None:
    document = data.draw(messages.DOCUMENTS[topic.name])
    for path in messages.objects(document):
        check_no_trace(
            topic, messages.replaced(document, (*path, key), data.draw(st.sampled_from([1, None, CANARY, {}])))
        )


@topics
@given(data=st.data())
def test_content_in_a_key_that_comes_twice(topic: Topic, data: st.DataObject) -> None:
    # The last one wins, as in every JSON parser of Python; the first never gets out.
    document = data.draw(messages.DOCUMENTS[topic.name])
    key = data.draw(st.sampled_from(sorted(document)))
    shadowed = f'{{"{key}": "{CANARY}", {json.dumps(document)[1:]}'.encode()
    answer = check(topic, shadowed)
    assert answer == decode(topic.adapter, json.dumps(document).encode())
    assert not any(piece in repr(answer) for piece in ("XYZZY", "secret@"))
    shadowing = f'{json.dumps(document)[:-1]}, "{key}": "{CANARY}"}}'.encode()
    assert isinstance(check(topic, shadowing), Reject)
