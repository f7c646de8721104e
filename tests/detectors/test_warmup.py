import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def decorated(source: Path) -> set[str]:
    """Names of compiled functions of a file, with the file's."""
    lines = source.read_text().splitlines()
    defined = [line for before, line in itertools.pairwise(lines) if before == "@compiled"]
    return {f"{source.stem}.{name}" for line in defined for name in re.findall(r"^def (\w+)", line)}


BESIDE = ("values", "fleet", "evidence")
"""Files, by how they begin, that a worker does not run; and two functions that only these call."""
ONLY_THERE = {"belief.take", "level.take_level"}


@pytest.mark.slow
def test_warming_up_compiles_all_that_a_worker_runs(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-W", "error", "-c", "from detectors.warmup import warm_up; warm_up()"],
        cwd=ROOT,
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        check=True,
    )
    live = [path for path in (ROOT / "detectors").glob("*.py") if not path.stem.startswith(BESIDE)]
    expected = set().union(*map(decorated, live)) - ONLY_THERE
    assert len(expected) > 10
    assert {path.name.rsplit("-", 1)[0] for path in tmp_path.rglob("*.nbi")} == expected
