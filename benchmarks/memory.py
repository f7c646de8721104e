"""Memory of a process as Linux tells it: what it holds now, and the most it ever held."""

import re
from pathlib import Path

from monitor.errors import UserError


def megabytes_of(status: str, name: str) -> float:
    """A line of the text of a /proc/PID/status, in MB of 10^6 bytes. Raises ValueError when it is not there."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.M)
    if found is None:
        raise ValueError(f"there is no {name}: the process has ended")
    return int(found[1]) * 1024 / 1e6


def resident_mb(pid: int) -> float:
    """What a process holds in memory now (RSS), in MB. Raises UserError when it is gone."""
    return _read(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """The most that a process has held in memory since its start, in MB. Raises UserError when it is gone."""
    return _read(pid, "VmHWM")


def _read(pid: int, name: str) -> float:
    try:
        return megabytes_of(Path(f"/proc/{pid}/status").read_text(), name)
    except (OSError, ValueError) as error:
        raise UserError(f"process {pid} ended while its memory was measured; look at the log it wrote") from error
