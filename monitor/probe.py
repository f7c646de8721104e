"""The command `vigil probe`: a known-bad interaction goes in, and must come out of Prometheus."""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode, urlsplit

import click
from aiohttp import ClientError, ClientSession, ClientTimeout

from monitor.broker import Broker, broker_of
from monitor.clock import Clock, Timer, monotonic, now
from monitor.durations import seconds_of
from monitor.errors import UserError
from monitor.producing import sender
from monitor.settings import Settings, load
from schemas.probes import PROBE_FEATURE
from schemas.telemetry import Guardrail, Injection, Interaction, Redaction
from schemas.topics import TELEMETRY_TOPIC

_SERIES = f'vigil_probe_last_timestamp_seconds{{feature="{PROBE_FEATURE}"}}'
_LINE = re.compile(rf"(?m)^{re.escape(_SERIES)} (\S+)$")
_LOOK_EVERY = 0.5
_PATIENCE = ClientTimeout(total=5.0)

Read = Callable[[str], float | None]
"""From a body to the event time of the newest probe, Unix seconds; None before the first. ValueError: no such body."""


@dataclass(frozen=True, slots=True)
class Exit:
    """Where a probe comes out: what it is called, what is asked, and how the answer is read."""

    name: str
    url: str
    read: Read


def known_bad(probe_id: str, at: datetime) -> Interaction:
    """The probe: what a filter blocked at the door. Synthetic, so it is in no KPI."""
    found = Guardrail(
        name="vigil-probe",
        stage="input",
        category="prompt_injection",
        verdict="deny",
        action="block",
        outcome="evaluated",
    )
    return Interaction(
        kind="interaction",
        event_id=probe_id,
        synthetic=probe_id,
        ts=at,
        emitter="vigil-probe",
        feature=PROBE_FEATURE,
        finish_reason="content_filter",
        guardrails=(found,),
        injection=Injection(detected=True),
        redaction=Redaction(status="clean"),
    )


def exit_of(settings: Settings, prometheus: str | None) -> Exit:
    """Prometheus where one is known, or else a worker on this machine. Raises UserError for what is no address."""
    address = prometheus or settings.prometheus
    if address is None:
        host = f"[{settings.metrics_host}]" if ":" in settings.metrics_host else settings.metrics_host
        here = f"http://{host}:{settings.metrics_port}"
        return Exit(f"the worker at {here}", f"{here}/metrics", newest_in_metrics)
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError("--prometheus, or VIGIL_PROMETHEUS, is no address; write it like http://prometheus:9090")
    query = urlencode({"query": f"max({_SERIES})"})
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"  # without a password
    return Exit(f"Prometheus at {shown}", f"{address.rstrip('/')}/api/v1/query?{query}", newest_in_answer)


def newest_in_answer(body: str) -> float | None:
    """What Prometheus' API says."""
    try:
        found = json.loads(body)["data"]["result"]
        return float(found[0]["value"][1]) if found else None
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError("no answer of Prometheus' API") from error


def newest_in_metrics(body: str) -> float | None:
    """What a worker's /metrics says."""
    found = _LINE.search(body)
    return float(found[1]) if found else None


async def come_out(out: Exit, sent: float, give_up: float, timer: Timer = monotonic) -> str | None:
    """Wait until a probe as new as `sent`, Unix seconds, is seen, or until `timer` passes `give_up`.

    Returns None when it was seen, and otherwise a sentence about what was seen last.
    """
    async with ClientSession(timeout=_PATIENCE) as session:
        while True:
            problem = await _look(session, out, sent)
            if problem is None or timer() >= give_up:
                return problem
            await asyncio.sleep(_LOOK_EVERY)


async def _look(session: ClientSession, out: Exit, sent: float) -> str | None:
    try:
        async with session.get(out.url) as answer:
            body = await answer.text()
        if answer.status != 200:
            return f"{out.name} answers with status {answer.status}; is that its address?"
        newest = out.read(body)
    except (ClientError, OSError, ValueError) as error:  # a time-out is an OSError
        return f"{out.name} gives no answer that is one ({type(error).__name__}); is it up, and is that its address?"
    if newest is not None and newest >= sent:
        return None
    seen = "no probe" if newest is None else f"none newer than {sent - newest:.1f} s before it"
    return f"{out.name} shows {seen}; does a worker run, keep up, and is it scraped? The runbook: VigilProbeLost"


def send_one(broker: Broker, deadline: int, out: Exit, time_is: tuple[Clock, Timer] = (now, monotonic)) -> float:
    """Send a probe and wait for it; the seconds that it took. Blocking.

    Raises UserError when it cannot be sent, or has not come out after `deadline` seconds.
    """
    clock, timer = time_is
    began = timer()
    probe = known_bad(f"probe-{secrets.token_hex(12)}", clock())
    with sender(broker, "vigil-probe") as to:
        to.send(TELEMETRY_TOPIC.name, probe.model_dump_json(exclude_none=True).encode(), probe.emitter)
    problem = asyncio.run(come_out(out, probe.ts.timestamp(), began + deadline, timer))
    if problem is not None:
        raise UserError(f"the probe was sent and did not come out in {deadline} s: {problem}")
    return timer() - began


@click.command("probe")
@click.option("--broker", show_default="VIGIL_BROKER", help="Kafka bootstrap servers.")
@click.option("--prometheus", show_default="VIGIL_PROMETHEUS", help="Address of the Prometheus that must show it.")
@click.option("--deadline", default="60s", show_default=True, help="How long it may take.")
@click.option("--every", help="Send one so often, until Ctrl-C, and go on when one is lost.")
def probe_command(broker: str | None, prometheus: str | None, deadline: str, every: str | None) -> None:
    """Send a known-bad interaction and wait until it comes out of Prometheus. Exit code 1 when it does not.

    It is marked as synthetic and counts in no KPI. Without an address of Prometheus a worker's own /metrics is asked,
    which proves less: not that anybody scrapes it.

    \b
    Examples:
      vigil probe --prometheus http://prometheus:9090
      vigil probe --prometheus http://prometheus:9090 --every 60s
    """
    settings = load(broker=broker)
    to, out, seconds = broker_of(settings), exit_of(settings, prometheus), seconds_of(deadline)
    if out.read is newest_in_metrics:
        click.echo("no VIGIL_PROMETHEUS: asking a worker, which does not prove that Prometheus scrapes it", err=True)
    if every is None:
        click.echo(_said(out, send_one(to, seconds, out)))
        return
    _for_ever(seconds_of(every), lambda: _said(out, send_one(to, seconds, out)))


def _said(out: Exit, seconds: float) -> str:
    return f"the probe came out of {out.name} after {seconds:.1f} s"


def _for_ever(every: int, once: Callable[[], str]) -> None:
    try:
        while True:
            began = monotonic()
            try:
                click.echo(f"{now():%Y-%m-%dT%H:%M:%SZ} {once()}")
            except UserError as error:
                click.echo(f"{now():%Y-%m-%dT%H:%M:%SZ} Error: {error}", err=True)
            time.sleep(max(began + every - monotonic(), 0.0))
    except KeyboardInterrupt:
        click.echo("stopped")
