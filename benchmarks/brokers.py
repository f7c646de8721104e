"""The brokers a benchmark may want: Tansu in memory, or Apache Kafka, which can be restarted on its data."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from benchmarks.common import program_of
from monitor.embedded import start_broker
from monitor.leash import Child, start
from monitor.ports import free_port, wait_for_port
from tests.kafka.broker import start_kafka

_LEASH = 4
"""Words in front of the program's own command on a leash: Python, -I, the leash, its descriptor."""


@dataclass(slots=True)
class Kafka:
    """An Apache Kafka that can be ended and started again on the same data, at the same address."""

    child: Child
    address: str
    folder: Path

    def restart(self, how: signal.Signals, pause: float) -> None:
        """End it by this signal, and start it again after so many seconds; ready when this returns."""
        command = cast("list[str]", self.child.process.args)
        if how == signal.SIGKILL:
            os.kill(program_of(self.child.process.pid), how)
        self.child.stop()
        time.sleep(pause)
        log = self.folder / "broker.log"
        self.child = start("Apache Kafka", command[_LEASH:], log)
        wait_for_port(self.child, int(self.address.rpartition(":")[2]), log, 60.0)


@contextmanager
def tansu(folder: Path) -> Iterator[str]:
    """The embedded broker, empty; its address."""
    port = free_port()
    child = start_broker(port, folder / "broker.log")
    try:
        yield f"127.0.0.1:{port}"
    finally:
        child.stop()


@contextmanager
def apache(folder: Path, settings: str = "") -> Iterator[Kafka]:
    """Apache Kafka with these lines of configuration beside the tests' own. Raises UserError where there is none."""
    home = folder / "kafka"
    home.mkdir()
    child, address = start_kafka(home)
    kafka = Kafka(child, address, home)
    try:
        if settings:
            with (home / "server.properties").open("a") as out:
                out.write(settings)  # of two lines for one setting Kafka takes the last
            kafka.restart(signal.SIGTERM, 0.0)
        yield kafka
    finally:
        kafka.child.stop()
