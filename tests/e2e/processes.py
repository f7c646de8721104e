"""Workers, and a store for several, as real processes. Everything listens on loopback and ends with the test."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from monitor.ports import free_port


@dataclass
class Workers:
    """Starts workers on one broker and one store, and kills them."""

    folder: Path
    broker: str
    settings: dict[str, str] = field(default_factory=dict)
    """Of every worker, without VIGIL_; what `start` is given comes first."""
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def dsn(self) -> str:
        return f"chdb://{self.folder / 'store'}"

    def start(self, **settings: str) -> subprocess.Popen[bytes]:
        ours = {"BROKER": self.broker, "STORE": self.dsn, "METRICS_PORT": "0", "SQL_PORT": "0"}
        chosen = ours | self.settings | settings
        environment = os.environ | {f"VIGIL_{name}": value for name, value in chosen.items()}
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
            end(process)


def end(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process that was told to end; kill it when it does not. Its exit code."""
    try:
        return process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


@dataclass
class Served:
    """`monitor.store.serve` on an embedded store."""

    folder: Path
    process: subprocess.Popen[bytes] = field(init=False)
    port: int = field(init=False)

    def __post_init__(self) -> None:
        reader, writer = secrets.token_hex(16), secrets.token_hex(16)
        tokens = self.folder / "tokens"
        tokens.write_text(f"{reader}\n{writer}\n")
        (self.folder / "writer").write_text(writer)
        self.port = free_port()
        command = [sys.executable, "-m", "monitor.store.serve", str(self.folder / "store"), str(self.port), str(tokens)]
        with (self.folder / "store.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(lambda: "answers at" in self.log() or self.process.poll() is not None, 30, "the store answers")
        assert self.process.poll() is None, self.log()

    def log(self) -> str:
        return (self.folder / "store.log").read_text(errors="replace")

    @property
    def settings(self) -> dict[str, str]:
        """What a worker must be told to write there."""
        return {
            "STORE": f"http://default@127.0.0.1:{self.port}",
            "STORE_PASSWORD_FILE": str(self.folder / "writer"),
        }

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        end(self.process)


def wait_until(what: Callable[[], bool], seconds: float, why: str) -> None:
    """Poll until `what` holds; fail with `why` when it does not in time."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if what():
            return
        time.sleep(0.2)
    pytest.fail(f"not in {seconds:.0f} s: {why}")
