"""One `{ column = "..." }` of a mapping: read the cell, judge it, translate it, convert it."""

import difflib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from monitor.errors import UserError
from monitor.replay import values
from monitor.replay.fields import FieldType
from monitor.replay.values import BadCellError, Convert, is_absent

_KEYS = ("column", "columns", "as", "values", "otherwise", "absent", "at_least", "below", "scale", "unit", "format")
_OTHERWISE = ("reject", "absent", "keep")
_CONVERSIONS = ("identifier", "name", "pseudonym", "hash", "int", "float", "bool", "time", "text")
_SEEN = 40
"""Characters shown, and distinct values counted, of what has no entry."""


@dataclass(slots=True)
class Context:
    """What all cells of one mapping share. `key` is the secret of pseudonyms."""

    name: str
    nulls: frozenset[str]
    key: bytes | None = None
    unlisted: dict[str, Counter[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cell:
    """Reads one field of the event from a row; None is absent."""

    columns: tuple[str, ...]
    read: Callable[[dict[str, object]], object]

    def __call__(self, row: dict[str, object]) -> object:
        """The field's value for this row. Raises BadCellError."""
        return self.read(row)


@dataclass(frozen=True, slots=True)
class _Table:
    """`values = { ... }`: the field's value for each value of the column, and what the rest becomes."""

    path: str
    entries: dict[str, Any]
    otherwise: str
    convert: Convert
    unlisted: dict[str, Counter[str]]

    def __call__(self, value: object) -> object:
        word = values.text(value)
        if word in self.entries:
            return self.entries[word]
        if self.otherwise == "keep":
            return self.convert(value)
        counts = self.unlisted.setdefault(self.path, Counter())
        shown = word[:_SEEN]
        counts[shown if shown in counts or len(counts) < _SEEN else "..."] += 1
        if self.otherwise == "reject":
            raise BadCellError("unlisted_value", self.path)
        return None


def cell(spec: dict[str, Any], kind: FieldType, context: Context, path: str) -> Cell:
    """The reader of one field. Raises UserError that names the key at fault."""
    where = f"{context.name}, [event] {path}"
    for key in spec:
        if key not in _KEYS:
            close = difflib.get_close_matches(key, _KEYS, 1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise UserError(f"{where}: there is no key {key!r}; {hint}the keys are {', '.join(_KEYS)}")
    columns = _columns(spec, where)
    conversion = _conversion(spec, kind, where)
    if conversion in ("hash", "pseudonym"):
        if extra := sorted(set(spec) - {"column", "columns", "as"}):
            raise UserError(f"{where}: {extra[0]} has no meaning for a {conversion}")
        return Cell(columns, _Digest(columns, _key(conversion, context, where), context.nulls))
    if len(columns) > 1:
        raise UserError(f'{where}: several columns make one value only with as = "hash" or as = "pseudonym"')
    steps = _steps(spec, kind, context, path, _converter(spec, conversion, path, where))
    return Cell(columns, _Chain(_getter(columns[0]), path, steps, context.nulls | _absent(spec, where)))


@dataclass(frozen=True, slots=True)
class _Digest:
    columns: tuple[str, ...]
    key: bytes | None
    nulls: frozenset[str]

    def __call__(self, row: dict[str, object]) -> object:
        found = [_getter(column)(row) for column in self.columns]
        found = [None if is_absent(value) or _is_null(value, self.nulls) else value for value in found]
        return None if all(value is None for value in found) else values.digest(found, self.key)


@dataclass(frozen=True, slots=True)
class _Chain:
    get: Callable[[dict[str, object]], object]
    path: str
    steps: tuple[Convert, ...]
    nulls: frozenset[str]

    def __call__(self, row: dict[str, object]) -> object:
        value = self.get(row)
        if is_absent(value) or _is_null(value, self.nulls):
            return None
        try:
            for step in self.steps:
                value = step(value)
        except BadCellError as bad:
            raise BadCellError(bad.reason, self.path) from None
        return value


def _is_null(value: object, nulls: frozenset[str]) -> bool:
    return bool(nulls) and isinstance(value, str | bool | int | float) and values.text(value) in nulls


def _getter(column: str) -> Callable[[dict[str, object]], object]:
    if "." not in column:
        return lambda row: row.get(column)
    parts = column.split(".")

    def walk(row: dict[str, object]) -> object:
        if column in row:
            return row[column]
        value: object = row
        for part in parts:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    return walk


def _columns(spec: dict[str, Any], where: str) -> tuple[str, ...]:
    one, many = spec.get("column"), spec.get("columns")
    named = [one] if many is None else many
    if (one is None) == (many is None) or not isinstance(named, list) or not named:
        raise UserError(f'{where}: write column = "..." or columns = ["...", "..."], and not both')
    if not all(isinstance(column, str) and column for column in named):
        raise UserError(f"{where}: a column is named by a string")
    return tuple(named)


def _conversion(spec: dict[str, Any], kind: FieldType, where: str) -> str:
    conversion = spec.get("as", kind.conversion)
    if conversion not in _CONVERSIONS:
        raise UserError(f"{where}: as is one of {', '.join(_CONVERSIONS)}, not {conversion!r}")
    if (conversion == "time") != (kind.conversion == "time"):
        raise UserError(f'{where}: as = "time" is for ts, and ts is always a time')
    if conversion == "hash" and kind.conversion == "pseudonym":
        raise UserError(f'{where}: an unkeyed hash can be guessed back; write as = "pseudonym"')
    return str(conversion)


def _key(conversion: str, context: Context, where: str) -> bytes | None:
    if conversion == "hash":
        return None
    if context.key is None:
        raise UserError(
            f"{where} is a pseudonym and needs a secret: make one with `head -c 32 /dev/urandom > key`, "
            f"give --key-file key, and keep it"
        )
    return context.key


def _converter(spec: dict[str, Any], conversion: str, path: str, where: str) -> Convert:
    unit, pattern, scale = spec.get("unit"), spec.get("format"), spec.get("scale")
    if conversion != "time" and (unit is not None or pattern is not None):
        raise UserError(f"{where}: unit and format are for ts")
    if unit is not None and unit not in values.UNITS:
        raise UserError(f"{where}: unit is one of {', '.join(values.UNITS)}, not {unit!r}")
    if pattern is not None and not isinstance(pattern, str):
        raise UserError(f'{where}: format is a text such as "%d/%m/%Y %H:%M:%S"')
    if scale is not None and (not _is_number(scale) or conversion not in ("int", "float")):
        raise UserError(f"{where}: scale is a number, and for fields that are numbers")
    if conversion == "time":
        return lambda value: values.micros(value, unit, pattern)
    plain: dict[str, Convert] = {
        "int": values.integer,
        "float": values.number,
        "bool": values.boolean,
        "text": values.words,
        "identifier": values.identifier(where),
        "name": values.name(where),
    }
    if scale is None:
        return plain[conversion]
    if conversion == "float":
        return lambda value: values.number(value) * scale
    return lambda value: round(values.number(value) * scale)


def _steps(spec: dict[str, Any], kind: FieldType, context: Context, path: str, convert: Convert) -> tuple[Convert, ...]:
    where = f"{context.name}, [event] {path}"
    entries, otherwise = spec.get("values"), spec.get("otherwise", "reject")
    limit = _limit(spec, where)
    if entries is None:
        if "otherwise" in spec:
            raise UserError(f"{where}: otherwise is for values that have no entry; write values = {{ ... }} too")
        if limit is not None and kind.refusal(True):
            raise UserError(f"{where}: a limit gives true or false; say what each means with values = {{ true = ... }}")
        return (convert,) if limit is None else (limit,)
    if not isinstance(entries, dict) or not entries:
        raise UserError(f'{where}: values is a table, such as values = {{ yes = true, "not sure" = false }}')
    for word, value in entries.items():
        if refusal := kind.refusal(value):
            raise UserError(f"{where}: values.{word} = {value!r} is not what the contract takes: {refusal}")
    if otherwise not in _OTHERWISE or (limit is not None and otherwise == "keep"):
        raise UserError(f"{where}: otherwise is one of {', '.join(_OTHERWISE)} (keep not after at_least or below)")
    table = _Table(path, entries, otherwise, convert, context.unlisted)
    return (table,) if limit is None else (limit, table)


def _absent(spec: dict[str, Any], where: str) -> frozenset[str]:
    words = spec.get("absent", [])
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UserError(f'{where}: absent is a list of the values that say nothing, such as ["ERROR", "skipped"]')
    return frozenset(words)


def _limit(spec: dict[str, Any], where: str) -> Convert | None:
    given = {key: spec[key] for key in ("at_least", "below") if key in spec}
    if not given:
        return None
    if len(given) > 1 or not all(_is_number(limit) for limit in given.values()):
        raise UserError(f"{where}: write at_least or below, one of them, with a number")
    (name, limit), *_ = given.items()
    if name == "at_least":
        return lambda value: values.number(value) >= limit
    return lambda value: values.number(value) < limit


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
