"""The scanner takes only what pydantic takes, with equal values; and it takes what is ordinary."""

import json
from operator import attrgetter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.scan import walk
from monitor.scan.scanner import Scanned, Scanner
from monitor.windows import DIMENSIONS
from schemas.codec import MAX_RECORD_BYTES, Reject, decode
from schemas.moments import unix_microseconds
from schemas.outcomes import interaction_mask
from schemas.telemetry import Interaction
from schemas.topics import TELEMETRY_TOPIC
from tests.scan.event_ids import event_ids
from tests.scan.native import rows_of, told
from tests.schemas import strategies as messages
from tests.schemas.test_codec_properties import BAD_TIMES, RAW, SHARP, text_of

cut = attrgetter(*DIMENSIONS)
SCANNER = Scanner()
SCANNER.warm_up()  # to compile takes longer than a property has
AT = {"topic": "ai.telemetry", "partition": 3, "offset": 7}


def taken(value: bytes, before: bytes = b"", after: bytes = b"") -> Scanned | None:
    """What the scanner makes of a record among others whose slice it knows; None if it leaves it. Held to pydantic."""
    model = decode(TELEMETRY_TOPIC.adapter, value)
    if isinstance(model, Interaction):
        SCANNER.learn([cut(model)] * 2)
    scanned = SCANNER.scan([before, value, after])
    if 1 not in scanned.position:
        return None
    scanned = scanned.only(scanned.position == 1)
    assert isinstance(model, Interaction), (model, value)
    [row] = rows_of(SCANNER.block(scanned, "ai.telemetry", 3, np.array([0, 7, 0])))
    assert {name: row.pop(name) for name in AT} == AT
    assert row.pop("mask") == int(scanned.mask[0]) == interaction_mask(model)
    assert told(row) == told(model)
    assert int(scanned.ts[0]) == unix_microseconds(model.ts)
    assert event_ids(scanned) == [model.event_id]
    assert scanned.found[0, walk.WEIGHT] == model.sample_weight
    assert scanned.slices.said[scanned.found[0, walk.CUT]] == cut(model)
    return scanned


def is_ordinary(document: Any) -> bool:
    """Whether its numbers are as producers write most of them: without exponents."""
    text = json.dumps(document)
    numbers = [part for part in text.replace("]", ",").replace("}", ",").split(",") if part.strip()[-1:].isdigit()]
    return not any("e-" in part or "e+" in part for part in numbers)


@settings(max_examples=1000)
@given(messages.interactions)
def test_every_ordinary_interaction_is_taken(document: dict[str, Any]) -> None:
    for text in (json.dumps(document), json.dumps(document, indent=1, sort_keys=True)):
        assert taken(text.encode()) is not None or not is_ordinary(document)


@settings(max_examples=1000)
@given(messages.interactions, st.data())
def test_one_value_replaced_by_a_sharp_one(document: dict[str, Any], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(list(messages.paths(document))))
    value = text_of(messages.replaced(document, path, RAW), data.draw(st.sampled_from(SHARP)))
    taken(value, value, value)


@settings(max_examples=1000)
@given(messages.interactions, st.data())
def test_one_string_with_a_character_too_many(document: dict[str, Any], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(messages.strings(document)))
    text = messages.value_at(document, path)
    extra = data.draw(st.sampled_from(["\n", " ", "é", "٣", "\x00", "A", "@", "_", "\ud800", "-", "0", "Z", "\\", '"']))
    at = data.draw(st.integers(0, len(text)))
    ascii_only = data.draw(st.booleans())
    for changed in (text[:at] + extra + text[at:], text[:at], text[at:], text * 3):
        raw = json.dumps(messages.replaced(document, path, changed), ensure_ascii=ascii_only)
        taken(raw.encode(errors="surrogatepass"))


@settings(max_examples=1000)
@given(messages.interactions, messages.interactions, st.data())
def test_a_key_twice_and_keys_of_our_own(document: dict[str, Any], other: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*other, *AT, "mask", "item", "prompt", "feature", ""]))
    value: Any = data.draw(st.sampled_from([other.get(name), None, 1, "x", [], {}, True, 1.5]))
    pair, text = f"{json.dumps(name)}:{json.dumps(value)}", json.dumps(document)
    taken(f"{{{pair},{text[1:]}".encode())
    taken(f"{text[:-1]},{pair}}}".encode())


@settings(max_examples=2000)
@given(messages.interactions, st.data())
def test_one_byte_changed_and_the_end_cut_off(document: dict[str, Any], data: st.DataObject) -> None:
    whole = json.dumps(document, separators=(",", ":")).encode()
    value = bytearray(whole)
    value[data.draw(st.integers(0, len(value) - 1))] = data.draw(
        st.integers(0, 255) | st.sampled_from(list(b'{}[]:,"\\ \n0.e-'))
    )
    taken(bytes(value))
    at = data.draw(st.integers(0, len(whole) - 1))
    assert taken(whole[:at], whole, whole[at:]) is None


@given(st.binary(max_size=300), messages.interactions)
def test_any_bytes_between_records_change_nothing(value: bytes, document: dict[str, Any]) -> None:
    good = json.dumps(document).encode()
    assert (taken(good) is None) == (taken(good, value, value) is None)


@settings(max_examples=1000)
@given(messages.times | st.sampled_from([time for time in BAD_TIMES if isinstance(time, str)]))
def test_a_time_is_read_as_pydantic_reads_it(text: str) -> None:
    said = {"kind": "interaction", "event_id": "event-01", "ts": text, "emitter": "a", "feature": "chat"}
    good = not isinstance(decode(TELEMETRY_TOPIC.adapter, json.dumps(said).encode()), Reject)
    assert (taken(json.dumps(said).encode()) is not None) == good


@pytest.mark.parametrize("day", ["2000-02-29", "2100-02-28", "2024-12-31", "2025-01-01", "2199-12-31", "2023-03-01"])
def test_days_are_counted_over_leap_years(day: str) -> None:
    said = {"kind": "interaction", "event_id": "event-01", "ts": f"{day}T23:59:59.999999Z", "emitter": "a"}
    assert taken(json.dumps(said | {"feature": "chat"}).encode()) is not None


@pytest.mark.parametrize("day", ["2100-02-29", "2023-02-29", "2024-04-31", "2024-00-10", "2024-10-00", "2024-13-01"])
def test_a_day_that_there_is_not_is_left(day: str) -> None:
    said = {"kind": "interaction", "event_id": "event-01", "ts": f"{day}T00:00:00Z", "emitter": "a"}
    assert taken(json.dumps(said | {"feature": "chat"}).encode()) is None


def test_what_is_too_large_or_empty_is_left() -> None:
    good = b'{"kind":"interaction","event_id":"event-01","ts":"2026-11-20T00:00:00Z","emitter":"a","feature":"chat"}'
    assert taken(good) is not None
    assert taken(good + b" " * (MAX_RECORD_BYTES - len(good))) is not None
    assert taken(good + b" " * (MAX_RECORD_BYTES - len(good) + 1)) is None
    assert len(SCANNER.scan([None, b"", b"null"])) == 0
    assert len(SCANNER.scan([])) == 0


def test_other_kinds_are_left() -> None:
    kinds = {"kind": "evaluation", "signal": "refusal", "outcome": "evaluated", "evaluator": "judge"}
    said = {"event_id": "event-01", "ts": "2026-11-20T00:00:00Z", "emitter": "a", "feature": "chat"}
    assert not isinstance(decode(TELEMETRY_TOPIC.adapter, json.dumps(kinds | said).encode()), Reject)
    assert len(SCANNER.scan([json.dumps(kinds | said).encode()])) == 0


def test_a_record_of_an_unknown_slice_is_left_until_the_slice_was_met_twice() -> None:
    scanner = Scanner()
    said = {"kind": "interaction", "event_id": "event-01", "ts": "2026-11-20T00:00:00Z", "emitter": "a"}
    value = json.dumps(said | {"feature": "new-one", "locale": "de"}).encode()
    model = decode(TELEMETRY_TOPIC.adapter, value)
    for ids in ([], [], ["event-01"], ["event-01"]):
        assert event_ids(scanner.scan([value])) == ids
        scanner.learn([cut(model)])
