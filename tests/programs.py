"""Programs that pip does not install: tests that need one are skipped without it, and fail in `make test-all`."""

import os
import shutil
from typing import NoReturn

import pytest

PROMETHEUS = ("prometheus",)
ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")  # Debian's name, then everybody else's


def needs(program: str, *other_names: str) -> pytest.MarkDecorator:
    """Skip unless the program is on the PATH under one of its names. With REQUIRE_ALL set, let it fail instead."""
    missing = not any(shutil.which(name) for name in (program, *other_names))
    return pytest.mark.skipif(missing and not os.environ.get("REQUIRE_ALL"), reason=_loudly(program, "not installed"))


def do_without(what: str, why: str) -> NoReturn:
    """Skip the test that asked for this, in a fixture of it. With REQUIRE_ALL set, fail it instead."""
    if os.environ.get("REQUIRE_ALL"):
        pytest.fail(f"there is no {what}: {why}", pytrace=False)
    pytest.skip(_loudly(what, why))


def skip(what: str, why: str) -> NoReturn:
    """Skip the test that asked for what `make test-all` cannot install either."""
    pytest.skip(f"SKIPPED FOR WANT OF {what}: {why}")


def _loudly(what: str, why: str) -> str:
    return f"SKIPPED FOR WANT OF {what}: {why}; `make test-all` installs what is missing and runs this"
