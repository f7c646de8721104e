"""One flush onto its way, in the order that makes it exact, with patience for a store that is briefly away."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from monitor.clock import Clock, Timer, monotonic, now
from monitor.counting import Counting
from monitor.errors import FencedError, StoreUnavailableError
from monitor.store import events as event_rows
from monitor.store.client import is_permanent
from monitor.store.windows import Claim, Stamp, insert_claim, insert_idle_claims, read_flushes
from monitor.tally import Pending
from schemas.dead_letter import DeadLetter

T = TypeVar("T")

SendLetters = Callable[[Sequence[DeadLetter]], Awaitable[None]]
"""Sends dead letters; done when the broker has them."""

_BACKOFF = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0)
"""Seconds between tries of one statement; half a minute in all."""


class Writer:
    """Writes flushes as `worker`. One at a time: the caller holds the lock."""

    def __init__(
        self,
        client: Client,
        counting: Counting,
        send_letters: SendLetters,
        worker: str,
        time: tuple[Clock, Timer] = (now, monotonic),
    ) -> None:
        self._client = client
        self._counting = counting
        self._send_letters = send_letters
        self._worker = worker
        self._clock, self._timer = time

    async def write(self, flush: Sequence[tuple[Pending, Claim]]) -> None:
        """Store it: dead letters, then rows, then the claims.

        Raises StoreUnavailableError after half a minute, and FencedError when another worker has counted
        some of it.
        """
        pendings = [pending for pending, _ in flush]
        # First of all: a claimed offset's dead letter must exist.
        await self._send_letters([letter for pending in pendings for letter in pending.letters])
        started = self._timer()
        for table in sorted({table for pending in pendings for table in pending.lines}):
            rows = [row for pending in pendings for row in pending.lines.get(table, ())]
            await self.patiently(partial(event_rows.insert_rows, self._client, table, rows))
        for table in sorted({table for pending in pendings for table in pending.blocks}):
            blocks = [block for pending in pendings for block in pending.blocks.get(table, ())]
            await self.patiently(partial(event_rows.insert_blocks, self._client, table, blocks))
        await self._claim(flush, Stamp(self._worker, uuid.uuid4().hex, self._clock()))
        self._counting.stored(self._timer() - started, self._clock())

    async def _claim(self, flush: Sequence[tuple[Pending, Claim]], stamp: Stamp) -> None:
        idle = [claim for _, claim in flush if claim.offset_to < claim.offset_from]
        if idle:
            await self.patiently(partial(insert_idle_claims, self._client, idle, stamp))
        real = [(pending, claim) for pending, claim in flush if claim.offset_to >= claim.offset_from]
        for pending, claim in real:
            await self.patiently(partial(insert_claim, self._client, claim, pending.cells, stamp))
        if real:
            claims = [claim for _, claim in real]
            stored = await self.patiently(partial(read_flushes, self._client, claims, stamp))
            wanted = {(c.topic, c.partition, c.offset_from, c.offset_to, stamp.flush) for c in claims}
            if stored != wanted:
                topic, partition, offset, *_ = sorted(stored ^ wanted)[0]
                raise FencedError(f"another worker has counted {topic}/{partition} from offset {offset} on")

    async def patiently(self, statement: Callable[[], T]) -> T:
        """Run a blocking statement in a thread, again and again while the store is away."""
        for pause in _BACKOFF:
            try:
                return await asyncio.to_thread(statement)
            except (ClickHouseError, OSError) as error:
                self._counting.refused()
                if is_permanent(error):
                    raise
                await asyncio.sleep(pause)
        try:
            return await asyncio.to_thread(statement)
        except (ClickHouseError, OSError) as error:
            raise StoreUnavailableError(f"the store did not answer for {sum(_BACKOFF):.0f} s") from error
