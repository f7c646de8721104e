import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import UserError
from monitor.replay.mapping import Mapping as EventMapping
from monitor.replay.mapping import load, parse
from monitor.replay.values import BadCellError

KEY = b"0123456789abcdef"
TS = {"column": "at"}


def mapping(kind: str = "interaction", nulls: tuple[str, ...] = (), **event: Any) -> EventMapping:
    fields = {"feature": "chat", "ts": TS} | event
    return parse({"kind": kind, "file": {"nulls": list(nulls)}, "event": fields}, "m.toml", KEY)


def mapped(row: Mapping[str, object], **event: Any) -> dict[str, Any]:
    return mapping(**event).event(dict(row), "0123456789abcdef")


def complaint(document: dict[str, Any]) -> str:
    with pytest.raises(UserError) as error:
        parse(document, "m.toml")
    return str(error.value)


@pytest.mark.parametrize(
    ("raw", "fitted"),
    [
        ("meta-llama/llama-4", "meta-llama/llama-4"),
        ('GPT "4" turbo', "GPT__4__turbo"),
        ("modèle", "mod_le"),
        ("_x", "x_x"),
        ("语言", "x__"),
        ("a" * 99, "a" * 64),
        (4.0, "4"),
        (True, "true"),
    ],
)
def test_an_identifier_fits_the_alphabet(raw: object, fitted: str) -> None:
    assert mapped({"m": raw}, model={"column": "m"})["model"] == fitted


def test_two_names_that_become_one_are_an_error() -> None:
    event = mapping(model={"column": "m"})
    event.event({"m": "gpt 4"}, "id")
    event.event({"m": "gpt 4"}, "id")
    with pytest.raises(UserError, match=r"m\.toml, \[event\] model: 'gpt 4' and 'gpt@4' would both become 'gpt_4'"):
        event.event({"m": "gpt@4"}, "id")


def test_values_with_keep_tell_names_apart() -> None:
    event = mapping(model={"column": "m", "values": {"gpt@4": "gpt-4-at"}, "otherwise": "keep"})
    assert [event.event({"m": m}, "id")["model"] for m in ("gpt 4", "gpt@4")] == ["gpt_4", "gpt-4-at"]


@pytest.mark.parametrize("nothing", [None, math.nan, "", "N/A"])
def test_what_says_nothing_is_absent(nothing: object) -> None:
    event = mapping(
        nulls=("N/A",),
        model={"column": "c"},
        tokens_output={"column": "c"},
        refusal={"refused": {"column": "c", "values": {"yes": True}}, "by": "model"},
        tenant={"column": "c"},
    ).event({"c": nothing}, "id")
    assert event == {"kind": "interaction", "event_id": "id", "emitter": "replay", "feature": "chat"}


def test_values_otherwise() -> None:
    values = {"COMPLETE": False, "DENIAL": True}
    absent = mapping(refusal={"refused": {"column": "c", "values": values, "otherwise": "absent"}})
    assert absent.event({"c": "DENIAL"}, "id")["refusal"] == {"refused": True}
    assert "refusal" not in absent.event({"c": "ERROR"}, "id")
    assert absent.unlisted == {"refusal.refused": {"ERROR": 1}}
    said = mapping(refusal={"refused": {"column": "c", "values": values, "absent": ["ERROR"]}})
    assert "refusal" not in said.event({"c": "ERROR"}, "id")
    assert said.unlisted == {}
    with pytest.raises(BadCellError) as error:
        said.event({"c": "denial"}, "id")
    assert (error.value.reason, error.value.field) == ("unlisted_value", "refusal.refused")


def test_a_limit_makes_a_boolean_and_values_make_it_a_word() -> None:
    guardrail = {
        "name": "toxicity", "stage": "output", "category": "toxicity", "action": "allow", "outcome": "evaluated",
        "verdict": {"column": "score", "at_least": 0.5, "values": {"true": "deny", "false": "allow"}},
        "score": {"column": "score"},
    }  # fmt: skip
    event = mapping(guardrails=[guardrail], injection={"detected": {"column": "score", "below": 0.1}})
    assert event.event({"score": 0.5}, "id")["guardrails"][0]["verdict"] == "deny"
    low = event.event({"score": "0.05"}, "id")
    assert (low["guardrails"][0]["verdict"], low["guardrails"][0]["score"]) == ("allow", 0.05)
    assert low["injection"] == {"detected": True}
    nothing = event.event({"score": None}, "id")
    assert "guardrails" not in nothing
    assert "injection" not in nothing


def test_numbers_scale_and_refuse() -> None:
    assert mapped({"s": "1.5"}, latency_ms={"column": "s", "scale": 1000})["latency_ms"] == 1500.0
    assert mapped({"n": 624.0}, tokens_output={"column": "n"})["tokens_output"] == 624
    for bad, reason in (
        (624.5, "wrong_type"),
        ("many", "wrong_type"),
        (math.inf, "out_of_range"),
        (True, "wrong_type"),
    ):
        with pytest.raises(BadCellError) as error:
            mapped({"n": bad}, tokens_output={"column": "n"})
        assert (error.value.reason, error.value.field) == (reason, "tokens_output")


def test_hashes_and_pseudonyms() -> None:
    spec = {"columns": ["a", "b"], "as": "hash"}
    ids = [
        mapped(row, event_id=spec)["event_id"] for row in ({"a": "x", "b": "yz"}, {"a": "xy", "b": "z"}, {"b": "yz"})
    ]
    assert len(set(ids)) == 3
    assert all(len(one) == 32 for one in ids)
    assert mapped({"a": 1.0, "b": ""}, event_id=spec) == mapped({"a": 1, "b": None}, event_id=spec)
    assert (
        mapped({"u": "ann@example.org"}, tenant={"column": "u"})["tenant"]
        != mapped({"u": "ann@example.org"}, tenant={"column": "u", "as": "text"})["tenant"]
    )
    assert "--key-file" in complaint({"event": {"feature": "f", "tenant": {"column": "u"}}})
    assert "pseudonym" in complaint({"event": {"feature": "f", "tenant": {"column": "u", "as": "hash"}}})


def test_nested_columns_lists_and_evaluations() -> None:
    assert mapped({"usage": {"out": 7}}, tokens_output={"column": "usage.out"})["tokens_output"] == 7
    assert mapped({"usage.out": 7}, tokens_output={"column": "usage.out"})["tokens_output"] == 7
    pii = {"output": {"column": "leak", "values": {"yes": ["email"], "no": []}}}
    assert mapped({"leak": "yes"}, pii=pii)["pii"] == {"output": ["email"]}
    event = mapping("evaluation", signal="refusal", outcome="evaluated", evaluator="judge", bad={"column": "b"})
    assert event.event({"b": "Yes"}, "id")["bad"] is True


@pytest.mark.parametrize(
    ("spec", "cell", "micros"),
    [
        ({}, "2026-01-02T03:04:05Z", 1_767_323_045_000_000),
        ({}, "2026-01-02 03:04:05", 1_767_323_045_000_000),
        ({}, "2026-01-02 03:04:05.25 UTC", 1_767_323_045_250_000),
        ({}, "2026-01-02T04:04:05+01:00", 1_767_323_045_000_000),
        ({}, "1767323045", 1_767_323_045_000_000),
        ({}, 1767323045.5, 1_767_323_045_500_000),
        ({"unit": "ms"}, "1767323045123", 1_767_323_045_123_000),
        ({"unit": "ns"}, 1_767_323_045_123_456_789, 1_767_323_045_123_457),
        ({"format": "%d/%m/%Y %H:%M"}, "02/01/2026 03:04", 1_767_323_040_000_000),
    ],
)
def test_times(spec: dict[str, Any], cell: object, micros: int) -> None:
    assert abs(mapping(ts=TS | spec).time({"at": cell}) - micros) <= 1000  # 53 bits hold no nanoseconds


@pytest.mark.parametrize("cell", ["yesterday", 1_767_323_045_123.0, True, "-5", [1]])
def test_what_is_no_time_is_refused(cell: object) -> None:
    with pytest.raises(BadCellError) as error:
        mapping().time({"at": cell})
    assert (error.value.reason, error.value.field) == ("bad_time", "ts")


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"featur": "x"}, ["'featur'", "did you mean 'feature'"]),
        ({}, ["feature is missing"]),
        ({"feature": "No Name"}, ["feature", "'No Name'"]),
        ({"feature": "f", "arm": "left"}, ["arm", "'left'", "'canary'"]),
        ({"feature": "f", "kind": "x"}, ["'kind'"]),
        ({"feature": "f", "model": {"colum": "x"}}, ["model", "did you mean 'column'"]),
        ({"feature": "f", "model": {"as": "name"}}, ["column"]),
        ({"feature": "f", "model": {"column": "x", "as": "word"}}, ["'word'", "identifier"]),
        ({"feature": "f", "model": {"columns": ["x", "y"]}}, ["hash"]),
        ({"feature": "f", "model": {"column": "x", "otherwise": "keep"}}, ["values"]),
        ({"feature": "f", "model": {"column": "x", "unit": "ms"}}, ["for ts"]),
        ({"feature": "f", "model": {"column": "x", "scale": 2}}, ["scale"]),
        ({"feature": "f", "arm": {"column": "x", "values": {"a": "left"}}}, ["values.a", "'left'"]),
        ({"feature": "f", "arm": {"column": "x", "at_least": 1}}, ["true = ..."]),
        ({"feature": "f", "refusal": {"by": "model"}}, ["refusal.refused is missing"]),
        ({"feature": "f", "refusal": True}, ["refusal.refused = ..."]),
        ({"feature": "f", "guardrails": {"name": "x"}}, ["[[event.guardrails]]"]),
        ({"feature": "f", "ts": "2026-01-01"}, ["column"]),
        ({"feature": "f", "ts": {"column": "x", "unit": "h"}}, ["'h'", "ms"]),
        ({"feature": "f", "event_id": {"columns": ["x"], "values": {"a": "b"}}}, ["values has no meaning"]),
    ],
)
def test_a_mistake_in_the_mapping_is_named(event: dict[str, Any], words: list[str]) -> None:
    said = complaint({"event": event})
    assert said.startswith("m.toml, [event]")
    assert [word for word in words if word not in said] == []


def test_a_mistake_beside_the_event_is_named(tmp_path: Path) -> None:
    assert "'evnt'; did you mean 'event'?" in complaint({"evnt": {}})
    assert "[event] section" in complaint({})
    assert "'review'" in complaint({"kind": "review", "event": {}})
    assert "nulls" in complaint({"event": {}, "file": {"nulls": "x"}})
    assert "delimiter" in complaint({"event": {}, "file": {"delimiter": ";;"}})
    broken = tmp_path / "m.toml"
    broken.write_text("[event]\nfeature = chat\n")
    with pytest.raises(UserError, match=r"m\.toml is not TOML: .*line 2"):
        load(broken)
    with pytest.raises(UserError, match="cannot read the mapping"):
        load(tmp_path / "none.toml")


def test_a_column_that_does_not_exist_is_an_error_that_lists_the_others() -> None:
    event = mapping(model={"column": "Model"}, tokens_output={"column": "usage.out"})
    assert event.bind(["at", "Model", "usage", "more"], retimed=False) == ["at", "Model", "usage"]
    assert event.bind(["Model", "usage"], retimed=True) == ["Model", "usage"]
    with pytest.raises(UserError, match="no column 'Model'; did you mean 'model'\\? it has at, model, usage"):
        event.bind(["at", "model", "usage"], retimed=False)
