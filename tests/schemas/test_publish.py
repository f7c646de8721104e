import json
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.publish import JSON_SCHEMAS, json_schemas
from schemas.topics import TOPICS
from tests.schemas.published import VALIDATORS


def open_objects(node: Any, path: str = "") -> Iterator[str]:
    """Where a JSON Schema describes an object that takes unknown fields."""
    if isinstance(node, list):
        for position, item in enumerate(node):
            yield from open_objects(item, f"{path}/{position}")
    elif isinstance(node, dict):
        kind = node.get("type")
        object_like = kind == "object" or (isinstance(kind, list) and "object" in kind)
        if (object_like or isinstance(node.get("properties"), dict)) and node.get("additionalProperties") is not False:
            yield path or "/"
        for key, value in node.items():
            yield from open_objects(value, f"{path}/{key}")


def test_published_schemas_are_the_models() -> None:
    for name, text in json_schemas().items():
        assert (JSON_SCHEMAS / name).read_text() == text, f"{name}: run python -m schemas.publish"


def test_no_published_schema_is_an_orphan() -> None:
    assert {path.name for path in JSON_SCHEMAS.iterdir()} == set(json_schemas())


@pytest.mark.parametrize("name", sorted(json_schemas()))
def test_every_object_is_closed(name: str) -> None:
    assert list(open_objects(json.loads((JSON_SCHEMAS / name).read_text()))) == []


def test_an_open_object_is_found_at_every_depth() -> None:
    document = json.loads((JSON_SCHEMAS / "ai.telemetry.v1.schema.json").read_text())
    objects = [name for name, node in document["$defs"].items() if "properties" in node]
    assert len(objects) > 8
    for definition in objects:
        doctored = json.loads(json.dumps(document))
        del doctored["$defs"][definition]["additionalProperties"]
        assert list(open_objects(doctored)) == [f"/$defs/{definition}"]
    misspelt = {"type": "object", "aditionalProperties": False}
    nested = {"items": {"anyOf": [{"type": ["object", "null"], "additionalProperties": {"type": "string"}}]}}
    assert list(open_objects(misspelt)) == ["/"]
    assert list(open_objects(nested)) == ["/items/anyOf/0"]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.stem)
def test_published_schema_is_a_schema(topic: Any) -> None:
    VALIDATORS[topic.name].check_schema(VALIDATORS[topic.name].schema)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.stem)
def test_messages_carry_the_version_of_their_topic(topic: Any) -> None:
    schema = VALIDATORS[topic.name].schema
    objects = [schema, *schema.get("$defs", {}).values()]
    messages = [node["properties"] for node in objects if "kind" in node.get("properties", {})]
    assert messages
    assert {message["schema_version"]["const"] for message in messages} == {topic.version}
