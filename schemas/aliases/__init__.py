"""The alias tables: what producers of OpenTelemetry call what our contracts say. Data, one file a version."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, get_args

from schemas.vocabulary import Category

LATEST = 1

TEXT, NUMBER, FLAG, WORDS, CONTENT, PRIVATE = range(6)
"""How an attribute is read. CONTENT and PRIVATE are dropped unread, and counted."""
_KINDS = {"text": TEXT, "number": NUMBER, "flag": FLAG, "words": WORDS}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an evaluation of some name judges. `high_is_bad`: whether "yes", or a high score, is bad."""

    signal: str
    category: str | None
    high_is_bad: bool


@dataclass(frozen=True, slots=True, eq=False)
class Aliases:
    """One version of the table, compiled: what to read, and what the values mean. One object a version."""

    version: int
    kinds: dict[str, int]
    """How to read each attribute that is not ignored, by its name."""
    families: tuple[str, ...]
    """Prefixes of content attributes with a number inside."""
    names: dict[str, tuple[str, ...]]
    """Attribute names of each field of ours, the best first."""
    feature_names: tuple[str, ...]
    roles: tuple[tuple[str, dict[str, str]], ...]
    """(attribute, its words to roles), in the order they are asked."""
    span_names: dict[str, str]
    events: dict[str, str]
    words: dict[str, dict[str, str]]
    """Values of each table of values, lower case, to our word."""
    evaluations: dict[str, Meaning]
    labels: dict[str, bool]
    high_labels: dict[str, bool]

    def family(self, name: str) -> str:
        """The name an attribute that starts like one of `families` is counted under, such as `gen_ai.prompt.*`."""
        return next(f"{family}*" for family in self.families if name.startswith(family))


@cache
def load(version: int = LATEST) -> Aliases:
    """The table of a version. Raises FileNotFoundError when there is none."""
    table: dict[str, Any] = tomllib.loads((files("schemas.aliases") / f"v{version}.toml").read_text("utf-8"))
    names = {field: tuple(names) for kind in _KINDS for field, names in table[kind].items()}
    roles = dict(table["roles"])
    span_names = roles.pop("span_name")
    values = ("finish_reasons", "providers", "stages", "verdicts", "outcomes", "actions", "assumed_actions")
    return Aliases(
        version=table["version"],
        kinds=_kinds(table),
        families=tuple(table["content"]["families"]),
        names=names,
        feature_names=tuple(table["feature"]["names"]),
        roles=tuple((names[field][0], words) for field, words in roles.items()),
        span_names=span_names,
        events=table["events"],
        words={name: table[name] for name in values}
        | {"categories": {word: word for word in get_args(Category)} | table["categories"]},
        evaluations={
            name: Meaning(meaning["signal"], meaning.get("category"), meaning["high"] == "bad")
            for name, meaning in table["evaluations"].items()
        },
        labels=table["labels"],
        high_labels=table["high_labels"],
    )


def _kinds(table: dict[str, Any]) -> dict[str, int]:
    kinds = dict.fromkeys(table["feature"]["names"], TEXT)
    for kind, number in _KINDS.items():
        for names in table[kind].values():
            kinds.update(dict.fromkeys(names, number))
    kinds.update(dict.fromkeys(table["content"]["names"], CONTENT))
    kinds.update(dict.fromkeys(table["private"]["names"], PRIVATE))
    return kinds
