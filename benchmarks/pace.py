"""A producer in a process of its own that keeps a pace: `python -m benchmarks.pace ORDER`, ORDER being JSON.

Every 20 ms it makes the events that are due, stamped with the time at which they are made, and writes a
line when the broker has acknowledged them all: when they were made, when acknowledged, how many in each
partition. Feature n is always in partition n modulo the partitions, so that a feature's counter says how
far its partition has come.
"""

import asyncio
import json
import random
import signal
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

from aiokafka import AIOKafkaProducer

from benchmarks.common import PYTHON, child_environment, last_words
from benchmarks.delays import Tick
from benchmarks.events import Shape, bodies_of, whole
from benchmarks.system import COUNTED, sample
from monitor.clock import monotonic, now
from monitor.errors import UserError
from monitor.leash import Child, start
from schemas.topics import TELEMETRY_TOPIC

_TICK, _MOST, _ASK_EVERY = 0.02, 2000, 0.25
"""Seconds between ticks, events in one at most, and seconds between two looks at what the worker has counted."""
_BATCH_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Order:
    """What to send. It ends after `seconds` or `events`, whichever comes first, or on SIGTERM."""

    broker: str
    partitions: int
    features: int
    salt: str
    """Eight hexadecimal digits, other ones for each producer: no event id comes twice."""
    out: str
    """The file of the lines."""
    rate: float = 0.0
    """Events per second; 0: as fast as it goes."""
    seconds: float = 1e9
    events: int = 10**12
    metrics_url: str = ""
    """A worker's metrics, for `lead`."""
    lead: int = 0
    """Be at most so many events ahead of the worker; 0: do not look at it."""
    before: int = 0
    """Events in the topic that others sent."""


@dataclass(slots=True)
class _Makes:
    """Events of one producer, each partition with its own features."""

    order: Order
    made: int = 0
    _chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311  # test data, no secret
    _bodies: list[list[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        everything = bodies_of(Shape(0, now(), self.order.features), self._chance)
        numbers = range(self.order.partitions)
        # Body n has feature n % features: a stride of both keeps a partition to its own features.
        self._bodies = [
            [body for i, body in enumerate(everything) if i % self.order.features % len(numbers) == number]
            for number in numbers
        ]

    def event(self, partition: int, moment: bytes) -> bytes:
        """The next one."""
        self.made += 1
        bodies, chance = self._bodies[partition], self._chance
        event_id = b"%s%016x" % (self.order.salt.encode(), self.made)
        return whole(event_id, moment, chance.getrandbits(128), bodies[int(len(bodies) * chance.random())])


class Pacer:
    """Sends what an order says."""

    def __init__(self, order: Order, out: TextIO) -> None:
        self._order, self._out = order, out
        self._makes = _Makes(order)
        self._allowed = order.lead or 10**12
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Until the order is done. Raises what the broker refuses."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stopped.set)
        producer = AIOKafkaProducer(
            bootstrap_servers=self._order.broker, acks="all", max_batch_size=_BATCH_BYTES,
            max_request_size=2 * _BATCH_BYTES,
        )  # fmt: skip
        await producer.start()
        watch = asyncio.create_task(self._watch()) if self._order.lead else None
        waiting: set[asyncio.Task[None]] = set()
        try:
            begin = monotonic()
            while not self._stopped.is_set() and (passed := monotonic() - begin) < self._order.seconds:
                if self._makes.made >= self._order.events:
                    break
                if due := self._due(passed):
                    told = asyncio.create_task(self._told(*await self._send(producer, due)))
                    waiting.add(told)
                    waiting = {task for task in waiting if not _over(task)}
                await asyncio.sleep(max(0.0, _TICK * (passed // _TICK + 1) - (monotonic() - begin)))
            await asyncio.gather(*waiting)
        finally:
            if watch is not None:
                watch.cancel()
            await producer.stop()

    def _due(self, passed: float) -> int:
        """How many events to make now."""
        made = self._makes.made
        wanted = self._order.rate * passed - made if self._order.rate else _MOST
        return max(min(int(wanted), _MOST, self._order.events - made, self._allowed - made), 0)

    async def _send(
        self, producer: AIOKafkaProducer, due: int
    ) -> tuple[float, list[int], list[asyncio.Future[object]]]:
        """Hand events to the client: when they were made, how many in each partition, and what says that they arrived.

        Blocks while it has enough.
        """
        made_at, partitions = now(), self._order.partitions
        moment, kafkas = made_at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3].encode(), int(made_at.timestamp() * 1000)
        first = self._makes.made
        counts = [len(range(number, due, partitions)) for number in range(partitions)]
        sent = []
        for turn, n in enumerate(counts):
            number = (turn + first) % partitions
            batch = producer.create_batch()
            for _ in range(n):
                event = self._makes.event(number, moment)
                if batch.append(key=None, value=event, timestamp=kafkas) is None:
                    sent.append(await producer.send_batch(batch, TELEMETRY_TOPIC.name, partition=number))
                    batch = producer.create_batch()
                    batch.append(key=None, value=event, timestamp=kafkas)
            if n:
                sent.append(await producer.send_batch(batch, TELEMETRY_TOPIC.name, partition=number))
        by_partition = [counts[(number - first) % partitions] for number in range(partitions)]
        return made_at.timestamp(), by_partition, sent

    async def _told(self, made_at: float, counts: list[int], sent: list[asyncio.Future[object]]) -> None:
        await asyncio.gather(*sent)
        line = {"made": made_at, "acked": now().timestamp(), "counts": counts}
        self._out.write(json.dumps(line) + "\n")

    async def _watch(self) -> None:
        """Take note of how far the worker is."""
        while True:
            counted = await asyncio.to_thread(_counted, self._order.metrics_url)
            self._allowed = max(self._allowed, counted - self._order.before + self._order.lead)
            await asyncio.sleep(_ASK_EVERY)


def _over(task: asyncio.Task[None]) -> bool:
    """Whether it is done; raises what it raised."""
    if task.done():
        task.result()
    return task.done()


def _counted(url: str) -> int:
    with urllib.request.urlopen(url, timeout=30.0) as answer:  # noqa: S310  # loopback
        return int(sample(answer.read().decode(), COUNTED, topic=TELEMETRY_TOPIC.name))


def send(order: Order) -> Child:
    """Start a producer."""
    log = Path(order.out + ".log")
    return start("producer", [PYTHON, "-m", "benchmarks.pace", json.dumps(asdict(order))], log, child_environment())


def finished(child: Child, order: Order, seconds: float) -> list[Tick]:
    """Wait for a producer: what it sent. Raises UserError when it failed or takes longer."""
    child.process.wait(seconds)
    if child.process.returncode:
        raise UserError(f"the producer failed; its last words: {last_words(Path(order.out + '.log'))}")
    return read_ticks(Path(order.out).read_text().splitlines())


def read_ticks(lines: Sequence[str]) -> list[Tick]:
    """What a producer wrote, in the order of making."""
    found = [json.loads(line) for line in lines]
    ticks = [Tick(line["made"], line["acked"], tuple(line["counts"])) for line in found]
    return sorted(ticks, key=lambda tick: tick.made)


if __name__ == "__main__":
    ordered = Order(**json.loads(sys.argv[1]))
    with Path(ordered.out).open("w") as written:
        asyncio.run(Pacer(ordered, written).run())
