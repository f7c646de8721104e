"""Children that die with their parent: `python leash.py FD COMMAND...` ends COMMAND when FD closes.

A parent that is killed cannot clean up, and neither Linux nor macOS does it for every program. The
read end of a pipe is at its end as soon as the last holder of the write end is gone, however it went.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_GRACE = 10.0


@dataclass(slots=True)
class Child:
    """A program on a leash. `stop` asks, waits, then kills; it is safe to call twice."""

    name: str
    process: subprocess.Popen[bytes]
    _rope: int

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End it; the leash forwards the end to the program."""
        if self._rope >= 0:
            os.close(self._rope)
            self._rope = -1
        try:
            self.process.wait(_GRACE + 2.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Child:
    """Start a program that ends when this process does. Its output goes to `log`."""
    read, write = os.pipe()
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "-I", __file__, str(read), *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            pass_fds=(read,),
            env=environment,
            start_new_session=True,  # Ctrl-C is for the parent, which then stops its children in order
        )
    os.close(read)
    return Child(name, process, write)


def _hold(descriptor: int, command: Sequence[str]) -> int:
    program = subprocess.Popen(command, close_fds=True)  # noqa: S603  # our own command

    def watch() -> None:
        os.read(descriptor, 1)  # returns only at the end of the pipe: nobody ever writes
        program.send_signal(signal.SIGTERM)
        try:
            program.wait(_GRACE)
        except subprocess.TimeoutExpired:
            program.kill()

    threading.Thread(target=watch, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: program.terminate())
    code = program.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    raise SystemExit(_hold(int(sys.argv[1]), sys.argv[2:]))
