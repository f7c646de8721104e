"""A TCP relay in front of a store that hands its answers back late, or speaks TLS in its place."""

import asyncio
import ssl
import threading
from contextlib import closing, suppress
from dataclasses import dataclass, field


@dataclass
class Relay:
    """Relays 127.0.0.1:`port` to 127.0.0.1:`upstream`, from a thread of its own, until `stop`."""

    upstream: int
    delay: float = 0.0
    """Seconds that each piece of an answer is kept; may be changed while it runs."""
    port: int = 0
    tls: ssl.SSLContext | None = None
    """What callers must speak; the store still hears plain TCP."""
    _ready: threading.Event = field(default_factory=threading.Event)
    _done: asyncio.Event = field(init=False)
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def start(self) -> None:
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),))
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._done.wait()
        server.close()
        while self._open:  # a reader whose connection is gone ends: no relaying is left for the loop to cancel
            for writer in self._open:
                writer.transport.abort()
            await asyncio.sleep(0.01)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError), closing(writer):
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
            both = {writer, up_writer}
            self._open |= both
            try:
                await asyncio.gather(
                    self._copy(reader, up_writer, late=False), self._copy(up_reader, writer, late=True)
                )
            finally:
                self._open -= both

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, late: bool) -> None:
        with suppress(OSError), closing(writer):
            while chunk := await reader.read(1 << 20):
                if late:
                    await asyncio.sleep(self.delay)
                writer.write(chunk)
                await writer.drain()
