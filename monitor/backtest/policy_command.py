"""`vigil policy diff`: what another policy would change."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click

from monitor.backtest.command import score, unused, write_lines
from monitor.backtest.comparing import change_line, compare
from monitor.backtest.options import FILE, opened, span_of, with_span
from monitor.policy import load_policy

_HELP = """Pages gained, lost and moved when policy NEW takes the place of OLD, on a FILE or on the store.

\b
  vigil policy diff policy.yaml stricter.yaml windows.csv
  vigil policy diff policy.yaml stricter.yaml --from 2026-11-01T00:00Z --to 2026-11-15T00:00Z
"""


@click.group("policy")
def policy_group() -> None:
    """Look at what pages, before it does."""


@policy_group.command("diff", help=_HELP)
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@click.argument("file", type=FILE, required=False)
@with_span
@click.option("--out", type=FILE, help="Write the changes here instead of to standard output.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON, the last line on stdout.")
def diff_command(old: Path, new: Path, file: Path | None, out: Path | None, as_json: bool, **given: Any) -> None:
    """Read once, score twice, compare."""
    span, before, after = span_of(file, given), load_policy(old), load_policy(new)
    with opened(span) as source:
        first = score(source, before, span.start or 0)
        second = score(source, after, span.start or 0)
        notes = list(dict.fromkeys([*source.notes, *unused(before, first), *unused(after, second)]))
    changes, same = compare(first.pages, second.pages)
    write_lines(map(change_line, changes), out)
    kinds = Counter(change.what for change in changes)
    summary = {
        "old": before.version,
        "new": after.version,
        "same": same,
        **{kind: kinds[kind] for kind in ("gained", "lost", "moved")},
        "pages_before": len(first.pages),
        "pages_after": len(second.pages),
        "notes": notes,
    }
    told = [f"note: {note}" for note in notes]
    told.append(
        f"{before.version} to {after.version}: {kinds['gained']:,} pages gained, {kinds['lost']:,} lost, "
        f"{kinds['moved']:,} moved, {same:,} as before"
    )
    click.echo("\n".join(told), err=True)
    if as_json:
        click.echo(json.dumps(summary))
