"""Native blocks as newer clients want them. chDB writes them bare; Go's driver, and so Grafana, asks for two additions.

A client that sends `client_protocol_version` expects a BlockInfo before each block and, after each
column's type, a byte that says whether its serialization is a custom one. Over HTTP a ClickHouse
server adds both; chDB cannot be told to, so they are put in here. For that the end of each column
must be found, hence the sizes of types below.
"""

import re
from struct import unpack_from

FRAMED_SINCE = 54454
"""The protocol version from which both additions are expected."""

_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"  # field 1: no overflow rows; field 2: bucket -1; end
_DEFAULT_SERIALIZATION = b"\x00"
_TYPE = re.compile(r"(\w+)(?:\((.*)\))?", re.DOTALL)
_SIZES = {
    "Bool": 1, "Int8": 1, "UInt8": 1, "Enum8": 1, "Nothing": 1, "Int16": 2, "UInt16": 2, "Enum16": 2, "Date": 2,
    "BFloat16": 2, "Int32": 4, "UInt32": 4, "Float32": 4, "Date32": 4, "DateTime": 4, "IPv4": 4, "Decimal32": 4,
    "Int64": 8, "UInt64": 8, "Float64": 8, "DateTime64": 8, "Decimal64": 8, "Int128": 16, "UInt128": 16, "UUID": 16,
    "IPv6": 16, "Decimal128": 16, "Int256": 32, "UInt256": 32, "Decimal256": 32,
}  # fmt: skip
_DECIMALS = ((9, 4), (18, 8), (38, 16), (76, 32))
_HAS_KEYS = 1 << 9


class UnframedError(Exception):
    """A column's type is not among those that can be framed; the text names the type."""


def framed(data: bytes) -> bytes:
    """The same blocks with BlockInfo and serialization bytes. Raises UnframedError for types nobody should need."""
    out, position = bytearray(), 0
    while position < len(data):
        columns, start = _varint(data, position)
        rows, start = _varint(data, start)
        out += _BLOCK_INFO + data[position:start]
        position = start
        for _ in range(columns):
            _name, start = _text(data, position)
            kind, start = _text(data, start)
            out += data[position:start] + _DEFAULT_SERIALIZATION
            position = _end(kind, data, start + 8 * kind.count("LowCardinality("), rows) if rows else start
            out += data[start:position]
    return bytes(out)


def _end(kind: str, data: bytes, at: int, rows: int) -> int:
    """Where the values of this type end. The versions of its LowCardinality parts stand before all values."""
    match = _TYPE.fullmatch(kind)
    name, inner = (match[1], match[2] or "") if match else (kind, "")
    if name in _SIZES:
        return at + _SIZES[name] * rows
    if name == "String":
        return _strings_end(data, at, rows)
    if name == "Nullable":
        return _end(inner, data, at + rows, rows)
    if name in ("FixedString", "Decimal"):
        return at + rows * (int(inner) if name == "FixedString" else _decimal(inner))
    return _container_end(name, inner, data, at, rows)


def _container_end(name: str, inner: str, data: bytes, at: int, rows: int) -> int:
    if name in ("Array", "Map"):
        total = unpack_from("<Q", data, at + 8 * (rows - 1))[0] if rows else 0
        return _end(inner if name == "Array" else f"Tuple({inner})", data, at + 8 * rows, total)
    if name == "Tuple":
        for part in _parts(inner):
            at = _end(part, data, at, rows)
        return at
    if name == "LowCardinality":
        return _low_cardinality_end(inner, data, at) if rows else at
    if name == "SimpleAggregateFunction":
        return _end(_parts(inner)[-1], data, at, rows)
    raise UnframedError(f"this client cannot have a column of type {name}; wrap it in toString()")


def _low_cardinality_end(inner: str, data: bytes, at: int) -> int:
    flags = int(unpack_from("<Q", data, at)[0])
    at += 8
    if flags & _HAS_KEYS:
        keys = int(unpack_from("<Q", data, at)[0])
        at = _end(re.sub(r"^Nullable\((.*)\)$", r"\1", inner), data, at + 8, keys)
    return at + 8 + int(unpack_from("<Q", data, at)[0]) * (1 << (flags & 0xFF))


def _strings_end(data: bytes, at: int, rows: int) -> int:
    for _ in range(rows):
        length = data[at]
        at += 1
        if length > 127:  # the varint goes on
            length, at = _varint(data, at - 1)
        at += length
    return at


def _parts(inner: str) -> list[str]:
    """The types in a list such as `a Int8, b Array(String)`, without the names."""
    parts, depth, start, quoted = [], 0, 0, ""
    for i, sign in enumerate(inner):
        if quoted:
            quoted = "" if sign == quoted and inner[i - 1] != "\\" else quoted
        elif sign in "'`":
            quoted = sign
        elif sign == "," and depth == 0:
            parts.append(inner[start:i])
            start = i + 1
        else:
            depth += (sign == "(") - (sign == ")")
    parts.append(inner[start:])
    return [re.sub(r"^(?:\w+|`(?:[^`\\]|\\.)*`) (?=[A-Z])", "", part.strip()) for part in parts]


def _decimal(inner: str) -> int:
    digits = int(inner.split(",", maxsplit=1)[0])
    return next(size for most, size in _DECIMALS if digits <= most)


def _text(data: bytes, at: int) -> tuple[str, int]:
    length, at = _varint(data, at)
    return data[at : at + length].decode(), at + length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # the last one
            return value, at
        shift += 7
