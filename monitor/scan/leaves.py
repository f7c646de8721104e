"""How a record lies in the columns of the store's table: one leaf for each run of values that Native writes.

A Tuple is written as one column for each of its elements, an Array as where each of its lists ends and then the columns
of their elements. ClickHouse casts what we send: floats go as the text that stood in the record, and dictionaries are
made there.
"""

import dataclasses
import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from monitor.scan.plan import PART, PARTS, Ints, Octets
from monitor.scan.planning import Planned
from monitor.scan.table import parts, telemetry_columns

TEXT, NUMBER, LIST = range(3)
"""What a leaf holds: texts, whole numbers, or lists of texts."""
ELSEWHERE = ("topic", "partition", "offset", "mask", "ts")
"""Columns that are written by themselves, see native.py."""
_WIDTHS = {"Bool": 1, "UInt8": 1, "UInt16": 2, "UInt32": 4, "UInt64": 8}


class Leaves(NamedTuple):
    """Each of shape (leaves,), but for the texts of defaults."""

    field: Ints
    """Of the plan."""
    form: Ints
    nullable: Ints
    width: Ints
    """Bytes of a number."""
    many: Ints
    """The field of the record that holds a list of parts, of which this is a column; or -1."""
    default_at: Ints
    """Where its default begins and ends in `defaults`, shape (leaves, 2): what is stored where nothing is said."""
    defaults: Octets

    def only(self, chosen: list[int]) -> "Leaves":
        """Some of them."""
        field, form, nullable, width, many, default_at = (np.ascontiguousarray(part[chosen]) for part in self[:-1])
        return Leaves(field, form, nullable, width, many, default_at, self.defaults)


@dataclass(slots=True)
class Column:
    """One column of the table: its name, the type we send, and its leaves in order."""

    name: str
    sent: str
    field: int
    """Of the record."""
    always: bool
    """What is stored where nothing is said is not the store's own default."""
    leaves: list[int] = dataclasses.field(default_factory=list)
    many: int = -1
    """The field of the record, if it holds a list of parts."""


@dataclass(slots=True)
class _Leaf:
    field: int
    form: int
    nullable: bool
    width: int
    many: int
    default: bytes


def lay_out(of: Planned) -> tuple[list[Column], Leaves]:
    """The columns that a record can fill, and their leaves. Raises TypeError for a field that no column takes."""
    columns: list[Column] = []
    leaves: list[_Leaf] = []
    declared = telemetry_columns()
    if silent := [name for name in of.names if "." not in name and name not in declared]:
        raise TypeError(f"table telemetry has no column for {silent[0]}")
    for name, kind in declared.items():
        if name in ELSEWHERE or name not in of.names:
            continue
        sent = kind.replace("Float64", "String")
        sent = re.sub(r"LowCardinality\((\w+|Nullable\(\w+\))\)", r"\1", sent)
        column = Column(name, sent, of.names[name], always=name in of.defaults)
        before = len(leaves)
        leaves += _leaves_of(of, column, sent)
        column.leaves = list(range(before, len(leaves)))
        columns.append(column)
    return columns, _arrays(leaves)


def _leaves_of(of: Planned, column: Column, sent: str) -> list[_Leaf]:
    whole = of.names[column.name]
    kind = of.plan.kind[whole]
    if kind not in (PART, PARTS):
        return [_leaf(whole, sent, -1, of.defaults.get(column.name, b""))]
    if kind == PARTS:
        sent, column.many = sent.removeprefix("Array(").removesuffix(")"), whole
    inside = [part.partition(" ") for part in parts(sent.removeprefix("Tuple(").removesuffix(")"))]
    return [_leaf(of.names[f"{column.name}.{name}"], inner, column.many, b"") for name, _, inner in inside]


def _leaf(of: int, sent: str, many: int, default: bytes) -> _Leaf:
    nullable = sent.startswith("Nullable(")
    sent = sent.removeprefix("Nullable(").removesuffix(")") if nullable else sent
    if sent == "Array(String)":
        return _Leaf(of, LIST, False, 0, many, b"")
    if sent == "String":
        return _Leaf(of, TEXT, nullable, 0, many, default)
    if sent not in _WIDTHS:
        raise TypeError(f"a column of type {sent} cannot be written")
    return _Leaf(of, NUMBER, nullable, _WIDTHS[sent], many, default or b"0")


def _arrays(leaves: list[_Leaf]) -> Leaves:
    def column(name: str) -> Ints:
        return np.array([getattr(leaf, name) for leaf in leaves], dtype=np.int64)

    texts = [leaf.default for leaf in leaves]
    ends = np.cumsum([0, *map(len, texts)])
    letters = np.frombuffer(b"".join(texts) + bytes(8), dtype=np.uint8)
    numbers = (column("field"), column("form"), column("nullable"), column("width"), column("many"))
    return Leaves(*numbers, default_at=np.stack([ends[:-1], ends[1:]], axis=1), defaults=letters)


def said(columns: list[Column], leaves: Leaves, fields: int) -> tuple[list[Column], Leaves]:
    """Those of records that name no other fields than these, a bit each: what is left out is default in the store."""
    kept = [column for column in columns if column.always or fields >> column.field & 1]
    chosen = [leaf for column in kept for leaf in column.leaves]
    at = {leaf: number for number, leaf in enumerate(chosen)}
    moved = [dataclasses.replace(column, leaves=[at[leaf] for leaf in column.leaves]) for column in kept]
    return moved, leaves.only(chosen)
