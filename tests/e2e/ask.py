"""One query against an embedded store, from a process of its own: chDB opens one path per process."""

import json
import subprocess
import sys
from typing import Any


def ask(dsn: str, query: str) -> list[dict[str, Any]]:
    """The rows of a query, as `vigil sql` gives them."""
    command = [sys.executable, "-m", "monitor.cli", "sql", "--store", dsn, "--format", "json", query]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows
