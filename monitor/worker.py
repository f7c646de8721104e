"""One worker: Faust moves batches to the ingest, a flusher stores them, a scorer judges closed windows."""

import asyncio
import logging
import os
import platform
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from importlib.metadata import version
from typing import Any, TypeVar, cast

import faust
from clickhouse_connect.driver.client import Client
from faust.exceptions import NotReady
from faust.transport.drivers.aiokafka import Producer
from faust.types import TP

from detectors.warmup import warm_up
from monitor import intake
from monitor.broker import broker_of
from monitor.change_events import Telling, change_url, poster, tell_for_ever
from monitor.clock import monotonic, now
from monitor.counting import Counting
from monitor.errors import StandstillError, StoreUnavailableError, UserError
from monitor.faust_app import faust_app
from monitor.heap import give_back, keep_freed_memory, look_for_cycles
from monitor.ingest import Ingest
from monitor.kinds import COUNTED
from monitor.letters import Letterbox
from monitor.metrics import Metrics
from monitor.policy import SHIPPED_POLICY
from monitor.policy_file import terms_at
from monitor.producing import ensure_topics, require_broker
from monitor.scorekeeper import Scorekeeper
from monitor.scoring import opinions
from monitor.settings import Settings
from monitor.standstill import Standstill
from monitor.store.client import connect, embedded_path, is_embedded
from monitor.store.endpoint import Hold
from monitor.store.front import StoreFront, Tokens
from monitor.store.migrate import migrate
from monitor.transport import BatchConsumer, BatchSchema, BatchTransport
from monitor.web import serve
from monitor.writing import Writer
from schemas.topics import CHANGES_TOPIC, OTLP_TOPIC, REVIEWS_TOPIC, TELEMETRY_TOPIC, TOPICS

log = logging.getLogger("vigil.worker")
_READ = (TELEMETRY_TOPIC, CHANGES_TOPIC, REVIEWS_TOPIC)
_SCORE_EVERY = 1.0
_AUDIT_EVERY, _POLICY_EVERY = 30, 10
_GIVE_BACK_EVERY = 10.0
_STORE_PATIENCE = 20.0
"""Seconds a worker waits for a `vigil sql` that has the embedded store open, or for its predecessor to end."""
_UNHEALTHY_AFTER = 20.0
"""Seconds without a flush; less than the writer's patience, or nobody would hear of a store that is away."""
_STANDSTILL = 100.0
"""Seconds without a resumed stream after which a worker ends: a rebalance may take 60, and a store that is away 32."""
T = TypeVar("T")


class Worker:
    """Wires the parts of one process together and keeps them running."""

    def __init__(self, settings: Settings, connect: Callable[[], Client], hold: Hold | None) -> None:
        self.settings = settings
        self._hold = hold
        self._standstill = Standstill()
        self.metrics = Metrics()
        self.metrics.build_info.labels(version("vigil"), platform.python_version()).set(1)
        self.metrics.start_time.set(now().timestamp())
        self.scorekeeper = Scorekeeper(settings, connect(), self.metrics, now, connect)
        counting = Counting(self.metrics, settings.features, now(), self.scorekeeper.named)
        ingest_client = connect()
        name = f"{platform.node()}-{os.getpid()}"
        letterbox = Letterbox(lambda: cast("Producer", self.app.producer)._ensure_producer())
        writer = Writer(ingest_client, counting, letterbox.send, name)
        self.ingest = Ingest(settings, ingest_client, counting, writer)
        self.app = faust_app(settings)
        self.app.transport = BatchTransport(self.app, _Owner(self.ingest))
        for topic in (*_READ, OTLP_TOPIC) if settings.otlp else _READ:
            channel = self.app.topic(topic.name, schema=BatchSchema())
            self.app.agent(channel, name=topic.name)(self._read)
        for task in (self._flush, self._score, self._serve, self._give_back):
            self.app.task(task)
        if key := settings.pagerduty_key():
            self.app.task(partial(self._tell_changes, connect(), key))

    async def _read(self, stream: Any) -> None:
        async for event in stream.noack().events():
            await or_die(self.ingest.take(event.value, event.ack))

    async def _flush(self) -> None:
        try:
            while not self.app.should_stop:
                await asyncio.sleep(self.ingest.pause())
                await or_die(self._flush_once())
        finally:
            await or_die(self._last_flush())

    async def _last_flush(self) -> None:
        try:
            await self.ingest.flush()
        except NotReady:  # Faust stops its producer first
            log.info("dead letters cannot be sent any more: the next worker reads their records again")

    async def _flush_once(self) -> None:
        consumer = cast("BatchConsumer", self.app.consumer)
        still = self._standstill.look(consumer.flow_active, monotonic())
        if still > _STANDSTILL:
            raise StandstillError(f"nothing was read for {still:.0f} s: a rebalance has begun and does not end")
        said = {tp: consumer.end_of(tp) for tp in self.ingest.partitions}
        self.ingest.look({tp: end for tp, end in said.items() if end is not None})
        await self.ingest.flush()

    async def _score(self) -> None:
        await or_die(self._score_for_ever())

    async def _score_for_ever(self) -> None:
        try:
            await self._score_each_second()
        finally:
            self.scorekeeper.stop()  # a thread cannot be cancelled

    async def _score_each_second(self) -> None:
        ticks = 0
        while not self.app.should_stop:
            await asyncio.sleep(_SCORE_EVERY)
            mine = [tp.partition for tp in self.ingest.partitions if tp.topic == TELEMETRY_TOPIC.name]
            counted = COUNTED if self.settings.otlp else COUNTED[:1]
            known = {topic: self.app.consumer.topic_partitions(topic) for topic in counted}
            partitions = {topic: number for topic, number in known.items() if number is not None}
            if len(partitions) < len(counted):
                continue  # not in the group yet
            try:
                self.scorekeeper.own(mine, partitions)
                if ticks % _POLICY_EVERY == 0:
                    await asyncio.to_thread(self.scorekeeper.look_at_policy)
                await asyncio.to_thread(self.scorekeeper.tick)
                if ticks % _AUDIT_EVERY == 0:
                    await asyncio.to_thread(self.scorekeeper.audit)
            except StoreUnavailableError as error:
                log.warning("scoring waits: %s", error)  # vigil_scored_until stands still, and that pages
            ticks += 1

    async def _give_back(self) -> None:
        while not self.app.should_stop:
            await asyncio.sleep(_GIVE_BACK_EVERY)
            await asyncio.to_thread(give_back)

    async def _tell_changes(self, client: Client, key: str) -> None:
        post = poster(key, change_url(self.settings), self.settings.pagerduty_link)
        await or_die(tell_for_ever(Telling(client, post, self.metrics), self._owned_changes))

    def _owned_changes(self) -> list[int]:
        return [tp.partition for tp in self.ingest.partitions if tp.topic == CHANGES_TOPIC.name]

    def _problem(self) -> str | None:
        """What /healthz says; None while all is well."""
        stalled, still = self.ingest.stalled_for(), self._standstill.seconds(monotonic())
        if stalled > _UNHEALTHY_AFTER:
            return f"no flush went through for {stalled:.0f} s"
        return f"nothing was read for {still:.0f} s: a rebalance does not end" if still > _UNHEALTHY_AFTER else None

    async def _serve(self) -> None:
        await or_die(self._serve_until_stopped())

    async def _serve_until_stopped(self) -> None:
        settings = self.settings
        async with AsyncExitStack() as stack:
            if self._hold is not None:
                tokens = Tokens(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
                front = StoreFront(self._hold.path, tokens)
                sql_port = await front.start("127.0.0.1", settings.sql_port)
                stack.push_async_callback(front.stop)
                self._hold.publish(f"http://127.0.0.1:{sql_port}", tokens.reader)
                log.info("SQL on http://127.0.0.1:%d, token in %s", sql_port, self._hold.path)
            runner, port = await serve(
                self.metrics.registry, self._problem, settings.metrics_host, settings.metrics_port
            )
            stack.push_async_callback(runner.cleanup)
            log.info("metrics on http://%s:%d/metrics", settings.metrics_host, port)
            await self.app.wait_for_stopped()


class _Owner:
    """The ingest as the transport's OffsetOwner: aiokafka logs what its callbacks raise, and goes on."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest

    async def start_offsets(self, partitions: set[TP]) -> Mapping[TP, int]:
        return await or_die(self._ingest.start_offsets(partitions))

    async def assigned(self, offsets: Mapping[TP, int]) -> None:
        await or_die(self._ingest.assigned(offsets))

    async def revoked(self, partitions: set[TP]) -> None:
        await or_die(self._ingest.revoked(partitions))


async def or_die(work: Awaitable[T]) -> T:
    """Never go on half-right: what fails here ends the process, and the store says where the next one starts.

    Everything that Faust or aiokafka calls, and that touches counts or offsets, goes through this.
    """
    try:
        return await work
    except asyncio.CancelledError:
        raise
    except UserError as error:
        log.critical("%s", error)
        os._exit(2)
    except BaseException:
        log.critical("stopping; nothing was acked that is not stored", exc_info=True)
        os._exit(3)


def run(settings: Settings) -> None:
    """Run a worker until a signal ends it. Raises UserError when something must be put right first."""
    terms_at(settings.policy or SHIPPED_POLICY)  # a mistake is told now and not when the first window is scored
    opinions(settings.opinions, 1.0)  # as above
    settings.pagerduty_key(), change_url(settings)  # as above
    broker, login = broker_of(settings), settings.store_login()
    if settings.create_topics:
        ensure_topics(
            broker, (*TOPICS, OTLP_TOPIC) if settings.otlp else TOPICS, settings.partitions, settings.replication
        )
    else:
        require_broker(broker)  # Faust would try for ever, without saying what is wrong
    keep_freed_memory()
    with ExitStack() as stack:
        embedded = is_embedded(settings.store)
        hold = stack.enter_context(Hold(embedded_path(settings.store), _STORE_PATIENCE)) if embedded else None
        store = partial(connect, settings.store, *login)
        migrate(store())
        warm_up()
        intake.warm_up()
        worker = Worker(settings, store, hold)
        look_for_cycles()
        faust.Worker(
            worker.app, loglevel=settings.log_level.upper(), quiet=True, redirect_stdouts=False, blocking_timeout=0
        ).execute_from_commandline()
