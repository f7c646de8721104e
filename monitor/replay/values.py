"""One cell of a recorded file to one value of a contract: `as = "..."` in a mapping. No I/O."""

import hashlib
import hmac
import json
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from monitor.errors import UserError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATEST = 7_258_118_400_000_000  # the year 2200; beyond it the unit is wrong
_NUMBER = re.compile(r"[+-]?\d{9,}(\.\d+)?|[+-]?\d+\.\d+", re.ASCII)
_TRUE, _FALSE = frozenset({"true", "yes", "t", "y", "1"}), frozenset({"false", "no", "f", "n", "0"})

UNITS = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 0.001}
"""Microseconds in one of each, for times that are numbers."""

Convert = Callable[[object], object]
"""A present cell to a JSON value. Raises BadCellError, and UserError for what makes the whole file ambiguous."""


class BadCellError(Exception):
    """This cell cannot become what the field needs: the row is refused and counted as `reason`."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.reason, self.field = reason, field


def is_absent(value: object) -> bool:
    """Whether a cell says nothing: None, NaN, NaT, or an empty string."""
    return value is None or value == "" or (isinstance(value, float | Decimal) and math.isnan(value))


def text(value: object) -> str:
    """A cell as text, the same for every file format: true, 5 for 5.0, 0.25. Raises BadCellError for the rest."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
        return str(int(value))
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise BadCellError("wrong_type")


def words(value: object) -> object:
    """Text, or a list of texts."""
    return [text(item) for item in value] if isinstance(value, list | tuple) else text(value)


def number(value: object) -> float:
    """A finite number, from a number or its text. Raises BadCellError."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise BadCellError("wrong_type")
    try:
        out = float(value)
    except (ValueError, OverflowError):
        raise BadCellError("wrong_type") from None
    if not math.isfinite(out):
        raise BadCellError("out_of_range")
    return out


def integer(value: object) -> int:
    """A whole number; 624.0 is one, 624.5 is refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    out = number(value)
    if not out.is_integer():
        raise BadCellError("wrong_type")
    return int(out)


def boolean(value: object) -> bool:
    """true/false, yes/no, t/f, y/n, 1/0 in any case."""
    word = text(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise BadCellError("wrong_type")


def micros(value: object, unit: str | None = None, pattern: str | None = None) -> int:
    """A moment in microseconds since 1970, UTC. Raises BadCellError.

    Takes datetimes, dates, ISO 8601 text, and numbers or their text in `unit` (seconds unless told).
    A time without a zone is UTC. `pattern` is a strptime format for other text.
    """
    moment = _moment(value, unit, pattern)
    if isinstance(moment, datetime):
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        out = (aware - EPOCH) // _MICROSECOND
    else:
        out = round(moment * UNITS[unit or "s"])
    if not 0 <= out <= _LATEST:
        raise BadCellError("bad_time")
    return out


def _moment(value: object, unit: str | None, pattern: str | None) -> datetime | float | int:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        if isinstance(value, str):
            return _parsed(value.strip(), unit, pattern)
        return value if isinstance(value, int) and not isinstance(value, bool) else number(value)
    except (ValueError, BadCellError):
        raise BadCellError("bad_time") from None


def _parsed(value: str, unit: str | None, pattern: str | None) -> datetime | float:
    if pattern is not None:
        return datetime.strptime(value, pattern)  # noqa: DTZ007  # a format without %z means UTC
    if unit is not None or _NUMBER.fullmatch(value):  # fromisoformat reads some epoch numbers as dates
        return number(value)
    if value.endswith(" UTC"):  # as SQL engines print it
        value = value.removesuffix(" UTC") + "+00:00"
    return datetime.fromisoformat(value)


def rfc3339(moment: int) -> str:
    """Microseconds since 1970 as the contracts write a time."""
    # isoformat is six times as fast as strftime.
    return (EPOCH + timedelta(microseconds=moment)).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def digest(values: list[object], key: bytes | None = None) -> str:
    """32 hexadecimal digits that stand for a list of cells; keyed when a key is given."""
    plain = json.dumps([None if is_absent(value) else text(value) for value in values]).encode()
    if key is None:
        return hashlib.sha256(plain).hexdigest()[:32]
    return hmac.new(key, plain, hashlib.sha256).hexdigest()[:32]


class Alphabet:
    """Fits names into a contract's alphabet, and remembers them: two names must not become one."""

    def __init__(self, field: str, outside: str, length: int, lower: bool) -> None:
        self._field, self._outside, self._length, self._lower = field, re.compile(outside, re.ASCII), length, lower
        self._fitted: dict[str, str] = {}
        self._owner: dict[str, str] = {}

    def __call__(self, value: object) -> str:
        """The fitted name. Raises UserError when another name already became the same."""
        raw = text(value)
        if (known := self._fitted.get(raw)) is not None:
            return known
        fitted = self._outside.sub("_", raw.lower() if self._lower else raw)
        if not fitted[0].isalnum():
            fitted = "x" + fitted  # a name begins with a letter or a digit
        fitted = fitted[: self._length]
        owner = self._owner.setdefault(fitted, raw)
        if owner != raw:
            raise UserError(
                f"{self._field}: {owner!r} and {raw!r} would both become {fitted!r}; "
                f'name them apart with values = {{ ... }} and otherwise = "keep"'
            )
        self._fitted[raw] = fitted
        return fitted


def identifier(field: str) -> Alphabet:
    """For names somebody else chose: letters, digits and . _ : / + -, at most 64."""
    return Alphabet(field, r"[^A-Za-z0-9._:/+-]", 64, lower=False)


def name(field: str) -> Alphabet:
    """For names the operator chose: small letters, digits and . _ -, at most 63."""
    return Alphabet(field, r"[^a-z0-9._-]", 63, lower=True)
