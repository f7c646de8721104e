"""The columns of table `telemetry`, as its migration declares them. No I/O but the reading of that file at import."""

import re
from collections.abc import Iterator
from pathlib import Path

from monitor.store import migrations

_DECLARED = re.compile(r"CREATE TABLE telemetry \(\n(.*?)\n\)\nENGINE", re.DOTALL)
_COMMENT, _DEFAULT = re.compile(r" COMMENT '[^']*'"), re.compile(r" DEFAULT .*$")


def telemetry_columns() -> dict[str, str]:
    """Name to type, in the order of the table."""
    text = (Path(migrations.__path__[0]) / "0001_tables.sql").read_text("utf-8")
    found = _DECLARED.search(text)
    if found is None:
        raise TypeError("0001_tables.sql does not declare a table telemetry")
    lines = _COMMENT.sub("", " ".join(line.strip() for line in found[1].splitlines()))
    said = (part.partition(" ") for part in parts(lines) if not part.startswith("INDEX "))
    return {name: _DEFAULT.sub("", kind) for name, _, kind in said}


def parts(text: str) -> Iterator[str]:
    """What stands between the commas that are in no brackets."""
    depth, start = 0, 0
    for at, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            yield text[start:at].strip()
            start = at + 1
    yield text[start:].strip()
