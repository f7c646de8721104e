"""A contract's time as Unix microseconds, fast: whole seconds are remembered, for they repeat."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from schemas.base import RFC3339_UTC

_FORM = re.compile(RFC3339_UTC.replace("$", r"\Z"), re.ASCII)
_ENTRIES = 100_000
_SECOND = 1_000_000


class Moments:
    """Reads the times of one thread."""

    def __init__(self) -> None:
        self._seconds: dict[str, int] = {}
        self._fractions = {f".{part:03d}Z": part * 1000 for part in range(1000)} | {"Z": 0, "+00:00": 0}

    def read(self, texts: Iterable[str]) -> list[int | None]:
        """Unix microseconds, finer digits cut; None for what `schemas.base.UtcTime` does not take."""
        seconds, fractions = self._seconds, self._fractions
        found: list[int | None] = []
        for text in texts:
            second, fraction = seconds.get(text[:19]), fractions.get(text[19:])
            if second is None:
                found.append(self._read(text))
            elif fraction is None:
                found.append(self._finer(second, text))
            else:
                found.append(second + fraction)
        return found

    def _finer(self, second: int, text: str) -> int | None:
        # Up to six digits fromisoformat reads every character of them; after that it skips what is there.
        if not 22 <= len(text) <= 27 or text[19] != "." or text[-1] != "Z":
            return self._read(text)
        try:
            return second + datetime.fromisoformat(text).microsecond
        except ValueError:
            return None

    def _read(self, text: str) -> int | None:
        found = _FORM.match(text)
        if found is None or text[11:13] == "24":  # which newer Pythons take for the next day's midnight
            return None
        try:
            second = int(datetime.fromisoformat(text[:19] + "+00:00").timestamp()) * _SECOND
        except ValueError:
            return None
        if len(self._seconds) >= _ENTRIES:
            self._seconds.clear()
        self._seconds[text[:19]] = second
        return second + int((found[1] or ".0")[1:7].ljust(6, "0"))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def unix_microseconds(moment: datetime) -> int:
    """An aware time as Unix microseconds, exactly."""
    return (moment - _EPOCH) // _MICROSECOND
