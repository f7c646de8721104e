"""What /healthz says while the store takes nothing, and when it takes again."""

import asyncio
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest

from monitor.errors import StandstillError
from monitor.settings import load
from monitor.standstill import Standstill
from monitor.web import serve
from monitor.worker import Worker


def test_a_standstill_lasts_from_the_first_look_until_something_moves() -> None:
    still = Standstill()
    assert [still.look(moving, at) for moving, at in ((True, 0), (False, 5), (False, 30), (True, 31), (False, 40))] == [
        0.0, 0.0, 25.0, 0.0, 0.0,
    ]  # fmt: skip
    assert still.seconds(47) == 7.0


def test_a_worker_whose_rebalance_does_not_end_says_so_and_then_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(load({"VIGIL_OTLP": "false"}), Mock(), None)
    elapsed = 0.0
    monkeypatch.setattr("monitor.worker.monotonic", lambda: elapsed)
    monkeypatch.setattr(worker.app, "_consumer", Mock(flow_active=False))

    async def scene() -> None:
        nonlocal elapsed
        await worker._flush_once()
        assert worker._problem() is None
        elapsed = 25.0
        assert worker._problem() == "nothing was read for 25 s: a rebalance does not end"
        elapsed = 101.0
        with pytest.raises(StandstillError, match="nothing was read for 101 s"):
            await worker._flush_once()

    asyncio.run(scene())


async def ask(port: int) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/healthz") as answer:
        return answer.status, await answer.json()


def test_a_worker_whose_flushes_stand_still_says_since_when_and_is_well_again_after_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = Worker(load({"VIGIL_OTLP": "false"}), Mock(), None)
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
