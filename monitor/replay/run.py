"""`vigil replay FILE`: the command around `replay`."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from monitor.errors import UserError
from monitor.replay.engine import replay
from monitor.replay.options import PARTITION_FIELDS, Options, Summary, World
from monitor.settings import load as load_settings

__all__ = ["Options", "Summary", "World", "replay", "replay_command"]

_HELP = """Send recorded telemetry to Kafka: NDJSON, CSV (both may be .gz) or Parquet.

\b
Our own events, one JSON object a line, need no mapping:
  vigil replay events.ndjson
Anything else needs one (docs/replay.md); look at the result before sending it:
  vigil replay judged.parquet --map speechmap.toml --dry-run --show 3
  vigil replay judged.parquet --map speechmap.toml --times arrivals.parquet:TIMESTAMP

Event times are shifted by a whole number of ten-second windows, so that every window holds what it
held, and gaps stay as recorded. At speed max the last window ends now; at speed 1 or slower the
first event is now; in between, the last event is sent at its own time. With --keep-times nothing is
shifted. Events older than VIGIL_MAX_AGE_DAYS, or more than VIGIL_MAX_SKEW seconds ahead of the clock
when sent, are refused here, as the worker would refuse them.

Event ids are made from the file's name and the row's number: whoever repeats a replay within
VIGIL_DEDUP_HORIZON counts nothing twice. To count the file again, give the replay a --run of its own.
"""


class _Speed(click.ParamType):
    name = "speed"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if value == "max":
            return 0.0
        try:
            speed = float(value)
        except ValueError:
            speed = -1.0
        if speed < 0 or not math.isfinite(speed):
            self.fail(f"{value!r} is not a speed: write a number such as 1 or 60, or max", param, ctx)
        return speed


_FILE = click.Path(path_type=Path)


@click.command("replay", help=_HELP)
@click.argument("file", type=_FILE)
@click.option("--map", type=_FILE, help="TOML file that maps columns to the contract; docs/replay.md.")
@click.option("--speed", type=_Speed(), default="max", show_default=True, help="1 keeps the gaps; 0 or max: at once.")
@click.option(
    "--times",
    metavar="FILE:COLUMN",
    help="Take arrival times from a column of another file: row i gets the i-th time in order. When the "
    "rows outnumber the times, the times are repeated, later by their span each round.",
)
@click.option("--keep-times", is_flag=True, help="Do not shift event times to now.")
@click.option("--broker", help="Kafka bootstrap servers; VIGIL_BROKER unless given.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N rows of the file.")
@click.option(
    "--partition",
    type=click.Choice(PARTITION_FIELDS),
    default="emitter",
    show_default=True,
    help="Field that decides the partition; only emitter keeps an emitter's events in order.",
)
@click.option(
    "--heartbeats/--no-heartbeats",
    default=True,
    show_default=True,
    help="Also send each emitter's cumulative count at every ten-second boundary, so that completeness is known.",
)
@click.option("--run", default="", metavar="NAME", help="Goes into every event id: a new name counts as new events.")
@click.option("--key-file", type=_FILE, help="Secret for pseudonyms, at least 16 bytes.")
@click.option("--strict", is_flag=True, help="Stop at the first row that is refused.")
@click.option("--dry-run", is_flag=True, help="Map and check everything, send nothing; needs no broker.")
@click.option(
    "--show", type=click.IntRange(min=0), default=0, metavar="N", help="With --dry-run: print the first N records."
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def replay_command(file: Path, as_json: bool, broker: str | None, **options: Any) -> None:
    """Parse, replay, report."""
    if options["show"] and not options["dry_run"]:
        raise UserError("--show is for --dry-run; add --dry-run")
    settings = load_settings(broker=broker)
    summary = replay(Options(file, **options), settings, World(shown=click.echo))
    click.echo(json.dumps(asdict(summary)) if as_json else report(summary))
    if not summary.events and not summary.interrupted:
        worst = next(iter(summary.refused), "no reason")
        raise UserError(f"no row became an event, most for {worst}; correct the mapping (docs/replay.md)")


def report(summary: Summary) -> str:
    """The summary for people."""
    what = "would be sent (dry run)" if summary.dry_run else f"sent in {summary.seconds:.1f} s"
    lines = [f"{summary.events:,} of {summary.rows:,} rows and {summary.heartbeats:,} heartbeats {what}"]
    if summary.interrupted:
        lines = [f"interrupted: {summary.sent:,} records were sent"]
    if summary.first_ts is not None:
        lines.append(f"event times {summary.first_ts} to {summary.last_ts}")
    for reason, count in summary.refused.items():
        lines.append(f"refused {count:,} rows, {reason} (the first is row {summary.first_refused[reason]:,})")
    for path, counts in summary.unlisted.items():
        listed = ", ".join(f"{word!r} x {count:,}" for word, count in counts.items())
        lines.append(f"no entry in values of {path}: {listed}")
    return "\n".join([*lines, *(f"note: {note}" for note in summary.notes)])
