"""The processes of a demo: each is what production runs, on loopback, and each ends with the demo."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from monitor.alerting import Alerting, find_programs, start_alerting
from monitor.clock import monotonic
from monitor.embedded import start_broker
from monitor.errors import UserError
from monitor.leash import Child, start
from monitor.ports import free_port
from monitor.producing import ensure_topics
from monitor.settings import PREFIX, environment
from schemas.topics import TOPICS

PARTITIONS = 4


@dataclass(slots=True)
class Cast:
    """What runs, and where it listens. `stop` ends everything, last started first."""

    folder: Path
    broker: str = ""
    metrics_port: int = 0
    alerting: Alerting | None = None
    children: list[Child] = field(default_factory=list)

    @property
    def dsn(self) -> str:
        """The embedded store, as VIGIL_STORE takes it."""
        return f"chdb://{self.folder / 'store'}"

    @property
    def status_file(self) -> Path:
        """Where the simulator writes its tally."""
        return self.folder / "simulator.json"

    def start_broker(self) -> None:
        """Kafka's part is played by Tansu."""
        port = free_port()
        self.children.append(start_broker(port, self.folder / "broker.log"))
        self.broker = f"127.0.0.1:{port}"
        ensure_topics(self.broker, TOPICS, PARTITIONS)

    def start_worker(self) -> None:
        """A worker like any other; ready when its /healthz says so."""
        self.metrics_port = free_port()
        self._vigil("worker", "worker")
        _wait_until_healthy(self.children[-1], self.metrics_port, self.folder / "worker.log")

    def start_alerting(self, pagerduty_port: int) -> bool:
        """Prometheus and Alertmanager with the shipped rules; False when they are not installed."""
        if find_programs() is None:
            return False
        url = f"http://127.0.0.1:{pagerduty_port}/v2/enqueue"
        self.alerting = start_alerting(self.folder / "alerting", [f"127.0.0.1:{self.metrics_port}"], url)
        return True

    def start_simulator(self, *arguments: str) -> Child:
        """Traffic, in real time. Its tally goes to `status_file`."""
        self._vigil("simulator", "simulate", "--status-file", str(self.status_file), *arguments)
        return self.children[-1]

    def environment(self) -> Mapping[str, str]:
        """The settings of the worker and the simulator; other VIGIL_ variables of the user do not reach them."""
        ours = {
            "BROKER": self.broker,
            "STORE": self.dsn,
            "METRICS_PORT": str(self.metrics_port),
            "SQL_PORT": "0",
            "PARTITIONS": str(PARTITIONS),
        }
        rest = {name: value for name, value in environment().items() if not name.startswith(PREFIX)}
        return rest | {PREFIX + name: value for name, value in ours.items()}

    def stop(self) -> None:
        """End all of it; safe to call twice."""
        if self.alerting is not None:
            self.alerting.stop()
        for child in reversed(self.children):
            child.stop()

    def dead(self) -> str | None:
        """What to say when a part has ended that should run; None while all is well."""
        for child in self.children:
            if not child.alive() and child.name != "simulator":
                log = self.folder / f"{child.name}.log"
                last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-1:]
                return f"the {child.name} ended: {last[0] if last else 'without a word'}"
        return None

    def _vigil(self, name: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "monitor.cli", *arguments]
        self.children.append(start(name, command, self.folder / f"{name}.log", self.environment()))


def _wait_until_healthy(child: Child, port: int, log: Path, seconds: float = 60.0) -> None:
    give_up = monotonic() + seconds
    while monotonic() < give_up and child.alive():
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=1.0)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:  # HTTP's own number
                return
        except (OSError, HTTPException):
            time.sleep(0.1)
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()] if log.exists() else []
    raise UserError(f"the {child.name} did not become healthy; its last words: {lines[-1] if lines else 'none'}")
