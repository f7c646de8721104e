"""Times as people and files write them, in Unix seconds."""

from datetime import UTC, datetime

from monitor.durations import seconds_of
from monitor.errors import UserError

_LATEST = 4_102_444_800.0
"""The year 2100: beyond it a number is milliseconds."""


def moment(text: str) -> tuple[float, bool]:
    """ISO 8601 or Unix seconds, and whether it said its zone; without one it is UTC. Raises ValueError, to be told."""
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        return checked(number), True
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ValueError("is no time; write ISO 8601 such as 2026-11-20T12:00:00Z, or Unix seconds") from error
    zoned = found.tzinfo is not None
    return checked((found if zoned else found.replace(tzinfo=UTC)).timestamp()), zoned


def checked(unix_seconds: float) -> float:
    """The same number. Raises ValueError where it cannot be seconds since 1970."""
    if 0.0 <= unix_seconds < _LATEST:
        return unix_seconds
    if unix_seconds >= _LATEST:
        raise ValueError("lies after the year 2100 in Unix seconds; are these milliseconds? divide them by 1000")
    raise ValueError("lies before 1970 or is no number; write ISO 8601, or Unix seconds")


def moment_of_option(option: str, text: str) -> int:
    """A time given with an option, in whole Unix seconds. Raises UserError."""
    try:
        return int(moment(text)[0])
    except ValueError as error:
        raise UserError(f"{option} {text!r} {error}") from error


def moment_near(option: str, text: str, now: float) -> int:
    """A time given with an option, or `now`, or what lies before it as in `now-30m`; whole Unix seconds, as `now` is.

    Raises UserError.
    """
    begin, minus, length = text.strip().partition("-")
    if begin.strip() != "now":
        return moment_of_option(option, text)
    try:
        return int(checked(now - (seconds_of(length) if minus else 0)))
    except (UserError, ValueError) as error:
        raise UserError(f"{option} {text!r}: {error}") from error


def zoned_moment_of_option(option: str, text: str) -> datetime:
    """A time that must say its zone, in UTC: for what is written down for good. Raises UserError."""
    try:
        unix_seconds, zoned = moment(text)
    except ValueError as error:
        raise UserError(f"{option} {text!r} {error}") from error
    if not zoned:
        raise UserError(f"{option} {text!r} has no zone; write {text}Z for UTC")
    return datetime.fromtimestamp(unix_seconds, UTC)


def rfc3339(unix_seconds: int) -> str:
    """`2026-11-20T12:00:00Z`."""
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat().replace("+00:00", "Z")
