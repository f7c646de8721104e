"""`vigil policy`: what is wrong with one, what is built from one, and what another one would change."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from alerts.build import files
from alerts.policy import notes
from monitor.backtest.command import score, uncovered, unused, write_lines
from monitor.backtest.comparing import change_line, compare
from monitor.backtest.options import FILE, opened, span_of, with_span
from monitor.errors import UserError
from monitor.policy import SHIPPED_POLICY, Policy, find_mistakes, load_policy

_CHECK_HELP = """Say what is wrong with a policy, by line. Without FILE: the shipped one.

\b
  vigil policy check
  vigil policy check my-policy.yaml
"""
_BUILD_HELP = """Write rules, routes, dashboards and what else a policy stands for. Without FILE: the shipped one.

\b
  vigil policy build                                  into alerts/ of this installation
  vigil policy build my-policy.yaml --out my-alerts   beside a rules/ and an alertmanager/ of your own
  vigil policy build --check                          write nothing; fail when a file is not what would be built
"""
_HELP = """Pages gained, lost and moved when policy NEW takes the place of OLD, on a FILE or on the store.

\b
  vigil policy diff policy.yaml stricter.yaml windows.csv
  vigil policy diff policy.yaml stricter.yaml --from 2026-11-01T00:00Z --to 2026-11-15T00:00Z
"""


@click.group("policy")
def policy_group() -> None:
    """Look at what pages, before it does."""


@policy_group.command("check", help=_CHECK_HELP)
@click.argument("file", type=FILE, default=SHIPPED_POLICY)
def check_command(file: Path) -> None:
    """All mistakes at once, then what may surprise."""
    policy = _checked(file)
    for note in notes(policy):
        click.echo(f"note: {note}", err=True)
    click.echo(f"{file.name} is a policy: version {policy.version}, {len(policy.features)} features named")


@policy_group.command("build", help=_BUILD_HELP)
@click.argument("file", type=FILE, default=SHIPPED_POLICY)
@click.option("--out", type=FILE, default=SHIPPED_POLICY.parent, help="Folder to write into; alerts/ without it.")
@click.option("--check", is_flag=True, help="Compare and write nothing.")
def build_command(file: Path, out: Path, check: bool) -> None:
    """Texts from the policy, onto the disk; what an earlier policy built of features that are gone, off it."""
    policy = _checked(file)
    built = files(policy) | _dashboards(policy)
    stale = [name for name, text in built.items() if _text(out / name) != text]
    strays = [path for path in (out / "adopt" / "sloth").glob("*.yaml") if _is_stray(path, out, built)]
    if check and (stale or strays):
        wrong = [*stale, *(str(path.relative_to(out)) for path in strays)]
        raise UserError(f"not what would be built: {', '.join(wrong)}; run `vigil policy build`")
    for name in stale:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(built[name], "utf-8")
    for path in strays:
        path.unlink()
    click.echo(f"{len(stale)} of {len(built)} files written" if stale else f"{len(built)} files are as they should be")


def _dashboards(policy: Policy) -> dict[str, str]:
    """Path below alerts/ to text. Raises UserError without the library that builds them."""
    try:
        from alerts.dashboards.build import dashboards  # noqa: PLC0415  # it takes a second to load
    except ModuleNotFoundError as error:
        raise UserError(f"dashboards are built with {error.name}; install requirements.txt, which has it") from error
    return dashboards(policy)


def _is_stray(path: Path, out: Path, built: Mapping[str, str]) -> bool:
    """Whether we built it, for a feature that the policy no longer names."""
    ours = path.read_text("utf-8").startswith("# Built by `vigil policy build`")
    return ours and path.relative_to(out).as_posix() not in built


def _checked(file: Path) -> Policy:
    """The policy. Raises UserError that lists every mistake with its line."""
    policy, wrong = find_mistakes(file)
    if policy is None or wrong:
        raise UserError("\n".join(f"{file.name}, line {one.line}: {one.what}" for one in wrong))
    return policy


def _text(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None


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
        said = [*unused(before, first), *unused(after, second), *uncovered(source, before), *uncovered(source, after)]
        notes = list(dict.fromkeys([*source.notes, *said]))
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
