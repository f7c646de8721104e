"""What every contract shares: frozen, closed, finite, UTC, and identifiers no sentence fits into."""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

RFC3339_UTC = r"^2[01]\d{2}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|\+00:00)$"
_RFC3339_UTC = re.compile(RFC3339_UTC, re.ASCII)


class Contract(BaseModel):
    """A message of one topic. Unknown fields are refused: content travels in unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _require_utc_text(value: Any) -> Any:
    # pydantic alone also takes numbers, "1700000000", a blank for the T, and any offset; two
    # producers must not write one moment in two ways.
    if isinstance(value, str):
        if not _RFC3339_UTC.match(value):
            raise PydanticCustomError("bad_time", "must be RFC 3339 in UTC, such as 2026-11-20T23:00:00.123Z")
    elif not isinstance(value, datetime):
        raise PydanticCustomError("wrong_type", "must be a string")
    elif value.utcoffset():
        raise PydanticCustomError("bad_time", "must be in UTC")
    return value


UtcTime = Annotated[
    AwareDatetime,
    Field(strict=False),  # a value that went through a function counts as Python's, where strict refuses str
    BeforeValidator(_require_utc_text),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": RFC3339_UTC}),
]
"""A moment in UTC; microseconds are kept, finer digits are cut."""

# The alphabets below are the second wall against content: no blank, no "@", no quote, and short.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{0,62}$")]
"""A name the operator chose: a feature, a guardrail, a tool."""
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/+-]{0,63}$")]
"""A name somebody else chose: a model, a version, a region."""
EventId = Annotated[str, Field(pattern=r"^[A-Za-z0-9:_-]{8,64}$")]
"""Unique per event; a producer's retry repeats it. UUID, ULID and traceId:spanId all fit."""
Pseudonym = Annotated[str, Field(pattern=r"^[0-9a-f]{32,64}$")]
"""Hexadecimal digits of a keyed hash, 128 bits or more; a telephone or card number is shorter."""
TraceId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
SpanId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Locale = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")]
"""A BCP 47 language tag."""
Ratio = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Milliseconds = Annotated[float, Field(ge=0.0, le=86_400_000.0)]
