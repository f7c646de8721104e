"""A real worker and its store as processes, and how to ask them: metrics over HTTP, rows over SQL, CPU, logs."""

import json
import re
import secrets
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import PYTHON, child_environment, cpu_seconds, last_words, program_of
from monitor.clock import monotonic
from monitor.errors import UserError
from monitor.leash import Child, start
from monitor.ports import free_port, wait_for_port
from monitor.store.endpoint import find
from schemas.topics import TELEMETRY_TOPIC

COUNTED = "vigil_records_total"
_START = 90.0
"""Seconds a worker may take until its port answers."""


@dataclass(frozen=True, slots=True)
class System:
    """The processes of one run, and how to ask them."""

    worker: Child
    worker_pid: int
    store_pid: int | None
    """None when the store is in the worker's process."""
    metrics_url: str
    log: Path
    where: Callable[[], tuple[str, str]]
    """The store's address and its reader's token."""

    def cpu(self) -> tuple[float, float, float]:
        """Worker's and store's CPU and the wall, in seconds."""
        store = 0.0 if self.store_pid is None else cpu_seconds(self.store_pid)
        return cpu_seconds(self.worker_pid), store, monotonic()

    def metrics(self) -> str:
        """The text of /metrics. Raises UserError when the worker has ended."""
        try:
            with urllib.request.urlopen(self.metrics_url, timeout=30.0) as answer:  # noqa: S310  # loopback
                text: str = answer.read().decode()
        except OSError as error:
            raise UserError(f"the worker does not answer; its last words: {last_words(self.log)}") from error
        return text

    def counted(self) -> int:
        """Telemetry records that the worker has counted."""
        return int(sample(self.metrics(), COUNTED, topic=TELEMETRY_TOPIC.name))

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query; whole numbers may come as text. Raises HTTPError when the store refuses it."""
        url, token = self.where()
        asked = f"{url}/?{urllib.parse.urlencode({'query': query + ' FORMAT JSONEachRow'})}"
        request = urllib.request.Request(asked, headers={"X-ClickHouse-Key": token})  # noqa: S310  # loopback
        with urllib.request.urlopen(request, timeout=60.0) as answer:  # noqa: S310  # as above
            return [json.loads(line) for line in answer.read().splitlines()]

    def check_alive(self) -> None:
        """Raises UserError when the worker has ended."""
        if not self.worker.alive():
            raise UserError(f"the worker ended; its last words: {last_words(self.log)}")


@contextmanager
def system(broker: str, folder: Path, embedded: bool, **settings: object) -> Iterator[System]:
    """A new worker with a new store, its port answering; ended on the way out. `folder` must be new."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        yield _start(stack, broker, folder, embedded, settings)


def _start(stack: ExitStack, broker: str, folder: Path, embedded: bool, settings: dict[str, object]) -> System:
    log, store = folder / "log", folder / "store"
    metrics, sql = free_port(), free_port()
    ours: dict[str, object] = {
        "broker": broker, "group": f"bench-{secrets.token_hex(4)}", "metrics_port": metrics, "sql_port": sql,
        "log_level": "warning", "create_topics": "false", "store": f"chdb://{store}",
    }  # fmt: skip
    store_pid, where = None, lambda: _published(store)
    if not embedded:
        port, tokens, writer = free_port(), folder / "tokens", folder / "writer"
        reader = secrets.token_urlsafe(32)
        writer.write_text(secrets.token_urlsafe(32))
        tokens.write_text(f"{reader}\n{writer.read_text()}\n")
        command = [PYTHON, "-m", "monitor.store.serve", str(store), str(port), str(tokens)]
        child = start("store", command, log, child_environment())
        stack.callback(child.stop)
        wait_for_port(child, port, log)
        store_pid = program_of(child.process.pid)
        ours |= {"store": f"http://default@127.0.0.1:{port}", "store_password_file": writer}

        def where() -> tuple[str, str]:
            return f"http://127.0.0.1:{port}", reader

    environment = child_environment(**ours | settings)
    worker = start("worker", [PYTHON, "-m", "monitor.cli", "worker"], log, environment)
    stack.callback(worker.stop)
    wait_for_port(worker, metrics, log, _START)
    pid = program_of(worker.process.pid)
    return System(worker, pid, store_pid, f"http://127.0.0.1:{metrics}/metrics", log, where)


def _published(store: Path) -> tuple[str, str]:
    endpoint = find(store)
    if endpoint is None:
        raise UserError(f"the worker does not publish where its store answers; look at {store.parent / 'log'}")
    return endpoint.url, endpoint.reader_token


def samples(text: str, name: str) -> dict[str, float]:
    """Every sample of a metric in the text of /metrics, by what stands between its braces."""
    return {labels or "": float(value) for labels, value in re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.M)}


def sample(text: str, name: str, **labels: str) -> float:
    """One sample; 0 where the metric has none with exactly these labels."""
    wanted = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))  # as they are written
    return samples(text, name).get(wanted, 0.0)
