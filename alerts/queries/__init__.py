"""The questions of an incident, as SQL with parameters. Each file says what it asks and how to read the answer."""

import re
from dataclasses import dataclass
from importlib import resources

NAMES = (
    "when_did_it_start",
    "what_changed",
    "which_slices",
    "which_members",
    "who_was_exposed",
    "was_telemetry_complete",
    "which_events",
    "did_guardrails_run",
    "what_is_not_evaluated",
    "did_the_filters_catch_the_probes",
    "is_the_monitor_whole",
    "how_good_are_the_pages",
)
"""In the order in which they are asked; each is a file `<name>.sql` in this folder."""

_PARAMETER = re.compile(r"-- param (\w+) ([^:]+): (.+)")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value the caller gives: `{name:type}` in the text. Types are ClickHouse's."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class StoredQuery:
    """One question: what is asked, what must be given, how to read the answer, and the SQL."""

    name: str
    question: str
    parameters: tuple[Parameter, ...]
    reading: str
    text: str


def load(name: str) -> StoredQuery:
    """One stored query. Raises KeyError for a name that is not in NAMES."""
    if name not in NAMES:
        raise KeyError(name)
    text = resources.files(__name__).joinpath(f"{name}.sql").read_text("utf-8")
    lines = text.splitlines()
    return StoredQuery(
        name=name,
        question=next(line.removeprefix("-- question: ") for line in lines if line.startswith("-- question: ")),
        parameters=tuple(Parameter(*match.groups()) for match in map(_PARAMETER.fullmatch, lines) if match),
        reading=" ".join(line.removeprefix("-- read: ") for line in lines if line.startswith("-- read: ")),
        text=text,
    )
