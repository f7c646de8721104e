"""Programs that pip does not install: tests that need one are skipped without it, and fail in `make test-all`."""

import os
import shutil

import pytest

PROMETHEUS = ("prometheus",)
ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")  # Debian's name, then everybody else's


def needs(program: str, *other_names: str) -> pytest.MarkDecorator:
    """Skip unless the program is on the PATH under one of its names. With REQUIRE_ALL set, let it fail instead."""
    missing = not any(shutil.which(name) for name in (program, *other_names))
    reason = f"SKIPPED FOR WANT OF {program}: it is not installed here; `make test-all` installs it and runs this"
    return pytest.mark.skipif(missing and not os.environ.get("REQUIRE_ALL"), reason=reason)
