"""Pairs known by their bytes are read as if they were parsed anew, and nothing is remembered that is not kept."""

import json
from collections import Counter
from typing import Any

import pytest
from google.protobuf import json_format  # type: ignore[import-untyped]  # it ships no types
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from schemas import otlp_attributes, otlp_json, otlp_proto
from schemas.aliases import CONTENT, FLAG, NUMBER, PRIVATE, TEXT, load
from schemas.otlp_attributes import Pairs
from schemas.otlp_item import CONTENT_SEEN, MAX_TEXT, Attributes

ALIASES = load()
KEPT = [name for name, kind in ALIASES.kinds.items() if kind < CONTENT]
OTHERS = ["", "gen_ai.prompt.3.content", "gen_ai.request.top_p", "my.own", "x" * 200, "ключ", "my",
          'my"', 'my","value":{"stringValue":"x', "my\\"]  # fmt: skip
texts = st.sampled_from(["chat", "gpt-4o", "", "x" * (MAX_TEXT + 1), "one and two", "é"]) | st.text(max_size=20)
values = st.one_of(
    st.builds(AnyValue, string_value=texts),
    st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
    st.builds(AnyValue, double_value=st.floats(allow_nan=False, allow_infinity=False)),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, bytes_value=st.binary(max_size=5)),
    st.builds(
        AnyValue,
        array_value=st.builds(ArrayValue, values=st.lists(st.builds(AnyValue, string_value=texts), max_size=3)),
    ),
    st.just(AnyValue()),
)
pairs = st.lists(st.builds(KeyValue, key=st.sampled_from([*ALIASES.kinds, *OTHERS]), value=values), max_size=8)


def parsed(given_pairs: list[KeyValue]) -> tuple[Attributes, Counter[str]]:
    """What is to come out, by the plainest way there is."""
    found: Attributes = {}
    dropped: Counter[str] = Counter()
    for pair in given_pairs:
        kind = ALIASES.kinds.get(pair.key)
        if kind is None and not pair.key.startswith(ALIASES.families):
            continue
        if kind is None or kind >= CONTENT:
            dropped[ALIASES.family(pair.key) if kind is None else pair.key] += 1
            if kind != PRIVATE:
                found[CONTENT_SEEN] = True
        else:
            value = plain(pair.value, kind)
            if value is not None:
                found[pair.key] = value
    return found, dropped


def plain(value: AnyValue, kind: int) -> Any:
    which = value.WhichOneof("value")
    if kind == TEXT:
        return value.string_value if 0 < len(value.string_value) <= MAX_TEXT else None
    if kind == NUMBER:
        return {"int_value": value.int_value, "double_value": value.double_value}.get(which or "")
    if kind == FLAG:
        return value.bool_value if which == "bool_value" else None
    if which == "array_value":
        return tuple(word.string_value for word in value.array_value.values)
    return (value.string_value,) if which == "string_value" else None


def fresh(encoding: str) -> Pairs:
    module = otlp_proto if encoding == "proto" else otlp_json
    return Pairs(ALIASES, module._head, module._is_plain, module._name, module._value)


def encoded(pair: KeyValue, encoding: str) -> bytes:
    if encoding == "proto":
        return pair.SerializeToString()  # type: ignore[no-any-return]  # it ships no types
    blanks = None if encoding == "json with blanks" else (",", ":")
    return json.dumps(json_format.MessageToDict(pair), separators=blanks).encode()


encodings = pytest.mark.parametrize("encoding", ["proto", "json", "json with blanks"])


@encodings
@given(st.lists(pairs, min_size=1, max_size=4))
def test_known_pairs_are_read_as_new_ones_are(encoding: str, items: list[list[KeyValue]]) -> None:
    reader = fresh(encoding)
    for item in [*items, *items]:
        dropped: Counter[str] = Counter()
        assert (reader.read([encoded(pair, encoding) for pair in item], dropped), dropped) == parsed(item)


@given(pairs, st.data())
def test_pairs_that_no_encoder_writes_so_are_read_or_absent(item: list[KeyValue], data: st.DataObject) -> None:
    reader = fresh("proto")
    turned = [
        KeyValue(value=pair.value).SerializeToString() + KeyValue(key=pair.key).SerializeToString() for pair in item
    ]
    dropped: Counter[str] = Counter()
    assert (reader.read(turned, dropped), dropped) == parsed(item)
    for pair in item:
        raw = pair.SerializeToString()
        cut = data.draw(st.integers(0, len(raw)))
        noise = data.draw(st.binary(max_size=4))
        found = reader.read([raw[:cut] + noise + raw[cut + len(noise) :]], dropped)
        assert set(found) <= {*KEPT, CONTENT_SEEN}


@given(st.binary(max_size=60))
def test_any_bytes_are_a_pair_or_absent(raw: bytes) -> None:
    for encoding in ("proto", "json"):
        assert set(fresh(encoding).read([raw, raw], Counter())) <= {*KEPT, CONTENT_SEEN}


def test_text_that_is_no_utf_8_is_absent_and_its_neighbours_are_not() -> None:
    bad = b"\n\x14gen_ai.request.model\x12\x04\n\x02\xff\xfe"
    good = KeyValue(key="gen_ai.operation.name", value=AnyValue(string_value="chat")).SerializeToString()
    assert fresh("proto").read([bad, good], Counter()) == {"gen_ai.operation.name": "chat"}


@encodings
def test_only_what_is_kept_is_remembered(encoding: str) -> None:
    reader = fresh(encoding)
    canary = AnyValue(string_value="the canary sings")
    names = [name for name, kind in ALIASES.kinds.items() if kind >= CONTENT] + OTHERS
    reader.read([encoded(KeyValue(key=name, value=canary), encoding) for name in names], Counter())
    assert not reader._known
    reader.read([encoded(KeyValue(key="gen_ai.request.model", value=canary), encoding)], Counter())
    assert [name for name, _ in reader._known.values()] == ["gen_ai.request.model"]
    assert not any(b"canary" in head for head in [*reader._ignored, *reader._heads])


def test_of_a_pair_that_no_encoder_writes_so_nothing_is_remembered_either() -> None:
    reader = fresh("json")
    for name in (b"my.own", b"gen_ai.request.model", b"gen_ai.input.messages"):
        for blank in (b"", b" "):
            raw = b'{"key":"' + name + b'"' + blank + b',"value" :{"stringValue":"the canary sings"}}'
            reader.read([raw, raw], Counter())
    assert not any(b"canary" in head for head in [*reader._ignored, *reader._heads])


@pytest.mark.parametrize("met", [False, True])
def test_a_pair_with_two_keys_is_never_read_under_the_first(met: bool) -> None:
    model, content = "gen_ai.request.model", "gen_ai.input.messages"
    good = KeyValue(key=model, value=AnyValue(string_value="m1"))
    secret = KeyValue(key=model, value=AnyValue(string_value="XYZZY"))
    twice = {
        "proto": secret.SerializeToString() + KeyValue(key=content).SerializeToString(),
        "json": encoded(secret, "json")[:-1] + b',"key":"' + content.encode() + b'"}',
    }
    for encoding, raw in twice.items():
        reader = fresh(encoding)
        if met:
            reader.read([encoded(good, encoding)], Counter())
        assert model not in reader.read([raw, raw], Counter())
        assert not any(value == "XYZZY" for _, value in reader._known.values())


@encodings
def test_the_memory_is_bounded(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_attributes, "_MAX_PAIRS", 10)
    monkeypatch.setattr(otlp_attributes, "_MAX_NAMES", 10)
    reader = fresh(encoding)
    for number in range(100):
        model = KeyValue(key="gen_ai.request.model", value=AnyValue(string_value=f"m{number}"))
        other = KeyValue(key=f"my.{number}", value=AnyValue(int_value=1))
        raw = [encoded(model, encoding), encoded(other, encoding)]
        assert reader.read(raw, Counter()) == {"gen_ai.request.model": f"m{number}"}
        assert len(reader._known) <= 10
        assert len(reader._ignored) <= 10
