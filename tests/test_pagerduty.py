import asyncio
import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import ClientSession
from click.testing import CliRunner

from monitor.errors import UserError
from monitor.pagerduty import (
    CHANGE,
    ENQUEUE,
    MAX_BYTES,
    ChangeEvent,
    Page,
    Receiver,
    change_line,
    page_line,
    receiver_command,
)
from tests.interrupts import hear_interrupts

KEY = "k" * 32
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAYLOAD: dict[str, Any] = {"summary": "refusals", "source": "Vigil", "severity": "critical"}
TRIGGER: dict[str, Any] = {"routing_key": KEY, "event_action": "trigger", "payload": PAYLOAD}

Post = Callable[..., Awaitable[tuple[int, Any]]]


def with_receiver(body: Callable[[Receiver, Post], Awaitable[None]]) -> list[Page]:
    """Run `body` against a receiver on a real socket; returns what the callback was told."""
    told: list[Page] = []

    async def run() -> None:
        receiver = Receiver(told.append, clock=lambda: NOON, new_key=lambda: "made-here")
        port = await receiver.start()
        async with ClientSession(f"http://127.0.0.1:{port}") as session:

            async def post(event: Any, path: str = ENQUEUE) -> tuple[int, Any]:
                data = event if isinstance(event, bytes) else json.dumps(event).encode()
                async with session.post(path, data=data) as answer:
                    return answer.status, await answer.json()

            try:
                await body(receiver, post)
            finally:
                await receiver.stop()

    asyncio.run(run())
    return told


def test_a_trigger_becomes_a_page_and_its_resolve_another_one() -> None:
    payload = PAYLOAD | {"class": "refusal_rate", "component": "chat", "custom_details": {"alert": "A", "n": 3}}
    trigger = TRIGGER | {"dedup_key": "one", "payload": payload, "links": [{"href": "https://x.example", "text": "R"}]}

    async def body(receiver: Receiver, post: Post) -> None:
        assert await post(trigger) == (
            202,
            {"status": "success", "message": "Event processed", "dedup_key": "one"},
        )
        status, _ = await post({"routing_key": KEY, "event_action": "resolve", "dedup_key": "one"})
        assert status == 202
        assert receiver.refused == []

    details = {"alert": "A", "n": "3"}
    assert with_receiver(body) == [
        Page(
            NOON,
            "trigger",
            "one",
            "refusals",
            "critical",
            "chat",
            "refusal_rate",
            details,
            links=("https://x.example",),
        ),
        Page(NOON, "resolve", "one", "", "", "", "", {}),
    ]


def test_a_trigger_without_a_key_is_given_one() -> None:
    async def body(receiver: Receiver, post: Post) -> None:
        _, answer = await post(TRIGGER)
        assert answer["dedup_key"] == receiver.pages[0].dedup_key == "made-here"

    with_receiver(body)


@pytest.mark.parametrize(
    ("event", "complaint"),
    [
        (TRIGGER | {"routing_key": "short"}, "Length of 'routing_key' is incorrect (should be 32 characters)"),
        ({"event_action": "trigger", "payload": PAYLOAD}, "'routing_key' is missing or blank"),
        ({"routing_key": KEY, "payload": PAYLOAD}, "'event_action' is missing or blank"),
        (TRIGGER | {"event_action": "page"}, "'event_action' is invalid"),
        ({"routing_key": KEY, "event_action": "trigger"}, "'payload' is missing or blank"),
        (TRIGGER | {"payload": PAYLOAD | {"severity": "urgent"}}, "'payload.severity' is invalid"),
        (TRIGGER | {"payload": PAYLOAD | {"summary": "x" * 1025}}, "'payload.summary' is invalid"),
        (TRIGGER | {"payload": PAYLOAD | {"summary": ""}}, "'payload.summary' is missing or blank"),
        (TRIGGER | {"payload": {"summary": "s", "severity": "info"}}, "'payload.source' is missing or blank"),
        (TRIGGER | {"dedup_key": "x" * 256}, "'dedup_key' is invalid"),
        (TRIGGER | {"links": [{"text": "no href"}]}, "'links.0.href' is missing or blank"),
        ({"routing_key": KEY, "event_action": "resolve"}, "'dedup_key' is missing or blank"),
        ({"routing_key": KEY, "event_action": "acknowledge", "dedup_key": ""}, "'dedup_key' is missing or blank"),
        (b"{", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b'"' + b"x" * MAX_BYTES + b'"', "the event is larger than 512 KB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_pagerduty_refuses_is_refused(event: Any, complaint: str) -> None:
    async def body(receiver: Receiver, post: Post) -> None:
        status, answer = await post(event)
        assert status == 400
        assert (answer["status"], answer["message"]) == ("invalid event", "Event object is invalid")
        assert any(error.startswith(complaint) for error in answer["errors"]), answer["errors"]
        assert receiver.refused == answer["errors"]

    assert with_receiver(body) == []


def test_the_longest_that_pagerduty_takes_is_taken() -> None:
    longest = TRIGGER | {"dedup_key": "d" * 255, "payload": PAYLOAD | {"summary": "s" * 1024, "custom_details": "text"}}

    async def body(_: Receiver, post: Post) -> None:
        status, _answer = await post(longest)
        assert status == 202

    (page,) = with_receiver(body)
    assert page.details == {"details": "text"}


def test_a_change_event_pages_nobody() -> None:
    async def body(receiver: Receiver, post: Post) -> None:
        status, _ = await post({"routing_key": KEY, "payload": {"summary": "prompt v2"}}, CHANGE)
        assert status == 202
        assert [change.payload.summary for change in receiver.changes] == ["prompt v2"]
        status, _ = await post({"routing_key": KEY, "payload": {}}, CHANGE)
        assert status == 400

    assert with_receiver(body) == []


def test_a_taken_port_is_the_users_to_change() -> None:
    async def run() -> None:
        first, second = Receiver(), Receiver()
        port = await first.start()
        try:
            with pytest.raises(UserError, match=f"port {port} is taken"):
                await second.start(port)
        finally:
            await first.stop()
            await first.stop()

    asyncio.run(run())


def test_a_page_and_a_change_event_are_one_line_each_and_obey_nobody() -> None:
    page = Page(NOON, "trigger", "one", "refusals\nof chat", "critical", "chat", "refusal_rate", {})
    assert page_line(page) == "12:00:00 trigger     critical chat refusal_rate refusals of chat"
    assert page_line(Page(NOON, "resolve", "one", "", "", "", "", {})) == "12:00:00 resolve     -        - - "
    payload = {"summary": "prompt of chat: v6 to v7\x1b[2J"}
    change = ChangeEvent.model_validate({"routing_key": KEY, "payload": payload})
    assert change_line(change, NOON) == "12:00:00 change      -        prompt of chat: v6 to v7 [2J"


def test_the_command_prints_pages_and_change_events_as_they_come() -> None:
    command = [sys.executable, "-c", "from monitor.pagerduty import receiver_command as run; run()", "--port", "0"]
    with subprocess.Popen(  # no threads yet
        command,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,  # noqa: PLW1509
    ) as receiver:
        try:
            assert receiver.stdout is not None
            url = receiver.stdout.readline().split()[1]
            base = receiver.stdout.readline().strip().removeprefix("VIGIL_PAGERDUTY_URL=")
            assert url == base + ENQUEUE
            sent: list[tuple[str, Any]] = [
                (CHANGE, {"routing_key": KEY, "payload": {"summary": "prompt v2"}}),
                (ENQUEUE, TRIGGER),
                (CHANGE, {"routing_key": KEY, "payload": {"summary": "prompt v3"}}),
            ]
            for path, event in sent:
                body = json.dumps(event).encode()
                with urllib.request.urlopen(base + path, body, timeout=10.0) as answer:  # noqa: S310  # loopback
                    assert answer.status == 202
            lines = [receiver.stdout.readline().split(maxsplit=1)[1] for _ in sent]
        finally:
            receiver.send_signal(signal.SIGINT)
        assert lines == [
            "change      -        prompt v2\n",
            "trigger     critical - - refusals\n",
            "change      -        prompt v3\n",
        ]
        assert receiver.stdout.read() == "stopped\n"


def test_the_command_has_help_with_an_example() -> None:
    result = CliRunner().invoke(receiver_command, ["--help"])
    assert result.exit_code == 0
    assert "Example: vigil pagerduty-receiver" in result.output
