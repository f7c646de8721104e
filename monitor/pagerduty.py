"""A local receiver for PagerDuty's Events API v2: it checks as the real one does, and keeps the pages in memory.

For `vigil demo`, for tests, and for trying an Alertmanager configuration without waking anybody.
"""

import asyncio
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

import click
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from monitor.clock import Clock, now
from monitor.errors import UserError

MAX_BYTES = 512 * 1024
ENQUEUE = "/v2/enqueue"
CHANGE = "/v2/change/enqueue"

Action = Literal["trigger", "acknowledge", "resolve"]
RoutingKey = Annotated[str, Field(min_length=32, max_length=32)]
Summary = Annotated[str, Field(min_length=1, max_length=1024)]
Source = Annotated[str, Field(min_length=1)]


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)  # PagerDuty ignores what it does not know


class Link(_Lenient):
    """A link on a page."""

    href: Annotated[str, Field(min_length=1)]
    text: str | None = None


class Image(_Lenient):
    """An image on a page."""

    src: Annotated[str, Field(min_length=1)]
    href: str | None = None
    alt: str | None = None


class Payload(_Lenient):
    """What is wrong, and where."""

    summary: Summary
    source: Source
    severity: Literal["critical", "error", "warning", "info"]
    timestamp: str | None = None
    component: str | None = None
    group: str | None = None
    class_: Annotated[str | None, Field(alias="class")] = None
    custom_details: dict[str, Any] | list[Any] | str | None = None


class Event(_Lenient):
    """An alert event. A trigger needs a payload, the others the dedup_key of the trigger."""

    routing_key: RoutingKey
    event_action: Action
    dedup_key: Annotated[str | None, Field(max_length=255)] = None
    payload: Payload | None = None
    client: str | None = None
    client_url: str | None = None
    links: tuple[Link, ...] = ()
    images: tuple[Image, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> "Event":
        if self.event_action == "trigger" and self.payload is None:
            raise PydanticCustomError("missing", "'payload' is missing or blank")
        if self.event_action != "trigger" and not self.dedup_key:
            raise PydanticCustomError("missing", "'dedup_key' is missing or blank")
        return self


class _ChangePayload(_Lenient):
    summary: Summary
    source: str | None = None
    timestamp: str | None = None
    custom_details: dict[str, Any] | None = None


class ChangeEvent(_Lenient):
    """A change event: it shows on the timeline and pages nobody."""

    routing_key: RoutingKey
    payload: _ChangePayload
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One event that PagerDuty would have taken; "" where the event does not say."""

    received_at: datetime
    action: Action
    dedup_key: str
    summary: str
    severity: str
    component: str
    """The feature."""
    kpi: str
    """PagerDuty calls it `class`."""
    details: dict[str, str]
    links: tuple[str, ...] = ()


def to_page(event: Event, received_at: datetime, dedup_key: str) -> Page:
    """The page that an event makes. Alertmanager sends values of details as strings up to 0.28, as JSON from 0.33."""
    payload = event.payload
    given = payload.custom_details if payload else None
    details = given if isinstance(given, dict) else {"details": given} if given else {}
    return Page(
        received_at=received_at,
        action=event.event_action,
        dedup_key=dedup_key,
        summary=payload.summary if payload else "",
        severity=payload.severity if payload else "",
        component=(payload.component or "") if payload else "",
        kpi=(payload.class_ or "") if payload else "",
        details={name: value if isinstance(value, str) else json.dumps(value) for name, value in details.items()},
        links=tuple(link.href for link in event.links),
    )


def page_line(page: Page) -> str:
    """A page as one line of a terminal."""
    what = f"{page.action:<11} {page.severity or '-':<8} {page.component or '-'} {page.kpi or '-'}"
    return _line(page.received_at, what, page.summary)


def change_line(change: ChangeEvent, received_at: datetime) -> str:
    """A change event as one line of a terminal, in the columns of a page."""
    return _line(received_at, f"{'change':<11} {'-':<8}", change.payload.summary)


def _line(at: datetime, what: str, summary: str) -> str:
    """Whoever reaches the port writes the text, and a terminal obeys control characters."""
    return "".join(sign if sign.isprintable() else " " for sign in f"{at:%H:%M:%S} {what} {summary}")


def complaints(error: ValidationError) -> list[str]:
    """One sentence per field that PagerDuty would refuse, in its words where they are known."""
    return [_complaint(item) for item in error.errors(include_url=False)]


def _complaint(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if not where:
        return str(item["msg"])
    if item["type"] == "missing" or (item["type"] == "string_too_short" and item["input"] == ""):
        return f"'{where}' is missing or blank"
    if where == "routing_key" and item["type"].startswith("string_too"):
        return "Length of 'routing_key' is incorrect (should be 32 characters)"
    return f"'{where}' is invalid: {item['msg']}"


def _keep_quiet(_: Page | ChangeEvent) -> None:
    """Nobody asked to be told."""


@dataclass(slots=True)
class Receiver:
    """Listens on loopback. `on_page` and `on_change` are called in the event loop and must not block."""

    on_page: Callable[[Page], None] = _keep_quiet
    on_change: Callable[[ChangeEvent], None] = _keep_quiet
    clock: Clock = now
    new_key: Callable[[], str] = lambda: uuid.uuid4().hex
    """Makes a dedup_key for a trigger that has none."""
    pages: list[Page] = field(default_factory=list)
    changes: list[ChangeEvent] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """What was wrong with the events that were answered with 400."""
    _runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> int:
        """Listen on 127.0.0.1 and return the port; 0 takes a free one. UserError when the port is taken."""
        app = web.Application(client_max_size=MAX_BYTES)
        app.add_routes([web.post(ENQUEUE, self._enqueue), web.post(CHANGE, self._change)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", port).start()
        except OSError as error:
            await self.stop()
            raise UserError(f"port {port} is taken; choose another one for the PagerDuty receiver") from error
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening; safe to call twice."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _enqueue(self, request: web.Request) -> web.Response:
        try:
            event = Event.model_validate(await _body(request))
        except (ValidationError, _BodyError) as error:
            return self._refuse(error)
        page = to_page(event, self.clock(), event.dedup_key or self.new_key())
        self.pages.append(page)
        self.on_page(page)
        answer = {"status": "success", "message": "Event processed", "dedup_key": page.dedup_key}
        return web.json_response(answer, status=202)

    async def _change(self, request: web.Request) -> web.Response:
        try:
            change = ChangeEvent.model_validate(await _body(request))
        except (ValidationError, _BodyError) as error:
            return self._refuse(error)
        self.changes.append(change)
        self.on_change(change)
        return web.json_response({"status": "success", "message": "Change event processed"}, status=202)

    def _refuse(self, error: "ValidationError | _BodyError") -> web.Response:
        errors = complaints(error) if isinstance(error, ValidationError) else [str(error)]
        self.refused.extend(errors)
        answer = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
        return web.json_response(answer, status=400)


class _BodyError(Exception):
    """The body cannot be an event at all."""


async def _body(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except web.HTTPRequestEntityTooLarge as error:
        raise _BodyError("the event is larger than 512 KB") from error
    except ValueError as error:  # not JSON, or not UTF-8
        raise _BodyError("the body is not JSON") from error


@click.command("pagerduty-receiver")
@click.option("--port", type=click.IntRange(0, 65_535), default=9111, show_default=True, help="0 takes a free one.")
def receiver_command(port: int) -> None:
    """Receive pages and change events on this machine instead of PagerDuty, one line each, until Ctrl-C.

    Example: vigil pagerduty-receiver --port 9111
    """

    def show(page: Page) -> None:
        click.echo(page_line(page))

    def show_change(change: ChangeEvent) -> None:
        click.echo(change_line(change, now()))

    async def serve() -> None:
        receiver = Receiver(show, show_change)
        bound = await receiver.start(port)
        click.echo(f"pagerduty_url: http://127.0.0.1:{bound}{ENQUEUE}")
        click.echo(f"VIGIL_PAGERDUTY_URL=http://127.0.0.1:{bound}")
        try:
            await asyncio.Event().wait()
        finally:
            await receiver.stop()

    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        click.echo("stopped")
