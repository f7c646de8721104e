"""What /healthz says while the store takes nothing, and when it takes again."""

import asyncio
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest

from monitor.settings import load
from monitor.web import serve
from monitor.worker import Worker


async def ask(port: int) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/healthz") as answer:
        return answer.status, await answer.json()


def test_a_worker_whose_flushes_stand_still_says_since_when_and_is_well_again_after_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = Worker(load({"VIGIL_OTLP": "false"}), Mock(), Mock(), None)
    elapsed = 0.0
    monkeypatch.setattr(worker.ingest, "_timer", lambda: elapsed)

    async def scene() -> None:
        nonlocal elapsed
        await worker.ingest.flush()
        runner, port = await serve(worker.metrics.registry, worker._problem, "127.0.0.1", 0)
        try:
            assert await ask(port) == (200, {"status": "ok"})
            elapsed = 61.0
            assert await ask(port) == (503, {"status": "no flush went through for 61 s"})
            await worker.ingest.flush()
            assert await ask(port) == (200, {"status": "ok"})
        finally:
            await runner.cleanup()

    asyncio.run(scene())
