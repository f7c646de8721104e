"""msgspec structs made from the pydantic models: the same fields, types, words and bounds, by code alone.

What a struct cannot hold (patterns, the form of a time) is listed beside it, for schemas/proof.py
to hold it to. Whatever a model says that has no place here raises TypeError at import, so that a contract
cannot grow a rule that only one of the two decoders knows.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from pydantic import AwareDatetime, BaseModel, FailFast
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType

from schemas.base import Contract, UtcTime

PLACE = ("topic", "partition", "offset", "item", "mask")
"""Fields of a message's struct that no record can set; they say where a row came from. Never in a contract."""

_NOBODY = Annotated[int, msgspec.Meta(gt=0, lt=0)]
_ALPHABET = re.compile(r"\^\[([\w:.+/-]+)\]\{(\d+)(?:,(\d+))?\}\$")
_TIME = get_args(UtcTime)[1:]
_BOUNDS = ("ge", "le", "min_length", "max_length", "pattern")


@dataclass(slots=True)
class Shape:
    """One model's struct, and what is left to prove of its instances."""

    model: type[BaseModel]
    struct: Any = None
    letters: dict[bytes, tuple[str, ...]] = field(default_factory=dict)
    """By alphabet: fields whose length msgspec has checked, and of which only the characters are left."""
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By pattern: fields of the others."""
    times: tuple[str, ...] = ()
    """Fields that hold a time."""
    parts: list[tuple[str, bool, "Shape"]] = field(default_factory=list)
    """Nested structs: the field, and whether there are many."""

    def all(self) -> Iterator["Shape"]:
        """This one and all below."""
        yield self
        for _, _, part in self.parts:
            yield from part.all()


def derive(model: type[BaseModel], tag: str | None = None) -> Shape:
    """The shape of one message; with `tag`, as a member of the union by `kind`. Raises TypeError."""
    return _Derivation(model).shape(tag, PLACE)


def _require_plain(model: type[BaseModel]) -> None:
    decorators = model.__pydantic_decorators__
    rules = [name for name in decorators.__dataclass_fields__ if getattr(decorators, name)]
    odd = [name for name, known in model.model_fields.items() if known.alias or known.validation_alias]
    if not issubclass(model, Contract) or model.model_config != Contract.model_config or rules or odd:
        raise TypeError(f"{model.__name__} has rules that cannot be derived: {rules or odd or 'its configuration'}")


class _Derivation:
    """Collects what is left to prove while it walks over the annotations of one model."""

    def __init__(self, model: type[BaseModel]) -> None:
        _require_plain(model)
        self._of = Shape(model)
        self._letters: dict[bytes, list[str]] = {}
        self._words: dict[str, list[str]] = {}
        self._times: list[str] = []
        self._parts: list[tuple[str, bool, Shape]] = []
        self._name = ""

    def shape(self, tag: str | None, place: tuple[str, ...] = ()) -> Shape:
        fields: list[tuple[str, Any, Any]] = [(name, _NOBODY, None) for name in place]
        known = self._of.model.model_fields
        for name, hint in get_type_hints(self._of.model, include_extras=True).items():
            if name in known and (tag is None or name != "kind"):
                self._name = name
                fields.append((name, self._type(hint), _default(known[name])))
        self._of.struct = msgspec.defstruct(
            self._of.model.__name__,
            fields,
            kw_only=True,
            omit_defaults=True,
            forbid_unknown_fields=True,
            gc=False,  # it holds text, numbers and its like: no cycles
            tag_field=None if tag is None else "kind",
            tag=tag,
        )
        of = self._of
        of.letters = {alphabet: tuple(names) for alphabet, names in self._letters.items()}
        of.words = {pattern: tuple(names) for pattern, names in self._words.items()}
        of.times, of.parts = tuple(self._times), self._parts
        return of

    def _type(self, hint: Any) -> Any:
        if isinstance(hint, TypeAliasType):
            hint = hint.__value__
        origin, members = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self._time(hint) if members[0] is AwareDatetime else self._bounded(members[0], members[1:])
        if origin in (Union, UnionType):
            return Union[tuple(self._type(member) for member in members)]  # noqa: UP007  # a list only known here
        if origin is tuple and members[1:] == (...,):
            return tuple[self._many(members[0]), ...]  # type: ignore[misc]  # a type made at run time
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            return self._part(hint, many=False)
        if origin is Literal or hint in (bool, int, float, NoneType):
            return hint
        raise TypeError(f"{self._of.model.__name__}.{self._name}: {hint} cannot be derived")

    def _many(self, hint: Any) -> Any:
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            return self._part(hint, many=True)
        if get_origin(hint) is Literal:
            return hint
        raise TypeError(f"{self._of.model.__name__}.{self._name}: many {hint} cannot be derived")

    def _part(self, model: type[BaseModel], many: bool) -> Any:
        inner = _Derivation(model).shape(None)
        if "ts" in inner.struct.__struct_fields__ or inner.times:
            raise TypeError(f"{model.__name__}: a time inside a part cannot be derived")
        self._parts.append((self._name, many, inner))
        return inner.struct

    def _time(self, hint: Any) -> Any:
        if get_args(hint)[1:] != _TIME:
            raise TypeError(f"{self._of.model.__name__}.{self._name}: a time that is not UtcTime cannot be derived")
        self._times.append(self._name)
        return str

    def _bounded(self, base: Any, metadata: tuple[Any, ...]) -> Any:
        bounds = dict(_bounds(metadata))
        pattern = bounds.pop("pattern", None)
        if base is str:
            if bounds or pattern is None:
                raise TypeError(f"{self._of.model.__name__}.{self._name}: text without a pattern cannot be derived")
            return self._text(str(pattern))
        return Annotated[self._type(base), msgspec.Meta(**bounds)]

    def _text(self, pattern: str) -> Any:
        if not (pattern.startswith("^") and pattern.endswith("$")) or "|" in pattern:
            raise TypeError(f"{self._of.model.__name__}.{self._name}: {pattern} cannot be derived")
        found = _ALPHABET.fullmatch(pattern)
        if found is None:
            self._words.setdefault(pattern, []).append(self._name)
            return str
        alphabet = bytes(code for code in range(128) if re.fullmatch(f"[{found[1]}]", chr(code)))
        self._letters.setdefault(alphabet, []).append(self._name)
        return Annotated[str, msgspec.Meta(min_length=int(found[2]), max_length=int(found[3] or found[2]))]


def _bounds(metadata: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    for item in metadata:
        for rule in item.metadata if isinstance(item, FieldInfo) else [item]:
            if isinstance(rule, FailFast):
                continue  # says how many faults are reported, not what is one
            found = [(name, getattr(rule, name)) for name in _BOUNDS if hasattr(rule, name)]
            if not found:
                raise TypeError(f"{rule!r} cannot be derived")
            yield from found


def _default(known: FieldInfo) -> Any:
    if known.is_required():
        return msgspec.field()
    if known.default is None or known.default == ():
        return known.default
    # A default that a row must say: msgspec leaves out what equals a default, but calls a factory only to read.
    return msgspec.field(default_factory=repeat(known.default).__next__)
