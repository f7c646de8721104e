"""One run of a real worker over a topic that is already full: how much CPU until all of it is stored.

The clock starts when the worker's own counter shows the first records, and those already counted by then
are taken off; imports, start-up and the group's join are outside. It ends when the last record is in
`windows`. Kafka's client may have fetched up to 4 MB a partition before the clock starts, near 2 us an
event, which flatters short runs; `with_start_per_cpu_s` counts everything from the moment the worker's
port answers, join and all, and errs the other way.
"""

import time
import urllib.error
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import last_words, say
from benchmarks.memory import peak_mb
from benchmarks.system import System, system
from monitor.clock import monotonic
from monitor.errors import UserError
from schemas.topics import TELEMETRY_TOPIC

_STORED = f"""
SELECT sumIf(records, row_kind = 'range') AS stored, countIf(row_kind = 'cell') AS cells,
       uniqExactIf(worker, row_kind = 'range') AS workers
FROM windows WHERE topic = '{TELEMETRY_TOPIC.name}'"""  # noqa: S608  # a name of ours
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
    worker_peak_mb: float
    """The most memory the worker held."""

    @property
    def per_cpu_s(self) -> float:
        """Records per CPU second of the worker."""
        return self.records / self.worker_cpu_s

    @property
    def store_share(self) -> float:
        """The store's part of all CPU, 0 to 1."""
        return self.store_cpu_s / (self.store_cpu_s + self.worker_cpu_s)


def run(broker: str, total: int, folder: Path, embedded: bool, **settings: object) -> Run:
    """Let a new worker with a new store read `total` records. `folder` must be new.

    Raises UserError when the worker ends, or does not move for 90 s.
    """
    with system(broker, folder, embedded, **settings) as watched:
        return read_all(watched, total)


def read_all(watched: System, total: int) -> Run:
    """Watch a worker that has just started until `total` records are stored.

    Raises UserError when the worker ends, or does not move for 90 s.
    """
    ready = watched.cpu()
    before = _first_counted(watched)
    begin = watched.cpu()
    stored = _all_stored(watched, total)
    end, peak = watched.cpu(), peak_mb(watched.worker_pid)
    worker, store, wall = (after - start for start, after in zip(begin, end, strict=True))
    if total - before < total / 5 or worker <= 0:
        raise UserError(f"{before:,} of {total:,} records were counted before the first look; take more of them")
    done = Run(total - before, worker, store, wall, total / (end[0] - ready[0]), stored["cells"] / total, peak)
    say(f"  {done.per_cpu_s:,.0f} events per CPU second, {done.records:,} in {worker:.1f} s of CPU, {wall:.1f} s wall")
    return done


def _first_counted(watched: System) -> int:
    """How many records the worker has counted, as soon as there are any."""
    give_up = monotonic() + _PATIENCE
    while monotonic() < give_up and watched.worker.alive():
        if count := watched.counted():
            return count
        time.sleep(_LOOK_EVERY)
    said = last_words(watched.log)
    raise UserError(f"the worker counted nothing and ended or waited {_PATIENCE:.0f} s; its last words: {said}")


def _all_stored(watched: System, total: int) -> dict[str, int]:
    """Wait until `total` records are stored; not more, and by one worker."""
    stored, give_up = 0, monotonic() + _PATIENCE
    while monotonic() < give_up:
        time.sleep(_ASK_EVERY)
        if not watched.worker.alive():
            break
        try:
            [row] = watched.rows(_STORED)
        except urllib.error.HTTPError as error:
            raise UserError(f"the store refuses to count: {error.read().decode()[:200]}") from error
        answer = {name: int(value) for name, value in row.items()}
        if answer["stored"] >= total:
            if answer["stored"] > total or answer["workers"] > 1:
                raise UserError(f"{answer['stored']:,} records are stored, but there are {total:,}; is the store new?")
            return answer
        if answer["stored"] > stored:
            stored, give_up = answer["stored"], monotonic() + _PATIENCE
    said = last_words(watched.log)
    raise UserError(f"the worker stopped at {stored:,} of {total:,} records; its last words: {said}")
