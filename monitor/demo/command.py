"""`vigil demo` on the command line."""

import asyncio
import signal
import sys
import tempfile
from pathlib import Path

import click

from monitor.demo.outcome import Outcome
from monitor.demo.play import Play, Script
from monitor.errors import UserError


@click.command(name="demo")
@click.option("--seconds", type=click.FloatRange(min=20.0), help="End after this many seconds of traffic.")
@click.option("--inject-at", default=30.0, show_default=True, help="Second of the traffic at which refusals rise.")
@click.option("--rate", default=120.0, show_default=True, help="Interactions a second, over all features.")
@click.option("--seed", default=7, show_default=True, help="Of the simulated traffic.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep the store and the logs in this folder.")
def demo_command(  # one argument per option
    seconds: float | None, inject_at: float, rate: float, seed: int, as_json: bool, keep: Path | None
) -> None:
    """All of Vigil on this machine: broker, worker, traffic, alerts, and an incident.

    Example: vigil demo --seconds 90 --json
    """
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise UserError(f"{keep} is not empty; --keep takes a new folder, because a store belongs to one broker")
    script = Script(seconds, inject_at, rate, seed)
    with tempfile.TemporaryDirectory(prefix="vigil-demo-") as temporary:
        folder = Path(temporary) if keep is None else keep
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        outcome = asyncio.run(_play(Play(script, folder, say=lambda text: click.echo(text, err=as_json))))
    if as_json:
        click.echo(outcome.to_json())
    sys.exit(0 if outcome.adds_up() else 1)


async def _play(play: Play) -> Outcome:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, play.curtain.set)
    return await play.run()
