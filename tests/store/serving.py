"""A store front in a thread of its own, for tests."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.store.engine import Limits
from monitor.store.front import StoreFront, Tokens

READER, WRITER = "reader-token-0123456789", "writer-token-0123456789"


@contextmanager
def serving(path: Path, limits: Limits | None = None) -> Iterator[int]:
    """The port of a front on this store, until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    front = StoreFront(path, Tokens(READER, WRITER), limits)
    try:
        port = asyncio.run_coroutine_threadsafe(front.start("127.0.0.1", 0), loop).result(30)
        try:
            yield port
        finally:
            asyncio.run_coroutine_threadsafe(front.stop(), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
