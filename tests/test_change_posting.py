"""Change events on their way: what is taken, what is tried again, and where the key never goes."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from monitor.change_events import Result, change_url, poster
from monitor.errors import UserError
from monitor.pagerduty import Receiver
from monitor.settings import load
from schemas.change import Change

KEY = "k" * 32


def change(**said: Any) -> Change:
    base = {"event_id": "change-0001", "ts": datetime(2026, 11, 20, tzinfo=UTC), "emitter": "ci", "what": "prompt"}
    return Change.model_validate(base | {"feature": "support-chat"} | said)


def posted(send_to: Callable[[int], str], one: Change) -> tuple[Result, Receiver]:
    receiver = Receiver()

    async def run() -> Result:
        port = await receiver.start()
        try:
            return await poster(KEY, send_to(port), None)(one)
        finally:
            await receiver.stop()

    return asyncio.run(run()), receiver


def test_the_shipped_receiver_takes_it(caplog: pytest.LogCaptureFixture) -> None:
    result, receiver = posted(
        lambda port: change_url(load({"VIGIL_PAGERDUTY_URL": f"http://127.0.0.1:{port}/"})), change(to_version="v7")
    )
    assert (result, receiver.refused) == ("sent", [])
    assert [told.payload.summary for told in receiver.changes] == ["prompt of support-chat: v7"]
    assert receiver.pages == []
    assert KEY not in caplog.text


def test_nobody_listens_and_a_wrong_path_are_told_apart(caplog: pytest.LogCaptureFixture) -> None:
    assert posted(lambda _: "http://127.0.0.1:9/v2/change/enqueue", change())[0] == "failed"
    assert posted(lambda port: f"http://127.0.0.1:{port}/nowhere", change())[0] == "refused"
    assert "refused a change event with status 404; is VIGIL_PAGERDUTY_KEY_FILE right?" in caplog.text
    assert KEY not in caplog.text


def test_the_key_does_not_follow_a_redirect() -> None:
    followed: list[str] = []

    async def run() -> Result:
        async def away(request: web.Request) -> web.Response:
            followed.append(request.path)
            raise web.HTTPTemporaryRedirect("/elsewhere")

        app = web.Application()
        app.add_routes([web.post("/{path:.*}", away)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            return await poster(KEY, f"http://127.0.0.1:{runner.addresses[0][1]}/first", None)(change())
        finally:
            await runner.cleanup()

    assert asyncio.run(run()) == "refused"
    assert followed == ["/first"]


def test_an_address_or_a_key_that_cannot_be_right_is_said_at_the_start(tmp_path: Path) -> None:
    assert change_url(load({})) == "https://events.pagerduty.com/v2/change/enqueue"
    with pytest.raises(UserError, match="write it like"):
        change_url(load({"VIGIL_PAGERDUTY_URL": "events.pagerduty.com"}))
    assert load({}).pagerduty_key() is None
    file = tmp_path / "key"
    with pytest.raises(UserError, match="cannot read VIGIL_PAGERDUTY_KEY_FILE"):
        load({"VIGIL_PAGERDUTY_KEY_FILE": str(file)}).pagerduty_key()
    file.write_text("too-short\n")
    with pytest.raises(UserError, match="holds 9 characters") as refused:
        load({"VIGIL_PAGERDUTY_KEY_FILE": str(file)}).pagerduty_key()
    assert "too-short" not in str(refused.value)
    file.write_text(f"{KEY}\n")
    assert load({"VIGIL_PAGERDUTY_KEY_FILE": str(file)}).pagerduty_key() == KEY
