"""A worker without Kafka and without waiting: the real intake, store, scorer and metrics, and a clock that is told.

Each step hands the partitions what the simulator sends in that time, stores it, scores what closed, and reads
/metrics, as a worker and its Prometheus do all the time. It may die between two steps and come back.
"""

import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from clickhouse_connect.driver.client import Client
from faust.types import TP

from benchmarks.quiet_rules import Sample
from monitor.batch import Batch, End
from monitor.counting import Counting
from monitor.ingest import Ingest
from monitor.kinds import COUNTED
from monitor.metrics import Metrics
from monitor.scorekeeper import Scorekeeper
from monitor.settings import Settings
from monitor.simulator.generate import generate
from monitor.simulator.history import history
from monitor.simulator.plan import Plan, Record, Tally
from monitor.store.client import connect
from monitor.store.migrate import migrate
from monitor.store.windows import insert_cells
from monitor.writing import Writer
from schemas.dead_letter import DeadLetter
from schemas.topics import CHANGES_TOPIC, OTLP_TOPIC, REVIEWS_TOPIC, TELEMETRY_TOPIC

PARTITIONS = 4
BATCH = 500
"""Records of one fetch at most, as in production."""
AUDIT_EVERY = 30
"""Steps."""
_READ = (TELEMETRY_TOPIC, CHANGES_TOPIC, REVIEWS_TOPIC, OTLP_TOPIC)
_ALL = frozenset(TP(topic.name, number) for topic in _READ for number in range(PARTITIONS))


@dataclass(slots=True)
class Time:
    """A clock that stands where it is put; in Unix seconds."""

    moment: float

    def now(self) -> datetime:
        """As a Clock."""
        return datetime.fromtimestamp(self.moment, UTC)

    def timer(self) -> float:
        """As a Timer."""
        return self.moment


@dataclass(slots=True)
class Log:
    """What Kafka would hold: the records of each partition, oldest first. Nothing is ever dropped."""

    start: float
    """Unix seconds at which the plan of these records starts."""
    records: defaultdict[TP, list[Record]] = field(default_factory=lambda: defaultdict(list))

    def append(self, record: Record) -> None:
        """Add one, to the partition of its key."""
        self.records[TP(record.topic, zlib.crc32(record.key.encode()) % PARTITIONS)].append(record)

    def batch(self, tp: TP, first: int) -> Batch:
        """One fetch of a partition, from this offset on."""
        records = self.records[tp][first : first + BATCH]
        values = [record.value for record in records]
        times = [round(1000 * (self.start + record.at)) for record in records]
        return Batch(tp.topic, tp.partition, first, first, first + len(records) - 1, values, times, None)


class Life:
    """One worker from its start to its end. All of it blocks; nothing of it waits."""

    def __init__(self, store: str, time: Time, log: Log, settings: Settings) -> None:
        self._time, self._log = time, log
        self.metrics = Metrics()
        self.letters: list[DeadLetter] = []
        client = connect(store)
        counting = Counting(self.metrics, settings.features, time.now())
        writer = Writer(client, counting, self._send, "quiet-day", (time.now, time.timer))
        self._ingest = Ingest(settings, client, counting, writer, (time.now, time.timer))
        self._keeper = Scorekeeper(settings, connect(store), self.metrics, time.now, partial(connect, store))
        self._steps = 0

    async def _send(self, letters: Sequence[DeadLetter]) -> None:
        self.letters += letters

    async def start(self) -> None:
        """Take all partitions over, where the store says that they were left."""
        known = await self._ingest.start_offsets(set(_ALL))
        await self._ingest.assigned(dict.fromkeys(_ALL, 0) | dict(known))

    async def step(self) -> None:
        """Read what is there, store it, and score what closed."""
        ends = {}
        for tp, partition in self._ingest.partitions.items():
            records = self._log.records[tp]
            while partition.next_offset < len(records):
                first = partition.next_offset
                await self._ingest.take(self._log.batch(tp, first), _nothing)
            ends[tp] = End(len(records), self._time.moment, len(records), len(records))
        self._ingest.look(ends)
        await self._ingest.flush()
        self._keeper.own(range(PARTITIONS), dict.fromkeys(COUNTED, PARTITIONS))
        self._keeper.tick()
        if self._steps % AUDIT_EVERY == 0:
            self._keeper.audit()
        self._steps += 1

    def end(self) -> None:
        """Die without a last flush."""
        self._keeper.stop()

    def shown(self, names: frozenset[str]) -> dict[Sample, float]:
        """What /metrics says of these series."""
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name in names
        }


def flowing(plan: Plan) -> Iterator[list[Record]]:
    """The plan's records, second by second of their sending; without end if the plan has none."""
    held: list[Record] = []
    second = 1.0
    for record in generate(plan, Tally()):
        while record.at >= second:
            yield held
            held, second = [], second + 1.0
        held.append(record)
    yield held


def remember(client: Client, plan: Plan, hours: int) -> None:
    """Fill a new store with the hours before the plan's start, so that its features are known."""
    migrate(client)
    past = history(plan.start, hours, plan.seed, plan.traffic, plan.profiles)
    for number, columns in enumerate(past):
        insert_cells(client, f"{TELEMETRY_TOPIC.name}.history", columns, "history", f"history-{number}")


def _nothing() -> None:
    """Nobody waits for an ack."""
