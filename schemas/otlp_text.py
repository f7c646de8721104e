"""Free strings into the contract's alphabets, or nothing. A sentence or an e-mail address comes out as None."""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from schemas.otlp_item import Value

_NAME = re.compile(r"[a-z][a-z0-9._-]{0,62}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,63}")
_EVENT_ID = re.compile(r"[A-Za-z0-9:_-]{8,64}")
_PSEUDONYM = re.compile(r"[0-9a-f]{32,64}")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_VERSION_AT = re.compile(r"@(?=(\d[\w.]*|latest|default)$)")  # claude-3-5-sonnet@20240620, as Vertex AI writes it
_SEPARATORS = str.maketrans(" /:+", "----")
_MAX_NAME_WORDS = 3
_THRESHOLD = re.compile(r"(?:^|,)\s*ot=[^,]*?\bth:([0-9a-f]{1,14})(?=[;,\s]|$)")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_NANO = 946_684_800 * 10**9  # 2000; the contract has no earlier year
_LAST_NANO = 7_258_118_400 * 10**9  # 2200
_MAX_WEIGHT = 1_000_000
_MAX_COUNT = 2**53


@lru_cache(maxsize=8192)
def name(value: str) -> str | None:
    """A Name: lower case, " ", "/", ":" and "+" become "-". Four words and more are a sentence: None."""
    if value.count(" ") >= _MAX_NAME_WORDS:
        return None
    text = value.strip().lower().translate(_SEPARATORS)
    return text if _NAME.fullmatch(text) else None


@lru_cache(maxsize=8192)
def identifier(value: str) -> str | None:
    """An Identifier, as it is; only a version behind an "@" becomes one behind a ":"."""
    text = _VERSION_AT.sub(":", value) if "@" in value else value
    return text if _IDENTIFIER.fullmatch(text) else None


def event_id(value: str) -> str | None:
    """An EventId, as it is."""
    return value if _EVENT_ID.fullmatch(value) else None


@lru_cache(maxsize=8192)
def pseudonym(value: str) -> str | None:
    """A Pseudonym, as it is."""
    return value if _PSEUDONYM.fullmatch(value) else None


def locale(value: str) -> str | None:
    """A language tag, as it is."""
    return value if _LOCALE.fullmatch(value) else None


def moment(nanos: int) -> str | None:
    """Unix nanoseconds as a UtcTime, cut to microseconds; None outside the years 2000 to 2199."""
    if not _FIRST_NANO <= nanos < _LAST_NANO:
        return None
    seconds, rest = divmod(nanos, 10**9)
    return f"{_second(seconds)}.{rest // 1000:06d}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def count(value: Value | None) -> int | None:
    """A Count of an attribute: whole, not negative; None for anything else."""
    if type(value) is int:  # nearly all are
        return value if 0 <= value <= _MAX_COUNT else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_COUNT else None


def bounded(value: Value | None, high: float) -> float | None:
    """A number of 0 to `high`; None for anything else, NaN included."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= high:
        return float(value)
    return None


def keyed_hash(key: bytes, value: str) -> str:
    """A Pseudonym of 128 bits: HMAC-SHA-256 of the value's UTF-8, cut."""
    return hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


def stable_id(*parts: str) -> str:
    """An EventId of 128 bits from what identifies an event."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def sampling_weight(trace_state: str) -> int | None:
    """How many spans a sampled one stands for, from `ot=th:` of its trace state; None when it does not say."""
    found = _THRESHOLD.search(trace_state)
    if found is None:
        return None
    rejected = int(found[1].ljust(14, "0"), 16)
    weight = round(2**56 / (2**56 - rejected))
    return min(weight, _MAX_WEIGHT)
