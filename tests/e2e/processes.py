"""A broker and workers as real processes. Everything listens on loopback and ends with the test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass
class Workers:
    """Starts workers on one broker and one store, and kills them."""

    folder: Path
    broker: str
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def dsn(self) -> str:
        return f"chdb://{self.folder / 'store'}"

    def start(self, **settings: str) -> subprocess.Popen[bytes]:
        ours = {"BROKER": self.broker, "STORE": self.dsn, "METRICS_PORT": "0", "SQL_PORT": "0"} | settings
        environment = os.environ | {f"VIGIL_{name}": value for name, value in ours.items()}
        with (self.folder / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "monitor.cli", "worker"], env=environment, stdout=log, stderr=log
            )
        self.running.append(process)
        return process

    def log(self) -> str:
        return (self.folder / "worker.log").read_text(errors="replace")

    def stop(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until(what: Callable[[], bool], seconds: float, why: str) -> None:
    """Poll until `what` holds; fail with `why` when it does not in time."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if what():
            return
        time.sleep(0.2)
    pytest.fail(f"not in {seconds:.0f} s: {why}")
