"""What the commands over the past have in common: where windows come from, from when to when, and by which policy."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from monitor.backtest.files import FileSource
from monitor.backtest.history import Source
from monitor.backtest.notes import about_windows
from monitor.backtest.stored import StoredSource
from monitor.durations import budget_of, seconds_of
from monitor.errors import UserError
from monitor.moments import moment_of_option
from monitor.policy import SHIPPED_POLICY, Policy, load_policy
from monitor.progress import Progress
from monitor.reading import reader
from monitor.settings import load as load_settings

FILE = click.Path(path_type=Path)
_OPTIONS = (
    click.option("--from", "start", metavar="TIME", help="Score windows from here on; those before are learned from."),
    click.option("--to", "end", metavar="TIME", help="Score windows that start before this."),
    click.option(
        "--window", metavar="LENGTH", help="Length of a file's windows, such as 10s; the smallest spacing else."
    ),
    click.option(
        "--column",
        "columns",
        multiple=True,
        metavar="OURS=THEIRS",
        help="The file calls a column otherwise: ts=timestamp.",
    ),
    click.option("--feature", "features", multiple=True, help="Only this feature of the store; may be repeated."),
    click.option("--store", "dsn", metavar="DSN", help="The store, where no FILE is given; VIGIL_STORE by default."),
)


@dataclass(frozen=True, slots=True)
class Span:
    """Where windows come from. Times are Unix seconds; without a file `start` and `end` are needed."""

    file: Path | None
    start: int | None
    end: int | None
    window: int | None
    columns: Mapping[str, str]
    features: tuple[str, ...]
    dsn: str | None


def with_span(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a `Span`, for a command that hands them to `span_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def span_of(file: Path | None, given: Mapping[str, Any]) -> Span:
    """The options as they were given. Raises UserError."""
    start, end = (
        None if given[name] is None else moment_of_option(option, given[name])
        for name, option in (("start", "--from"), ("end", "--to"))
    )
    if file is None and (start is None or end is None):
        raise UserError("give a FILE, or --from and --to for windows of the store")
    if start is not None and end is not None and start >= end:
        raise UserError("--from must be before --to")
    if file is None and (given["window"] or given["columns"]):
        raise UserError("--window and --column are for a FILE; the store has windows of 10 s")
    if file is not None and (given["features"] or given["dsn"]):
        raise UserError("--feature and --store are for the store; leave out FILE, or leave out these")
    window = None if given["window"] is None else seconds_of(given["window"])
    return Span(file, start, end, window, renamed(given["columns"]), given["features"], given["dsn"])


def renamed(pairs: Sequence[str]) -> dict[str, str]:
    """Our names of columns to the file's. Raises UserError."""
    for pair in pairs:
        if not all(pair.partition("=")[::2]):
            raise UserError(f"write --column OURS=THEIRS instead of --column {pair}")
    return {ours: theirs for ours, _, theirs in (pair.partition("=") for pair in pairs)}


def policy_of(path: Path | None, budget: str | None, of_file: bool) -> Policy:
    """The policy of a file, or one with nothing but a budget. Raises UserError.

    Windows of the store, not `of_file`, are judged by the policy of a worker with our settings unless told otherwise.
    """
    if path is not None and budget is not None:
        raise UserError("give --policy or --budget; a policy has a budget of its own")
    if path is None and budget is None and not of_file:
        path = load_settings().policy or SHIPPED_POLICY
    if path is not None:
        return load_policy(path)
    text = budget or "1/week"
    budget_of(text)
    return Policy(version=f"budget:{text}".replace(" ", "_"), budget=text)


@contextmanager
def opened(span: Span) -> Iterator[Source]:
    """The windows of a span. Raises UserError. Blocking."""
    if span.file is None:
        with reader(span.dsn) as client:
            yield StoredSource(client, int(span.start or 0), int(span.end or 0), span.features)
        return
    size = span.file.stat().st_size if span.file.is_file() else 0
    with Progress("bytes read", size) as progress:
        source = FileSource(span.file, span.window, span.columns, span.end, progress.add)
    source.notes += [] if source.are_values else about_windows(source.seconds)
    yield source
