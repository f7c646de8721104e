"""`vigil backtest`: what a policy would have paged."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from monitor.backtest.files import FileSource
from monitor.backtest.history import Source
from monitor.backtest.notes import about_coverage, about_warming
from monitor.backtest.options import FILE, opened, policy_of, span_of, with_span
from monitor.backtest.page import line
from monitor.backtest.running import run_policy
from monitor.backtest.scoring import Outcome
from monitor.backtest.summary import Setting, as_json, as_text
from monitor.clock import monotonic
from monitor.columns import SCORED
from monitor.errors import UserError
from monitor.policy import Policy
from monitor.progress import Progress
from schemas.kpis import CATALOGUE

_HELP = """What would have paged? Windows of a CSV or Parquet FILE, or of the store.

\b
  vigil backtest windows.csv --window 10s --budget 1/week --out pages.ndjson
  vigil backtest --from 2026-11-01T00:00Z --to 2026-11-15T00:00Z --policy policy.yaml

FILE has the columns ts (start of the window: ISO 8601 or Unix seconds), feature, kpi, evaluated and bad,
and maybe expected and stratum; or ts, feature and value. Each page is a line of JSON. The budget is false
pages of one feature, over all its KPIs. On the store the policy is VIGIL_POLICY's, or the shipped one, unless
told otherwise. docs/backtest.md has the rest.
"""


@click.command("backtest", help=_HELP)
@click.argument("file", type=FILE, required=False)
@with_span
@click.option("--budget", metavar="PAGES/TIME", help="False pages of a feature: 1/week (default), 2/day, 1/1000 weeks.")
@click.option("--policy", "policy_path", type=FILE, help="YAML file with budgets, directions and silent KPIs.")
@click.option("--out", type=FILE, help="Write the pages here instead of to standard output.")
@click.option("--json", "as_json_too", is_flag=True, help="Print the summary as JSON, the last line on stdout.")
def backtest_command(
    file: Path | None, budget: str | None, policy_path: Path | None, out: Path | None, as_json_too: bool, **given: Any
) -> None:
    """Read, score, report."""
    span, policy = span_of(file, given), policy_of(policy_path, budget, file is not None)
    writable(out)
    started = monotonic()
    with opened(span) as source:
        read = monotonic()
        found = score(source, policy, span.start or 0)
        notes = [*source.notes, *unused(policy, found), *uncovered(source, policy), *warming(source, found)]
        setting = Setting(source.name, policy.version, source.seconds, notes)
    summary = as_json(setting, found, monotonic() - read) | {"seconds": round(monotonic() - started, 2)}
    write_lines((line(page) for page in found.pages), out)
    click.echo(as_text(summary, found), err=True)
    if as_json_too:
        click.echo(json.dumps(summary))


def score(source: Source, policy: Policy, begin: int) -> Outcome:
    """Run a policy over a source with a progress line. Raises UserError."""
    total = sum(task.series * task.windows for task in source.tasks)
    with Progress("windows scored", total) as progress:
        return run_policy(source, policy, begin, progress.add)


def unused(policy: Policy, found: Outcome) -> list[str]:
    """What the policy says of KPIs that were not there and that nobody knows: a typing error would silence nothing."""
    there = found.watched.keys() | {kpi for _, kpi in found.cold} | CATALOGUE.keys() | set(SCORED)
    return [f"the policy names {kpi!r}, which is not there" for kpi in policy.kpis if kpi not in there]


def uncovered(source: Source, policy: Policy) -> list[str]:
    """What to say where the policy has a floor of coverage for nothing. The store knows the coverage of its windows."""
    return [*about_coverage(policy, source.are_values, source.expects)] if isinstance(source, FileSource) else []


def warming(source: Source, found: Outcome) -> list[str]:
    """What to say where a rate was never scored; values need less."""
    values = isinstance(source, FileSource) and source.are_values
    return [about_warming(source.seconds)] if found.cold and not values else []


def writable(out: Path | None) -> None:
    """Raise UserError where pages could not be written, before hours are spent on finding them."""
    if out is not None and (out.is_dir() or not out.absolute().parent.is_dir()):
        raise UserError(f"cannot write {out}: {'it is a folder' if out.is_dir() else 'there is no such folder'}")


def write_lines(lines: Iterable[str], out: Path | None) -> None:
    """Lines into a file, or to standard output. Raises UserError."""
    text = "".join(f"{one}\n" for one in lines)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise UserError(f"cannot write {out} ({error.strerror})") from error
