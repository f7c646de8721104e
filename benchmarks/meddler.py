"""A TCP relay between a worker and its store that sees INSERTs into `windows` pass, and can do harm right then."""

import asyncio
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

_INSERT = re.compile(rb"INSERT.{1,12}INTO.{1,12}windows", re.S)  # in the URL or in the body


@dataclass(slots=True)
class Meddler:
    """Relays 127.0.0.1:`port` to 127.0.0.1:`upstream`. Runs in a thread of its own."""

    upstream: int
    port: int = 0
    on_insert: Callable[[], None] | None = None
    """Called once, in the relay's thread, when an INSERT has been handed to the store."""
    drop_answer: bool = False
    """Close the connection instead of handing back the answer of the next INSERT."""
    inserts: int = 0
    dropped: int = 0
    _ready: threading.Event = field(default_factory=threading.Event)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def start(self) -> None:
        """Listen; returns when it does."""
        threading.Thread(target=self._run, daemon=True).start()
        self._ready.wait(10)

    def stop(self) -> None:
        """Stop listening."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._relay, "127.0.0.1", self.port))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            writer.close()
            return
        inserting = asyncio.Event()
        tasks = [
            asyncio.create_task(self._forth(reader, up_writer, inserting)),
            asyncio.create_task(self._back(up_reader, writer, inserting)),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for end in (writer, up_writer):
            end.close()

    async def _forth(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inserting: asyncio.Event
    ) -> None:
        while chunk := await reader.read(1 << 20):
            insert = _INSERT.search(chunk) is not None
            if insert:
                self.inserts += 1
                inserting.set()
            writer.write(chunk)
            await writer.drain()
            if insert and self.on_insert is not None:
                harm, self.on_insert = self.on_insert, None
                harm()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inserting: asyncio.Event) -> None:
        while chunk := await reader.read(1 << 20):
            if self.drop_answer and inserting.is_set():
                self.drop_answer = False
                self.dropped += 1
                return
            inserting.clear()
            writer.write(chunk)
            await writer.drain()
