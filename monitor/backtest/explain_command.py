"""`vigil explain`: why it paged, or why not, as a picture."""

from pathlib import Path

import click

from monitor.backtest.changes import read_changes
from monitor.backtest.history import History, Source
from monitor.backtest.options import FILE, Span, opened, policy_of, renamed
from monitor.backtest.png import BINS, write_png
from monitor.backtest.stored import StoredSource
from monitor.backtest.terminal import COLUMNS, picture
from monitor.backtest.view import look, view
from monitor.durations import seconds_of
from monitor.errors import UserError
from monitor.moments import moment_of_option
from monitor.windows import WINDOW_SECONDS
from schemas.pools import is_pool

_BEFORE, _AFTER = 720, 180
"""Windows that are shown unless told otherwise."""
_HELP = """Observed rate, baseline and band, the evidence against its threshold, and what changed, around a moment.

\b
  vigil explain support-chat refusal_rate --at 2026-11-20T12:00Z
  vigil explain support-chat refusal_rate --at 2026-11-20T12:00Z --file windows.csv --out why.png

It is drawn in the terminal, and into --out as PNG. Without --file it looks into the store.
"""


@click.command("explain", help=_HELP)
@click.argument("feature")
@click.argument("kpi")
@click.option("--at", required=True, metavar="TIME", help="The moment: ISO 8601 or Unix seconds.")
@click.option("--before", metavar="LENGTH", help="How much to show before it; 720 windows by default.")
@click.option("--after", metavar="LENGTH", help="How much to show after it; 180 windows by default.")
@click.option("--file", type=FILE, help="CSV or Parquet, as `vigil backtest` takes it.")
@click.option("--window", metavar="LENGTH", help="Length of the file's windows; else the smallest spacing.")
@click.option("--column", "columns", multiple=True, metavar="OURS=THEIRS", help="The file calls a column otherwise.")
@click.option("--store", "dsn", metavar="DSN", help="The store; VIGIL_STORE by default.")
@click.option("--budget", metavar="PAGES/TIME", help="False pages of a feature: 1/week by default.")
@click.option("--policy", "policy_path", type=FILE, help="YAML file with budgets.")
@click.option("--out", type=FILE, help="Write a PNG here.")
def explain_command(  # noqa: PLR0913  # one argument per option
    feature: str,
    kpi: str,
    at: str,
    before: str | None,
    after: str | None,
    file: Path | None,
    window: str | None,
    columns: tuple[str, ...],
    dsn: str | None,
    budget: str | None,
    policy_path: Path | None,
    out: Path | None,
) -> None:
    """Read, look, draw."""
    if is_pool(feature):
        raise UserError("a pool has no picture; `vigil sql --query-name which_members` lists its features, which have")
    moment, policy = moment_of_option("--at", at), policy_of(policy_path, budget, file is not None)
    seconds = None if window is None else seconds_of(window)
    start, end = _around(moment, before, after, WINDOW_SECONDS)  # of the store; a file's may be of another length
    span = Span(file, None if file else start, None if file else end, seconds, renamed(columns), (feature,), dsn)
    with opened(span) as source:
        start, end = _around(moment, before, after, source.seconds)
        history = _history(source, feature, kpi)
        changes = read_changes(source.client, feature, start, end) if isinstance(source, StoredSource) else []
    found = look(history, kpi, policy, start, end)
    if found.first >= found.last:
        raise UserError(f"{feature} has no windows around --at {at}; its history lies elsewhere")
    for note in source.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(picture(view(found, COLUMNS), [one.line for one in changes]))
    if out is not None:
        write_png(view(found, BINS), changes, out)


def _around(moment: int, before: str | None, after: str | None, seconds: int) -> tuple[int, int]:
    """First and last moment shown; the window that holds the moment is among them."""
    earlier = _BEFORE * seconds if before is None else seconds_of(before)
    later = _AFTER * seconds if after is None else seconds_of(after)
    return moment - earlier, moment + max(later, seconds)


def _history(source: Source, feature: str, kpi: str) -> History:
    """The feature's history, with that KPI in it. Raises UserError."""
    task = next((one for one in source.tasks if one.feature == feature), None)
    if task is None:
        known = ", ".join(one.feature for one in source.tasks[:5])
        raise UserError(f"{source.name} has no feature {feature!r}; it has {known}{', ...' * (len(source.tasks) > 5)}")
    found = source.read(task)
    if isinstance(found, list):
        raise UserError(f"{feature} is a series of values; `vigil explain` draws rates")
    if kpi not in found.kpis:
        raise UserError(f"{feature} has no KPI {kpi!r} there; it has {', '.join(found.kpis) or 'none'}")
    return found
