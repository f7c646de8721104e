"""From a contract to the scanner's arrays: names, words, alphabets, bounds and masks, by code alone.

What has no place in the arrays raises TypeError at import, as in schemas/derive.py: the compiled code cannot be
left behind by a contract that grows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import Any

import msgspec
import numpy as np
from msgspec import inspect

from monitor.scan import plan as kinds
from monitor.scan.facts import NOTHING, Fact
from monitor.scan.plan import ENTRIES, PRIME, SEED, SHIFT, Ints, Octets, Plan
from monitor.windows import DIMENSIONS
from schemas.derive import PLACE, Shape

_PATTERN = re.compile(r"\^\[([\w:.+/-]+)\]\[([\w:.+/-]+)\]\{(\d+),(\d+)\}\$")
_PLAIN = bytes(code for code in range(32, 127) if code not in b'"\\')


@dataclass(slots=True)
class _Field:
    """One field of one struct, as columns of the plan."""

    name: str
    required: bool = False
    nullable: bool = False
    default: bytes = b""
    kind: int = kinds.TEXT
    first: int = 0
    rest: int = 0
    low: int = 0
    high: int = 0
    values: tuple[Any, ...] = (True,)
    """What a mask may depend on: the value behind each code; that it is there, without a vocabulary."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what its numbers stand for."""

    plan: Plan
    names: Mapping[str, int]
    """Every field; those of parts after the part's name and a point."""
    defaults: Mapping[str, bytes]
    """What a row must say where the record does not, by field of the record."""


def make_plan(shape: Shape, whole: Mapping[str, Fact], inside: Mapping[str, tuple[tuple[str, ...], Fact]]) -> Planned:
    """The arrays of one message.

    `whole` are the facts of fields of the record, `inside` those of parts: on which of their fields, and what they are.
    """
    made = _Planning(shape)
    return Planned(made.plan(whole, inside), made.names(), made.defaults())


class _Planning:
    """Walks over a record's struct and those of its parts."""

    def __init__(self, shape: Shape) -> None:
        self._shapes = [shape, *(part for _, _, part in shape.parts)]
        if any(part.parts for part in self._shapes[1:]):
            raise TypeError(f"{shape.model.__name__}: parts inside parts cannot be scanned")
        self._alphabets = [_PLAIN]
        self._vocabularies: list[tuple[Any, ...]] = []
        self._structs = [[self._field(one, *said) for said in _said(one)] for one in self._shapes]

    def _field(self, shape: Shape, name: str, info: Any, said: _Field) -> _Field:
        if shape is self._shapes[0] and name in DIMENSIONS:
            said.kind, said.first = kinds.SLICE, DIMENSIONS.index(name)
        elif name in shape.times:
            said.kind = kinds.TIME
        else:
            self._describe(shape, said, info)
        return said

    def _describe(self, shape: Shape, said: _Field, info: Any) -> None:  # noqa: C901, PLR0912  # one case for each type
        match info:
            case inspect.StrType():
                said.kind, (first, rest, said.low, said.high) = kinds.TEXT, _spelling(shape, said.name, info)
                said.first, said.rest = self._alphabet(first), self._alphabet(rest)
            case inspect.LiteralType(values=(int() as only,)):
                said.kind, said.low, said.high = kinds.WHOLE, only, only
            case inspect.LiteralType(values=values):
                said.kind, said.first, said.values = kinds.WORD, self._vocabulary(values), values
            case inspect.BoolType():
                said.kind, said.values = kinds.FLAG, (False, True)
            case inspect.IntType(ge=int() as low, le=int() as high) if low >= 0:
                said.kind, said.low, said.high = kinds.WHOLE, low, high
            case inspect.FloatType(ge=0.0, le=float() as high) if high.is_integer():
                said.kind, said.high = kinds.NUMBER, int(high)
            case inspect.StructType(cls=struct):
                said.kind, said.first = kinds.PART, self._number(struct)
            case inspect.VarTupleType(item_type=inspect.StructType(cls=struct), max_length=int() as high):
                said.kind, said.first, said.high = kinds.PARTS, self._number(struct), high
            case inspect.VarTupleType(item_type=inspect.LiteralType(values=values), max_length=int() as high):
                said.kind, said.first, said.high = kinds.WORDS, self._vocabulary(values), high
                said.values = ((), values[:1])  # a mask may ask whether there are any
            case _:
                raise TypeError(f"{shape.model.__name__}.{said.name}: {info} cannot be scanned")

    def _alphabet(self, letters: bytes) -> int:
        if letters not in self._alphabets:
            self._alphabets.append(letters)
        return self._alphabets.index(letters)

    def _vocabulary(self, values: tuple[Any, ...]) -> int:
        if values not in self._vocabularies:
            self._vocabularies.append(values)
        return len(self._shapes) + self._vocabularies.index(values)

    def _number(self, struct: Any) -> int:
        return [shape.struct for shape in self._shapes].index(struct)

    def names(self) -> dict[str, int]:
        parts = ("", *(f"{name}." for name, _, _ in self._shapes[0].parts))
        every = [part + said.name for part, struct in zip(parts, self._structs, strict=True) for said in struct]
        return {name: place for place, name in enumerate(every)}

    def defaults(self) -> dict[str, bytes]:
        return {said.name: said.default for said in self._structs[0] if said.default}

    def plan(self, whole: Mapping[str, Fact], inside: Mapping[str, tuple[tuple[str, ...], Fact]]) -> Plan:
        fields = list(chain.from_iterable(self._structs))
        record = {said.name: place for place, said in enumerate(self._structs[0])}
        ends = np.cumsum([0, *map(len, self._structs)])
        names = [
            {said.name: first + i for i, said in enumerate(struct)}
            for struct, first in zip(self._structs, ends[:-1], strict=True)
        ]
        words = [{word: code for code, word in enumerate(values)} for values in self._vocabularies]
        dictionary, entry_at, entry_code, letters = _dictionaries([*names, *words])
        facts: list[int] = []
        fact, within = np.full(len(record), -1), np.full(len(record), -1)
        stride = np.zeros(len(fields), dtype=np.int64)
        for name, bits in whole.items():
            fact[record[name]] = len(facts)
            facts += [bits({}), *(bits({name: value}) for value in fields[record[name]].values)]
        for name, (on, bits) in inside.items():
            struct = fields[record[name]].first
            members = [ends[struct] + [said.name for said in self._structs[struct]].index(one) for one in on]
            choices = [(NOTHING, *fields[member].values) for member in members]
            for place, member in enumerate(members):
                stride[member] = int(np.prod([len(one) for one in choices[place + 1 :]]))
            within[record[name]] = len(facts)
            needed = {name for name, member in zip(on, members, strict=True) if fields[member].required}
            for values in product(*choices):
                told = {name: value for name, value in zip(on, values, strict=True) if value is not NOTHING}
                facts.append(bits(told) if needed <= told.keys() else 0)
        return Plan(
            classes=np.array([[code in letters for code in range(256)] for letters in self._alphabets], dtype=np.uint8),
            dictionary=dictionary, entry_at=entry_at, entry_code=entry_code, letters=letters,
            first_field=ends.astype(np.int64),
            required=_column(sum(said.required << i for i, said in enumerate(struct)) for struct in self._structs),
            kind=_column(said.kind for said in fields),
            nullable=_column(said.nullable for said in fields),
            first=_column(said.first for said in fields),
            rest=_column(said.rest for said in fields),
            low=_column(said.low for said in fields), high=_column(said.high for said in fields),
            facts=_column(facts), fact=_column(fact), inside=_column(within), stride=stride,
            structs=len(self._structs),
            event_id=record["event_id"], ts=record["ts"], sample_weight=record["sample_weight"],
        )  # fmt: skip


def _said(shape: Shape) -> Iterator[tuple[str, Any, _Field]]:
    """Name and type of each field that a record may have, and what is common to all types."""
    info: Any = inspect.type_info(shape.struct)
    for one in info.fields:
        if one.name in PLACE:
            continue
        kinds_of = one.type.types if isinstance(one.type, inspect.UnionType) else (one.type,)
        [kind] = [kind for kind in kinds_of if not isinstance(kind, inspect.NoneType)]
        said = _Field(one.name, one.required, nullable=len(kinds_of) > 1)
        if one.default_factory is not msgspec.NODEFAULT:
            said.default = str(one.default_factory()).encode()
        yield one.name, kind, said
    if info.tag_field is not None:
        yield info.tag_field, inspect.LiteralType((info.tag,)), _Field(info.tag_field, required=True)


def _spelling(shape: Shape, name: str, info: Any) -> tuple[bytes, bytes, int, int]:
    """Alphabet of the first character and of the others, smallest and largest length."""
    for letters, names in shape.letters.items():
        if name in names and info.min_length >= 1:
            return letters, letters, info.min_length, info.max_length
    pattern = next((pattern for pattern, names in shape.words.items() if name in names), "")
    found = _PATTERN.fullmatch(pattern)
    if found is None:
        raise TypeError(f"{shape.model.__name__}.{name}: {pattern!r} cannot be scanned")
    first, rest = (
        bytes(c for c in range(128) if re.fullmatch(f"[{letters}]", chr(c))) for letters in found.groups()[:2]
    )
    return first, rest, 1 + int(found[3]), 1 + int(found[4])


def _dictionaries(all_names: Sequence[Mapping[str, int]]) -> tuple[Ints, Ints, Ints, Octets]:
    """The tables of all dictionaries, where each entry's letters begin, its code, and the letters."""
    table = np.full((len(all_names), ENTRIES), -1, dtype=np.int64)
    texts: list[bytes] = []
    codes: list[int] = []
    for number, names in enumerate(all_names):
        if len(names) > ENTRIES // 2:
            raise TypeError("a dictionary of more than half its places cannot be scanned; raise ENTRIES")
        for name, code in names.items():
            place = hash_of(name.encode()) & ENTRIES - 1
            while table[number, place] >= 0:
                place = (place + 1) % ENTRIES
            table[number, place] = len(texts)
            texts.append(name.encode())
            codes.append(code)
    return table, np.cumsum([0, *map(len, texts)]), _column(codes), _octets(b"".join(texts) + bytes(8))


def hash_of(text: bytes) -> int:
    """The hash of a name or a word, as the compiled code makes it: eight bytes at a time, a signed 64-bit integer."""
    value = SEED + len(text)
    for i in range(0, len(text), 8):
        product = (value ^ int.from_bytes(text[i : i + 8], "little", signed=len(text) - i >= 8)) * PRIME % 2**64
        product = product - 2**64 if product >= 2**63 else product
        value = product ^ product >> SHIFT
    return value


def _column(numbers: Any) -> Ints:
    return np.array(list(numbers), dtype=np.int64)


def _octets(text: bytes) -> Octets:
    return np.frombuffer(text, dtype=np.uint8)
