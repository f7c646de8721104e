"""YAML as text: the few shapes that rules and routes have, the same bytes everywhere."""

import json
import re
from collections.abc import Iterator
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_/](?:[\w./();,=~<>+-]|:(?=\S)| (?=[\w./(]))*|[0-9]+[smhd]")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def yaml_text(value: Any, head: str) -> str:
    """The value as YAML below a comment of one or more lines. Keys keep their order."""
    comment = "".join(f"# {line}\n" for line in head.splitlines())
    return comment + "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _entry(f"{_scalar(key)}:", one)
    else:
        for one in value:
            yield from _item(one)


def _entry(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, str) and "\n" in value:
        yield f"{key} |-"
        yield from (f"  {line}" if line else "" for line in value.splitlines())
    elif isinstance(value, dict | list) and value and not _is_flat(value):
        yield key
        yield from (f"  {line}" if line else "" for line in _lines(value))
    else:
        yield f"{key} {_flow(value)}"


def _item(value: Any) -> Iterator[str]:
    if not isinstance(value, dict) or not value:
        yield f"- {_flow(value)}"
        return
    first, *rest = _lines(value)
    yield f"- {first}"
    yield from (f"  {line}" if line else "" for line in rest)


def _is_flat(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(one, dict | list) for one in value)


def _flow(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_flow(one) if _comma_free(one) else json.dumps(one) for one in value)}]"
    return "{}" if value == {} else _scalar(value)


def _comma_free(value: Any) -> bool:
    return not isinstance(value, str) or not re.search(r"[,\[\]{}]", value)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        return value if plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def regex_of(names: list[str]) -> str:
    """A PromQL and Alertmanager matcher for exactly these names."""
    return "|".join(re.sub(r"[.+]", lambda found: f"[{found[0]}]", name) for name in names)
