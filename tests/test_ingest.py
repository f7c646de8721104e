"""The ingest between two flushes: what is claimed, what is acked, and what a failure leaves behind."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest
from clickhouse_connect.driver.client import Client
from faust.types import TP

from monitor.batch import Batch, End
from monitor.counting import Counting
from monitor.errors import FencedError, StoreUnavailableError, TopicShrankError
from monitor.ingest import Ingest
from monitor.metrics import Metrics
from monitor.settings import load
from monitor.writing import Writer
from schemas.dead_letter import DeadLetter

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
P = TP("ai.telemetry", 0)


class Bench:
    """An ingest on a real store, with a list in the place of Kafka's producer."""

    def __init__(self, store: Client, **settings: str) -> None:
        self.store = store
        self.letters: list[DeadLetter] = []
        self.acked: list[int] = []
        self.metrics = Metrics()
        counting = Counting(self.metrics, 100, NOW)
        self.writer = Writer(store, counting, self._send, "test", (lambda: NOW, lambda: 0.0))
        chosen = load({f"VIGIL_{name}": value for name, value in settings.items()})
        self.ingest = Ingest(chosen, store, counting, self.writer, (lambda: NOW, lambda: 0.0))

    async def _send(self, letters: Sequence[DeadLetter]) -> None:
        self.letters += letters

    async def start(self) -> int:
        """Take the partition over, as after an assignment."""
        known = dict(await self.ingest.start_offsets({P}))
        await self.ingest.assigned({P: 0} | known)
        return self.ingest.partitions[P].next_offset

    async def take(self, first: int, count: int, fetched_from: int | None = None) -> None:
        values = [event(number) for number in range(first, first + count)]
        begin = first if fetched_from is None else fetched_from
        batch = Batch(P.topic, P.partition, begin, first, first + count - 1, list(values), [0] * count, None)
        await self.ingest.take(batch, lambda: self.acked.append(first))

    def ranges(self) -> list[tuple[int, int, int, int]]:
        query = "SELECT offset_from, offset_to, records, skipped FROM windows WHERE row_kind = 'range' ORDER BY 1"
        return [(row[0], row[1], row[2], row[3]) for row in self.store.query(query).result_rows]

    def counted(self) -> int:
        return int(self.store.query("SELECT sum(n) FROM windows").result_rows[0][0])


def event(number: int) -> bytes:
    text = {"kind": "interaction", "event_id": f"event-{number:05d}", "ts": "2026-11-20T12:00:00Z"}
    return json.dumps(text | {"emitter": "a", "feature": "chat"}).encode()


def run(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(_awaited(scene), 60))


async def _awaited(scene: Callable[[], Awaitable[None]]) -> None:
    await scene()


def test_nothing_is_acked_before_it_is_stored(store: Client) -> None:
    async def scene() -> None:
        bench = Bench(store)
        await bench.start()
        await bench.take(0, 10)
        assert bench.acked == []
        await bench.ingest.flush()
        assert bench.acked == [0]
        assert bench.ranges() == [(0, 9, 10, 0)]
        assert bench.counted() == 10

    run(scene)


def test_dead_letters_are_shown_as_0_from_the_moment_a_partition_is_owned(store: Client) -> None:
    async def scene() -> None:
        bench = Bench(store)
        for topic, shown in ((P.topic, 0.0), ("ai.changes", None)):
            labels = {"topic": topic, "reason": "not_json"}
            assert bench.metrics.registry.get_sample_value("vigil_dead_letters_total", labels) is None
            await bench.start()
            assert bench.metrics.registry.get_sample_value("vigil_dead_letters_total", labels) == shown

    run(scene)


def test_a_batch_from_before_a_seek_is_dropped(store: Client) -> None:
    async def scene() -> None:
        bench = Bench(store)
        await bench.start()
        await bench.take(0, 10)
        await bench.take(20, 10)
        await bench.ingest.flush()
        assert bench.acked == [20, 0]
        assert bench.ranges() == [(0, 9, 10, 0)]

    run(scene)


def test_a_new_owner_starts_where_the_claims_end_and_remembers_the_ids(store: Client) -> None:
    async def scene() -> None:
        first = Bench(store)
        await first.start()
        await first.take(0, 10)
        await first.ingest.flush()
        second = Bench(store)
        assert await second.start() == 10
        batch = Batch(P.topic, 0, 10, 10, 11, [event(3), event(99)], [0, 0], None)
        await second.ingest.take(batch, lambda: None)
        await second.ingest.flush()
        assert second.counted() == 11  # number 3 was a repeat

    run(scene)


def test_a_batch_that_waits_for_its_ack_holds_no_records(store: Client) -> None:
    async def scene() -> None:
        bench = Bench(store)
        await bench.start()
        batch = Batch(P.topic, P.partition, 0, 0, 1, [event(1), event(2)], [0, 0], None)
        await bench.ingest.take(batch, lambda: None)
        assert not batch.values
        assert (batch.first, batch.last) == (0, 1)
        await bench.ingest.flush()
        assert bench.counted() == 2

    run(scene)


def test_a_flush_whose_caller_is_cancelled_is_stored_all_the_same(store: Client) -> None:
    async def scene() -> None:
        bench = Bench(store)
        await bench.start()
        await bench.take(0, 10)
        cut = asyncio.create_task(bench.ingest.flush())
        while bench.ingest.partitions[P].pending.tally.records:  # noqa: ASYNC110  # until it is on its way
            await asyncio.sleep(0)
        cut.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cut
        await bench.take(10, 5)
        await bench.ingest.flush()
        assert bench.ranges() == [(0, 9, 10, 0), (10, 14, 5, 0)]
        assert bench.acked == [0, 10]

    run(scene)


def test_after_a_failed_flush_no_later_one_claims_past_the_hole(store: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        bench = Bench(store)
        await bench.start()
        await bench.take(0, 10)

        async def fail(*_: object) -> None:
            raise StoreUnavailableError("away for good")

        with monkeypatch.context() as away:
            away.setattr(bench.writer, "write", fail)
            with pytest.raises(StoreUnavailableError):
                await bench.ingest.flush()
        await bench.take(10, 5)
        with pytest.raises(StoreUnavailableError):
            await bench.ingest.flush()
        assert bench.ranges() == []
        assert bench.acked == []

    run(scene)


def test_offsets_that_expired_are_claimed_and_counted_as_skipped(store: Client) -> None:
    async def scene() -> None:
        bench = Bench(store)
        await bench.start()
        await bench.take(0, 3)
        await bench.take(100, 2, fetched_from=3)
        await bench.ingest.flush()
        assert bench.ranges() == [(0, 101, 5, 97)]

    run(scene)


def test_a_topic_that_went_backwards_is_an_error(store: Client) -> None:
    async def scene() -> None:
        bench = Bench(store)
        await bench.start()
        await bench.take(0, 10)
        with pytest.raises(TopicShrankError, match="recreated"):
            bench.ingest.look({P: End(4, NOW.timestamp(), 4, 10)})
        with pytest.raises(TopicShrankError, match="went back"):
            await bench.take(2, 3, fetched_from=10)

    run(scene)


def test_too_many_rows_are_flushed_at_once(store: Client) -> None:
    async def scene() -> None:
        bench = Bench(store, FLUSH_ROWS="20")
        await bench.start()
        await bench.take(0, 15)
        assert bench.ranges() == []
        await bench.take(15, 15)
        assert bench.ranges() == [(0, 29, 30, 0)]

    run(scene)


def test_a_repeated_insert_with_one_token_adds_once(store: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer of a write that succeeded is lost; the retry must not count again."""

    async def scene() -> None:
        bench = Bench(store)
        await bench.start()
        await bench.take(0, 10)
        real, lost = store.insert, [True]

        def insert(*args: object, **options: object) -> object:
            answer = real(*args, **options)  # type: ignore[arg-type]  # handed on as it came
            if lost:
                lost.clear()
                raise OSError("connection reset after the server had it")
            return answer

        monkeypatch.setattr(store, "insert", insert)
        await bench.ingest.flush()
        assert bench.counted() == 10
        assert bench.ranges() == [(0, 9, 10, 0)]

    run(scene)


def test_a_record_time_beyond_the_calendar_is_no_poison(store: Client) -> None:
    async def scene() -> None:
        bench = Bench(store)
        await bench.start()
        batch = Batch(P.topic, 0, 0, 0, 1, [event(1), event(2)], [253_402_300_800_000, -5], None)
        await bench.ingest.take(batch, lambda: None)
        await bench.ingest.flush()
        assert bench.counted() == 2
        assert await Bench(store).start() == 2

    run(scene)


def test_a_worker_that_was_paused_while_another_took_over_is_fenced(store: Client) -> None:
    async def scene() -> None:
        paused, successor = Bench(store), Bench(store)
        await paused.start()
        await paused.take(0, 10)  # and here it stops for a minute
        await successor.start()
        await successor.take(0, 25)
        await successor.ingest.flush()
        with pytest.raises(FencedError, match=r"ai\.telemetry/0 from offset 0"):
            await paused.ingest.flush()
        assert successor.counted() == 25
        assert paused.acked == []
        await successor.take(25, 5)
        await successor.ingest.flush()
        assert successor.ranges() == [(0, 24, 25, 0), (25, 29, 5, 0)]

    run(scene)


def test_a_dead_workers_insert_that_arrives_late_fences_its_successor(store: Client) -> None:
    """The store may finish a request whose sender was killed, after the successor has read where to start."""

    async def scene() -> None:
        dead, successor = Bench(store), Bench(store)
        await dead.start()
        await dead.take(0, 10)
        await successor.start()
        await dead.ingest.flush()
        await successor.take(0, 25)
        with pytest.raises(FencedError):
            await successor.ingest.flush()
        assert successor.counted() == 10
        assert await Bench(store).start() == 10

    run(scene)
