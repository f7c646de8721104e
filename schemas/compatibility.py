"""Whether a newer JSON Schema still takes, and means the same by, every message of an older one.

It knows the part of JSON Schema that pydantic writes for our contracts. What it cannot decide, such
as whether one pattern is wider than another, it calls breaking.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Schema = dict[str, Any]

_FLOORS = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_CEILINGS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_TEXT_RULES = ("pattern", "format")
_FILE = re.compile(r"(?P<topic>.+)\.v(?P<version>\d+)\.schema\.json")
_ABSENT = object()


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """What a producer of `old` would trip over in `new`, one sentence each; empty when nothing.

    Both are whole documents as `schemas.publish` writes them. Raises ValueError when a union has two
    members that cannot be told apart, and KeyError for a reference that leads nowhere.
    """
    return list(_compare("", _inline(old, old), _inline(new, new)))


def broken_contracts(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[str]:
    """The same for all files, by name. A contract may break when a file of a higher version exists."""
    problems: list[str] = []
    for name, schema in sorted(old.items()):
        if name in new:
            problems += [f"{name}: {problem}" for problem in breaking_changes(schema, new[name])]
        elif not any(_supersedes(other, name) for other in new):
            problems.append(f"{name}: removed, and no higher version took its place")
    return problems


def _supersedes(name: str, older: str) -> bool:
    new, old = _FILE.fullmatch(name), _FILE.fullmatch(older)
    if new is None or old is None:
        return False
    return new["topic"] == old["topic"] and int(new["version"]) > int(old["version"])


def _inline(node: Any, document: Schema) -> Any:
    """`node` with every reference replaced by what it names. Our contracts have no cycles."""
    if isinstance(node, list):
        return [_inline(item, document) for item in node]
    if not isinstance(node, dict):
        return node
    rest = {key: _inline(value, document) for key, value in node.items() if key not in ("$ref", "$defs")}
    if "$ref" not in node:
        return rest
    return _inline(document["$defs"][node["$ref"].removeprefix("#/$defs/")], document) | rest


def _compare(path: str, old: Schema, new: Schema) -> Iterator[str]:
    if old.get("default", _ABSENT) != new.get("default", _ABSENT) and "default" in old:
        yield f"{path}: the default changed, and with it what an absent field means"
    members = _members(path, new)
    for tag, member in _members(path, old).items():
        match = members.get(tag) or (members.get("number") if tag == "integer" else None) or members.get("any")
        if match is None:
            yield f"{path or 'the message'}: no longer takes {tag}"
        else:
            inside = f"{path}.{tag}".lstrip(".") if tag != member.get("type", "any") else path
            yield from _compare_member(inside, member, match)


def _members(path: str, schema: Schema) -> dict[str, Schema]:
    """Members of a union by what tells them apart; a plain schema is a union of one."""
    members: list[Schema] = schema.get("oneOf") or schema.get("anyOf") or [schema]
    tagged = {_tag(member): member for member in members}
    if len(tagged) < len(members):
        raise ValueError(f"{path or 'the message'}: two members of the union look the same")
    return tagged


def _tag(schema: Schema) -> str:
    kind = schema.get("properties", {}).get("kind", {})
    return str(kind.get("const") or schema.get("type") or "any")


def _compare_member(path: str, old: Schema, new: Schema) -> Iterator[str]:
    yield from _compare_values(path, old, new)
    for rule in _TEXT_RULES:
        if rule in new and new[rule] != old.get(rule):
            yield f"{path}: its {rule} is new or another"
    for rule in _FLOORS:
        if rule in new and (rule not in old or new[rule] > old[rule]):
            yield f"{path}: {rule} was raised to {new[rule]}"
    for rule in _CEILINGS:
        if rule in new and (rule not in old or new[rule] < old[rule]):
            yield f"{path}: {rule} was lowered to {new[rule]}"
    if "items" in new:
        yield from _compare(f"{path}[]", old.get("items", {}), new["items"])
    yield from _compare_fields(path, old, new)


def _compare_values(path: str, old: Schema, new: Schema) -> Iterator[str]:
    allowed = _values(new)
    if allowed is None:
        return
    before = _values(old)
    if before is None:
        yield f"{path}: takes only {allowed} from now on"
    else:
        yield from (f"{path}: no longer takes {value!r}" for value in before if value not in allowed)


def _values(schema: Schema) -> list[Any] | None:
    values: list[Any] | None = [schema["const"]] if "const" in schema else schema.get("enum")
    return values


def _compare_fields(path: str, old: Schema, new: Schema) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    dot = f"{path}." if path else ""
    for name, field in before.items():
        if name in after:
            yield from _compare(f"{dot}{name}", field, after[name])
        else:
            yield f"{dot}{name}: the field was removed"
    for name in sorted(set(new.get("required", [])) - set(old.get("required", []))):
        yield f"{dot}{name}: the field is required from now on"
    if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
        yield f"{path or 'the message'}: closed to other fields from now on"
