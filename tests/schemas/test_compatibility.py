import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.compatibility import breaking_changes, broken_contracts
from schemas.publish import json_schemas

ROOT = Path(__file__).parents[2]
FOLDER = "schemas/json"
Schema = dict[str, Any]

CURRENT: dict[str, Schema] = {name: json.loads(text) for name, text in json_schemas().items()}
TELEMETRY = "ai.telemetry.v1.schema.json"


def git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def committed(revision: str) -> dict[str, Schema]:
    names = (git("ls-tree", "--name-only", revision, f"{FOLDER}/") or "").splitlines()
    return {Path(name).name: json.loads(git("show", f"{revision}:{name}") or "{}") for name in names}


@pytest.mark.parametrize("baseline", ["HEAD", "newest tag"])
def test_no_contract_broke_without_a_new_version(baseline: str) -> None:
    revision = git("rev-parse", "HEAD") if baseline == "HEAD" else git("describe", "--tags", "--abbrev=0")
    if revision is None:
        pytest.skip(f"NOT CHECKED: no git history with {baseline} here, so breaking changes go unseen")
    problems = broken_contracts(committed(revision), CURRENT)
    assert problems == [], "raise Topic.version in schemas/topics.py, or take it back"


def doctored(change: Callable[[Schema], object]) -> Schema:
    schema: Schema = json.loads(json.dumps(CURRENT[TELEMETRY]))
    change(schema["$defs"])
    return schema


def interaction(defs: Schema) -> Schema:
    properties: Schema = defs["Interaction"]["properties"]
    return properties


BREAKING: list[tuple[str, Callable[[Schema], object], str]] = [
    ("field removed", lambda d: interaction(d).pop("surface"), "interaction.surface: the field was removed"),
    (
        "nested field removed",
        lambda d: d["Pii"]["properties"].pop("input"),
        "interaction.pii.input: the field was removed",
    ),
    (
        "optional field required",
        lambda d: d["Interaction"]["required"].append("model"),
        "interaction.model: the field is required from now on",
    ),
    (
        "new required field",
        lambda d: (
            d["ToolCall"]["properties"].update(cost={"type": "integer"}),
            d["ToolCall"]["required"].append("cost"),
        ),
        "interaction.tool_calls[].cost: the field is required from now on",
    ),
    (
        "word removed",
        lambda d: interaction(d)["finish_reason"]["enum"].remove("length"),
        "interaction.finish_reason: no longer takes 'length'",
    ),
    (
        "nullable word removed",
        lambda d: interaction(d)["arm"]["anyOf"][0]["enum"].remove("canary"),
        "interaction.arm: no longer takes 'canary'",
    ),
    (
        "words where any text was",
        lambda d: interaction(d)["emitter"].update(enum=["gateway"]),
        "interaction.emitter: takes only ['gateway'] from now on",
    ),
    (
        "null no longer taken",
        lambda d: interaction(d)["model"]["anyOf"].pop(),
        "interaction.model: no longer takes null",
    ),
    (
        "other type",
        lambda d: interaction(d)["event_id"].update(type="integer"),
        "interaction.event_id: no longer takes string",
    ),
    (
        "other pattern",
        lambda d: interaction(d)["feature"].update(pattern="^[a-z]+$"),
        "interaction.feature: its pattern is new or another",
    ),
    (
        "lower maximum",
        lambda d: interaction(d)["sample_weight"].update(maximum=10),
        "interaction.sample_weight: maximum was lowered to 10",
    ),
    (
        "higher minimum",
        lambda d: interaction(d)["sample_weight"].update(minimum=2),
        "interaction.sample_weight: minimum was raised to 2",
    ),
    (
        "shorter list",
        lambda d: interaction(d)["guardrails"].update(maxItems=3),
        "interaction.guardrails: maxItems was lowered to 3",
    ),
    (
        "new minimum of a list",
        lambda d: interaction(d)["guardrails"].update(minItems=1),
        "interaction.guardrails: minItems was raised to 1",
    ),
    (
        "other default",
        lambda d: interaction(d)["finish_reason"].update(default="stop"),
        "interaction.finish_reason: the default changed, and with it what an absent field means",
    ),
]


@pytest.mark.parametrize(("change", "problem"), [case[1:] for case in BREAKING], ids=[case[0] for case in BREAKING])
def test_breaking_change_is_found(change: Callable[[Schema], object], problem: str) -> None:
    assert breaking_changes(CURRENT[TELEMETRY], doctored(change)) == [problem]


def test_kind_removed() -> None:
    new = CURRENT[TELEMETRY] | {"oneOf": CURRENT[TELEMETRY]["oneOf"][:2]}
    assert breaking_changes(CURRENT[TELEMETRY], new) == ["the message: no longer takes heartbeat"]


def test_message_closed() -> None:
    assert breaking_changes({"type": "object"}, {"type": "object", "additionalProperties": False}) == [
        "the message: closed to other fields from now on"
    ]


HARMLESS: list[tuple[str, Callable[[Schema], object]]] = [
    ("nothing", lambda d: None),
    ("new optional field", lambda d: interaction(d).update(cost={"type": "integer", "default": 0})),
    ("new word", lambda d: interaction(d)["finish_reason"]["enum"].append("compaction")),
    ("no longer required", lambda d: d["Interaction"]["required"].remove("emitter")),
    ("now nullable", lambda d: interaction(d).update(emitter={"anyOf": [interaction(d)["emitter"], {"type": "null"}]})),
    ("wider maximum", lambda d: interaction(d)["sample_weight"].update(maximum=10**9)),
    ("no pattern", lambda d: interaction(d)["emitter"].pop("pattern")),
    ("integer to number", lambda d: interaction(d)["sample_weight"].update(type="number")),
    ("any words", lambda d: interaction(d)["finish_reason"].pop("enum")),
    ("description", lambda d: d["Interaction"].update(description="in other words")),
]


@pytest.mark.parametrize("change", [case[1] for case in HARMLESS], ids=[case[0] for case in HARMLESS])
def test_harmless_change_passes(change: Callable[[Schema], object]) -> None:
    assert breaking_changes(CURRENT[TELEMETRY], doctored(change)) == []


def test_a_contract_may_break_in_a_higher_version_only() -> None:
    broken = doctored(lambda d: interaction(d).pop("surface"))
    old = {TELEMETRY: CURRENT[TELEMETRY]}
    assert broken_contracts(old, {TELEMETRY: broken}) == [f"{TELEMETRY}: interaction.surface: the field was removed"]
    assert broken_contracts(old, {"ai.telemetry.v2.schema.json": broken}) == []
    removed = [f"{TELEMETRY}: removed, and no higher version took its place"]
    assert broken_contracts(old, {}) == removed
    assert broken_contracts(old, {"ai.telemetry.v0.schema.json": broken}) == removed
    assert broken_contracts(old, {"ai.changes.v2.schema.json": broken}) == removed


def test_members_that_look_the_same_are_an_error() -> None:
    twice = {"anyOf": [{"type": "string"}, {"type": "string", "maxLength": 3}]}
    with pytest.raises(ValueError, match="look the same"):
        breaking_changes(twice, twice)
