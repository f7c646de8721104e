"""The command `vigil simulate`."""

import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from math import ceil
from pathlib import Path

import click

from monitor.broker import broker_of
from monitor.clock import monotonic, now
from monitor.errors import UserError
from monitor.producing import ensure_topics
from monitor.progress import Progress
from monitor.settings import load
from monitor.simulator.plan import Plan, Tally
from monitor.simulator.scenarios import SCENARIOS, scenario
from monitor.simulator.sending import Pace, event_start, report, simulate, stopped_by_signals, write_status
from monitor.simulator.traffic import Traffic
from schemas.topics import TOPICS

__all__ = ["simulate", "simulate_command"]


@click.command("simulate")
@click.option("--broker", show_default="VIGIL_BROKER", help="Kafka bootstrap servers.")
@click.option("--rate", default=120.0, show_default=True, help="Interactions per second, as the mean of a week.")
@click.option("--seconds", type=float, help="How long; without it, until stopped.")
@click.option("--seed", default=1, show_default=True, help="The same seed and start give the same events.")
@click.option("--scenario", "name", type=click.Choice([s.name for s in SCENARIOS]), help="An incident to put in.")
@click.option("--at", default=60.0, show_default=True, help="Seconds after the start at which it begins.")
@click.option("--duration", type=float, help="Seconds it lasts; each scenario has its own default.")
@click.option("--size", type=float, help="How bad: a factor or a share; each scenario has its own default.")
@click.option("--feature", help="Which feature; support-chat without it.")
@click.option("--speed", default=1.0, show_default=True, help="Times real time; above 1 needs --seconds.")
@click.option("--json", "as_json", is_flag=True, help="The last line is a JSON object: the tally and the truth.")
@click.option("--status-file", type=click.Path(path_type=Path), help="The same object, rewritten once a second.")
def simulate_command(  # noqa: PLR0913  # one argument per option
    broker: str | None,
    rate: float,
    seconds: float | None,
    seed: int,
    name: str | None,
    at: float,
    duration: float | None,
    size: float | None,
    feature: str | None,
    speed: float,
    as_json: bool,
    status_file: Path | None,
) -> None:
    """Send the telemetry of made-up features to Kafka, with an incident in it if you like.

    \b
    Example:
      vigil simulate --seconds 600 --scenario refusal_spike --at 120 --size 3
    """
    if name is None and (feature, size, duration) != (None, None, None):
        raise UserError("--feature, --size and --duration describe an incident: name one with --scenario")
    incident = scenario(name, at, feature, size, duration) if name else None
    plan = Plan(event_start(now(), seconds, speed), seed, seconds, Traffic(rate), scenario=incident)
    settings = load(broker=broker)
    known = broker_of(settings)
    ensure_topics(known, TOPICS, settings.partitions, settings.replication)
    plan = replace(plan, start=event_start(now(), seconds, speed))  # making topics took a while
    stop, began = threading.Event(), monotonic()
    with stopped_by_signals(stop), _progress(seconds) as progress:

        def on_tick(tally: Tally, done: bool) -> None:
            if progress is not None:
                elapsed = int((monotonic() - began) * speed)
                progress.add(min(elapsed, progress.total) - progress.done)
            if status_file is not None:
                write_status(status_file, report(plan, tally, done))

        tally = simulate(known, plan, Pace(speed), stop, on_tick)
    if as_json:
        click.echo(report(plan, tally, True))
    else:
        click.echo(", ".join(f"{kind} {count:,}" for kind, count in asdict(tally).items()))


def _progress(seconds: float | None) -> AbstractContextManager[Progress | None]:
    """A line on stderr while it runs; none without an end to count to."""
    return nullcontext() if seconds is None else Progress("simulated seconds", ceil(seconds))
