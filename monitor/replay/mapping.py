"""A recorded row to an event of the contract, as a small TOML file says. docs/replay.md has the grammar."""

import difflib
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monitor.errors import UserError
from monitor.replay.cells import Cell, Context, cell
from monitor.replay.fields import CONTRACTS, FieldType, fields
from monitor.replay.values import BadCellError
from schemas.base import Contract

_SECTIONS = ("kind", "file", "event")
_FILE_KEYS = ("delimiter", "nulls")
_FILLED_IN = frozenset({"event_id", "ts", "emitter"})
"""What a mapping may leave out though the contract asks for it: `vigil replay` has a rule for each."""


@dataclass(frozen=True, slots=True)
class Group:
    """A nested object, or the event itself. Without any of its cells it is absent, constants or not."""

    constants: dict[str, Any]
    cells: dict[str, Cell]
    groups: dict[str, "Group"]
    lists: dict[str, list["Group"]]

    def build(self, row: dict[str, object]) -> dict[str, Any] | None:
        """The object for one row. Raises BadCellError."""
        out = dict(self.constants)
        found = not (self.cells or self.groups or self.lists)
        for key, read in self.cells.items():
            if (value := read(row)) is not None:
                out[key], found = value, True
        for key, group in self.groups.items():
            if (inner := group.build(row)) is not None:
                out[key], found = inner, True
        for key, members in self.lists.items():
            if items := [item for member in members if (item := member.build(row)) is not None]:
                out[key], found = items, True
        return out if found else None

    def columns(self) -> list[str]:
        """Every column it reads, repeats included."""
        inner = [*self.groups.values(), *(member for members in self.lists.values() for member in members)]
        own = [column for read in self.cells.values() for column in read.columns]
        return own + [column for group in inner for column in group.columns()]


@dataclass(slots=True)
class Mapping:
    """How the rows of one recorded file become events. It remembers names, so use a new one per replay."""

    name: str
    kind: str
    event_fields: Group
    ts: Cell | None
    delimiter: str | None
    unlisted: dict[str, Counter[str]] = field(default_factory=dict)
    """Values without an entry in `values`, by field and value, as far as rows were mapped."""

    def time(self, row: dict[str, object]) -> int:
        """The row's time in microseconds since 1970. Raises BadCellError."""
        if self.ts is None:
            raise UserError(f'{self.name}, [event]: add ts = {{ column = "..." }}, or give --times FILE:COLUMN')
        moment = self.ts(row)
        if moment is None:
            raise BadCellError("missing_field", "ts")
        return int(str(moment))

    def event(self, row: dict[str, object], default_id: str) -> dict[str, Any]:
        """The event without its time. Raises BadCellError."""
        start = {"kind": self.kind, "event_id": default_id, "emitter": "replay"}
        return start | (self.event_fields.build(row) or self.event_fields.constants)

    def time_columns(self) -> list[str]:
        """The top-level columns that `time` reads."""
        return _heads(self.ts.columns if self.ts else ())

    def bind(self, columns: Sequence[str], retimed: bool) -> list[str]:
        """The top-level columns it reads. Raises UserError for one the file does not have."""
        needed = [*self.event_fields.columns(), *(self.ts.columns if self.ts and not retimed else ())]
        for column in needed:
            if column not in columns and column.split(".")[0] not in columns:
                close = difflib.get_close_matches(column, columns, 1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                raise UserError(f"{self.name}: the file has no column {column!r}; {hint}it has {_listed(columns)}")
        return [column for column in columns if column in needed or column in _heads(needed)]


def load(path: Path, key: bytes | None = None) -> Mapping:
    """Read a mapping. `key` is for pseudonyms. Raises UserError that names the key at fault."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read the mapping {path} ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path.name} is not TOML: {error}") from error
    return parse(document, path.name, key)


def parse(document: dict[str, Any], name: str, key: bytes | None = None) -> Mapping:
    """A mapping from its TOML tables. Raises UserError that names the key at fault."""
    _closed(document, _SECTIONS, name)
    options, table = document.get("file", {}), document.get("event")
    if not isinstance(options, dict) or not isinstance(table, dict):
        raise UserError(f"{name}: write an [event] section; docs/replay.md shows one")
    _closed(options, _FILE_KEYS, f"{name}, [file]")
    kind = document.get("kind", "interaction")
    if kind not in CONTRACTS:
        raise UserError(f"{name}: kind is one of {_listed(list(CONTRACTS))}, not {kind!r}")
    delimiter = _delimiter(options, name)
    context = Context(name, _nulls(options, name), key)
    ts = table.get("ts")
    if ts is not None and not isinstance(ts, dict):
        raise UserError(f'{name}, [event] ts: a time comes from a column: ts = {{ column = "..." }}')
    rest = {key: value for key, value in table.items() if key != "ts"}
    group = _group(rest, CONTRACTS[kind], context, "")
    reader = cell(ts, fields(CONTRACTS[kind])["ts"], context, "ts") if ts is not None else None
    return Mapping(name, kind, group, reader, delimiter, context.unlisted)


def _group(table: dict[str, Any], model: type[Contract], context: Context, prefix: str) -> Group:
    known = fields(model)
    where = f"{context.name}, [event] {prefix}".rstrip(". ")
    _closed(table, tuple(known), where)
    for key, kind in known.items():
        if kind.required and key not in table and (prefix or key not in _FILLED_IN):
            raise UserError(f"{where}: {prefix}{key} is missing, and every {model.__name__.lower()} needs it")
    group = Group({}, {}, {}, {})
    for key, value in table.items():
        _place(group, key, value, known[key], context, prefix + key)
    return group


def _place(group: Group, key: str, value: Any, kind: FieldType, context: Context, path: str) -> None:
    where = f"{context.name}, [event] {path}"
    if kind.nested is None:
        if isinstance(value, dict):
            group.cells[key] = cell(value, kind, context, path)
        elif refusal := kind.refusal(value):
            raise UserError(f"{where}: {value!r} is not what the contract takes: {refusal}")
        else:
            group.constants[key] = value
    elif kind.many:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise UserError(f"{where} is a list: write each member as [[event.{path}]]")
        group.lists[key] = [_group(item, kind.nested, context, f"{path}.") for item in value]
    elif isinstance(value, dict):
        group.groups[key] = _group(value, kind.nested, context, f"{path}.")
    else:
        raise UserError(f"{where} is an object: set its fields, such as {path}.{next(iter(fields(kind.nested)))} = ...")


def _closed(table: dict[str, Any], known: Sequence[str], where: str) -> None:
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise UserError(f"{where}: there is no key {key!r}; {hint}the keys are {_listed(known)}")


def _nulls(options: dict[str, Any], name: str) -> frozenset[str]:
    nulls = options.get("nulls", [])
    if not isinstance(nulls, list) or not all(isinstance(word, str) for word in nulls):
        raise UserError(f'{name}, [file] nulls: write a list of words, such as ["NaN", "N/A"]')
    return frozenset(nulls)


def _delimiter(options: dict[str, Any], name: str) -> str | None:
    delimiter = options.get("delimiter")
    if delimiter is not None and (not isinstance(delimiter, str) or len(delimiter) != 1):
        raise UserError(f'{name}, [file] delimiter: write one character, such as ";"')
    return delimiter


def _heads(columns: Sequence[str]) -> list[str]:
    return [head for column in columns for head in (column, column.split(".")[0])]


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)
