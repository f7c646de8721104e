import json
from pathlib import Path
from typing import Any, get_args

import pytest

from schemas.codec import Reject, decode
from schemas.publish import EXAMPLES
from schemas.topics import TOPICS, Topic
from schemas.vocabulary import RejectReason
from tests.schemas.published import VALIDATORS

KINDS = {
    "ai.telemetry": {"interaction", "evaluation", "heartbeat"},
    "ai.changes": {"change"},
    "ai.reviews": {"review"},
    "ai.telemetry.dlq": {"dead-letter"},
}
NOT_IN_A_TEXT = {"empty", "too_large", "not_utf8", "from_the_future", "too_old", "not_otlp", "other_signal"}
"""Reasons that no small JSON text of ours shows: they need bytes, size, a clock or OTLP."""


def examples(which: str) -> list[Any]:
    return [
        pytest.param(topic, path, id=f"{topic.stem}/{path.stem}")
        for topic in TOPICS
        for path in sorted((EXAMPLES / topic.stem / which).glob("*.json"))
    ]


def reason_in(path: Path) -> str:
    return path.stem.partition("-")[0]


@pytest.mark.parametrize(("topic", "path"), examples("valid"))
def test_valid_example(topic: Topic, path: Path) -> None:
    message = decode(topic.adapter, path.read_bytes())
    assert not isinstance(message, Reject), message
    assert path.stem.startswith(message.kind.replace("_", "-") + "-")
    assert list(VALIDATORS[topic.name].iter_errors(json.loads(path.read_text()))) == []


@pytest.mark.parametrize(("topic", "path"), examples("invalid"))
def test_invalid_example(topic: Topic, path: Path) -> None:
    answer = decode(topic.adapter, path.read_bytes())
    assert isinstance(answer, Reject)
    assert answer.reason == reason_in(path)


@pytest.mark.parametrize(("topic", "path"), examples("invalid"))
def test_json_schema_refuses_invalid_example(topic: Topic, path: Path) -> None:
    if reason_in(path) == "not_json" and "surrogate" not in path.stem:  # Python alone parses a lone surrogate
        with pytest.raises(json.JSONDecodeError):
            json.loads(path.read_text())
    else:
        assert list(VALIDATORS[topic.name].iter_errors(json.loads(path.read_text())))


def test_each_kind_has_a_minimal_and_a_full_example() -> None:
    for topic in TOPICS:
        stems = {path.stem for path in (EXAMPLES / topic.stem / "valid").glob("*.json")}
        wanted = {f"{kind}-{size}" for kind in KINDS[topic.name] for size in ("minimal", "full")}
        assert wanted <= stems


def test_a_full_example_is_full_and_a_minimal_one_minimal() -> None:
    for topic in TOPICS:
        for path in sorted((EXAMPLES / topic.stem / "valid").glob("*.json")):
            given = json.loads(path.read_text())
            message = decode(topic.adapter, path.read_bytes())
            assert not isinstance(message, Reject)
            fields = type(message).model_fields
            if path.stem.endswith("-full"):
                assert set(given) == set(fields), path
            elif path.stem.endswith("-minimal"):
                assert set(given) == {name for name, field in fields.items() if field.is_required()}, path


def test_each_reason_that_a_text_can_show_has_an_example() -> None:
    shown = {reason_in(path) for path in EXAMPLES.glob("*/invalid/*.json")}
    assert shown == set(get_args(RejectReason)) - NOT_IN_A_TEXT


def test_no_example_is_an_orphan() -> None:
    folders = {f"{topic.stem}/{which}" for topic in TOPICS for which in ("valid", "invalid")}
    found = {path.parent.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*") if path.is_file()}
    assert found == folders
    assert all(path.suffix == ".json" for path in EXAMPLES.rglob("*") if path.is_file())
