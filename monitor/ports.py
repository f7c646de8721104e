"""Ports on this machine for programs that are started here: a free one, and when it answers."""

import socket
from pathlib import Path
from time import sleep

from monitor.clock import monotonic
from monitor.errors import UserError
from monitor.leash import Child

_POLL = 0.02
_given: set[int] = set()


def free_port() -> int:
    """A loopback port nobody listens on now. No port twice: whoever was given it may not listen yet."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = int(server.getsockname()[1])
        if port not in _given:
            _given.add(port)
            return port


def wait_for_port(child: Child, port: int, log: Path, seconds: float = 30.0) -> None:
    """Return when the child's port answers; UserError when it ends first or takes too long."""
    give_up = monotonic() + seconds
    while monotonic() < give_up:
        if not child.alive():
            break
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=0.2):
                return
        except OSError:
            sleep(_POLL)
    child.stop()
    tail = log.read_text(errors="replace").splitlines()[-3:] if log.exists() else []
    raise UserError(f"the {child.name} did not start on port {port}; its last words: {' | '.join(tail) or 'none'}")
