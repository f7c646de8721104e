"""One run of a real worker over a topic that is already full: how much CPU until all of it is stored.

The clock starts when the worker's own counter shows the first records, and those already counted by then
are taken off; imports, start-up and the group's join are outside. It ends when the last record is in
`windows`. Kafka's client may have fetched up to 4 MB a partition before the clock starts, near 2 us an
event, which flatters short runs; `with_start_per_cpu_s` counts everything from the moment the worker's
port answers, join and all, and errs the other way.
"""

import json
import re
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import PYTHON, child_environment, cpu_seconds, last_words, program_of, say
from monitor.clock import monotonic
from monitor.embedded import free_port, wait_for_port
from monitor.errors import UserError
from monitor.leash import Child, start
from monitor.store.endpoint import find
from schemas.topics import TELEMETRY_TOPIC

_COUNTED = re.compile(rf'^vigil_records_total{{topic="{re.escape(TELEMETRY_TOPIC.name)}"}} (\S+)$', re.M)
_STORED = f"""
SELECT sumIf(records, row_kind = 'range') AS stored, countIf(row_kind = 'cell') AS cells,
       uniqExactIf(worker, row_kind = 'range') AS workers
FROM windows WHERE topic = '{TELEMETRY_TOPIC.name}' FORMAT JSONEachRow"""  # noqa: S608  # a name of ours
_LOOK_EVERY, _ASK_EVERY, _PATIENCE = 0.02, 0.2, 90.0


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took. `store_cpu_s` is 0 when the store is in the worker's process."""

    records: int
    """Records between the first look and the end."""
    worker_cpu_s: float
    store_cpu_s: float
    wall_s: float
    with_start_per_cpu_s: float
    """All records by the CPU since the worker's port answered: a lower bound, of short runs a loose one."""
    cells_per_event: float
    """Rows of counts in the store by records: how little the events could be summed up."""

    @property
    def per_cpu_s(self) -> float:
        """Records per CPU second of the worker."""
        return self.records / self.worker_cpu_s

    @property
    def store_share(self) -> float:
        """The store's part of all CPU, 0 to 1."""
        return self.store_cpu_s / (self.store_cpu_s + self.worker_cpu_s)


@dataclass(frozen=True, slots=True)
class _Watched:
    """The processes of one run, and how to ask them."""

    worker: Child
    worker_pid: int
    store_pid: int | None
    metrics_url: str
    ask: Callable[[], dict[str, int]]
    log: Path

    def cpu(self) -> tuple[float, float, float]:
        """Worker's and store's CPU and the wall, in seconds."""
        store = 0.0 if self.store_pid is None else cpu_seconds(self.store_pid)
        return cpu_seconds(self.worker_pid), store, monotonic()


def run(broker: str, total: int, folder: Path, embedded: bool, **settings: object) -> Run:
    """Let a new worker with a new store read `total` records. `folder` must be new.

    Raises UserError when the worker ends, or does not move for 90 s.
    """
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        watched = _start(stack, broker, folder, embedded, settings)
        ready = watched.cpu()
        before = _first_counted(watched)
        begin = watched.cpu()
        stored = _all_stored(watched, total)
        end = watched.cpu()
    worker, store, wall = (after - start for start, after in zip(begin, end, strict=True))
    if total - before < total / 5 or worker <= 0:
        raise UserError(f"{before:,} of {total:,} records were counted before the first look; take more of them")
    done = Run(total - before, worker, store, wall, total / (end[0] - ready[0]), stored["cells"] / total)
    say(f"  {done.per_cpu_s:,.0f} events per CPU second, {done.records:,} in {worker:.1f} s of CPU, {wall:.1f} s wall")
    return done


def _start(stack: ExitStack, broker: str, folder: Path, embedded: bool, settings: dict[str, object]) -> _Watched:
    log, store = folder / "log", folder / "store"
    metrics, sql = free_port(), free_port()
    ours: dict[str, object] = {
        "broker": broker, "group": f"bench-{secrets.token_hex(4)}", "metrics_port": metrics, "sql_port": sql,
        "log_level": "warning", "create_topics": "false", "store": f"chdb://{store}",
    }  # fmt: skip
    store_pid = None
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
        ask = _asker(lambda: (f"http://127.0.0.1:{port}", reader))
    else:
        ask = _asker(lambda: _published(store))
    worker = start("worker", [PYTHON, "-m", "monitor.cli", "worker"], log, child_environment(**ours, **settings))
    stack.callback(worker.stop)
    wait_for_port(worker, metrics, log, _PATIENCE)
    pid = program_of(worker.process.pid)
    return _Watched(worker, pid, store_pid, f"http://127.0.0.1:{metrics}/metrics", ask, log)


def _published(store: Path) -> tuple[str, str]:
    endpoint = find(store)
    if endpoint is None:
        raise UserError(f"the worker does not publish where its store answers; look at {store.parent / 'log'}")
    return endpoint.url, endpoint.reader_token


def _asker(where: Callable[[], tuple[str, str]]) -> Callable[[], dict[str, int]]:
    def ask() -> dict[str, int]:
        url, token = where()
        query = f"{url}/?{urllib.parse.urlencode({'query': _STORED})}"
        request = urllib.request.Request(query, headers={"X-ClickHouse-Key": token})  # noqa: S310  # loopback
        with urllib.request.urlopen(request, timeout=30.0) as answer:  # noqa: S310  # as above
            return {name: int(value) for name, value in json.loads(answer.read()).items()}

    return ask


def _first_counted(watched: _Watched) -> int:
    """How many records the worker has counted, as soon as there are any."""
    give_up = monotonic() + _PATIENCE
    while monotonic() < give_up and watched.worker.alive():
        with urllib.request.urlopen(watched.metrics_url, timeout=30.0) as answer:  # noqa: S310  # loopback
            found = _COUNTED.search(answer.read().decode())
        if found and (count := int(float(found[1]))):
            return count
        time.sleep(_LOOK_EVERY)
    said = last_words(watched.log)
    raise UserError(f"the worker counted nothing and ended or waited {_PATIENCE:.0f} s; its last words: {said}")


def _all_stored(watched: _Watched, total: int) -> dict[str, int]:
    """Wait until `total` records are stored; not more, and by one worker."""
    stored, give_up = 0, monotonic() + _PATIENCE
    while monotonic() < give_up:
        time.sleep(_ASK_EVERY)
        if not watched.worker.alive():
            break
        try:
            answer = watched.ask()
        except urllib.error.HTTPError as error:
            raise UserError(f"the store refuses to count: {error.read().decode()[:200]}") from error
        if answer["stored"] >= total:
            if answer["stored"] > total or answer["workers"] > 1:
                raise UserError(f"{answer['stored']:,} records are stored, but there are {total:,}; is the store new?")
            return answer
        if answer["stored"] > stored:
            stored, give_up = answer["stored"], monotonic() + _PATIENCE
    said = last_words(watched.log)
    raise UserError(f"the worker stopped at {stored:,} of {total:,} records; its last words: {said}")
