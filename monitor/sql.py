"""`vigil sql`: questions to the store, in SQL or by name, as a table, CSV or JSON. It reads unless told to write."""

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from alerts.queries import NAMES, StoredQuery, load
from monitor.clock import Clock, now
from monitor.errors import UserError
from monitor.moments import moment_near
from monitor.settings import load as load_settings
from monitor.store.client import is_embedded
from monitor.store.endpoint import open_reader, open_writer
from monitor.store.guard import RefusedError, check_read, forbidden_functions

FORMATS = ("table", "csv", "json")
_WIDEST = 80


def run(
    client: Client,
    text: str,
    out_format: str,
    parameters: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
) -> str:
    """The answer to one reading statement, formatted; one of FORMATS. Blocking.

    Raises UserError for a statement that does more than read, and for what the store refuses.
    """
    try:
        check_read(text, forbidden_functions(frozenset()))
    except RefusedError as error:
        raise UserError(f"{error}; --write lets it through") from error
    try:
        result = client.query(
            text.strip().rstrip("; \n"), parameters=dict(parameters or {}) or None, settings=dict(settings or {})
        )
    except ClickHouseError as error:
        raise UserError(f"the store says: {_first_line(error)}") from error
    return render(result.column_names, result.result_rows, out_format)


def write(client: Client, text: str, parameters: Mapping[str, str] | None = None) -> str:
    """Run one statement that may change the store. Returns what it printed. Raises UserError when it is refused."""
    try:
        answer = client.command(text.strip().rstrip("; \n"), parameters=dict(parameters or {}) or None)
    except ClickHouseError as error:
        raise UserError(f"the store says: {_first_line(error)}") from error
    return f"{answer}\n" if isinstance(answer, str | int) else ""


def render(columns: Sequence[str], rows: Sequence[Sequence[Any]], out_format: str) -> str:
    """Rows as text that ends with a newline. Times are UTC; an unknown value is NULL, an empty field, or null."""
    if out_format == "json":
        return json.dumps([dict(zip(columns, map(_plain, row), strict=True)) for row in rows], indent=1) + "\n"
    if out_format == "csv":
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_csv_value(value) for value in row] for row in rows)
        return out.getvalue()
    return _table(columns, rows)


def stored_parameters(query: StoredQuery, given: Mapping[str, str], clock: Clock = now) -> dict[str, str]:
    """The parameters of a stored query; times in UTC as the store reads them, `now-1h` and the like by the clock.

    Raises UserError for a parameter that is missing, unknown, or no time.
    """
    known = {parameter.name: parameter for parameter in query.parameters}
    if unknown := sorted(set(given) - set(known)):
        raise UserError(f"{query.name} has no parameter {unknown[0]}; it takes {', '.join(known)}")
    for name, parameter in known.items():
        if name not in given:
            raise UserError(f"add --param {name}=...: {parameter.meaning}")
    at = clock().timestamp()  # looked at once, so that `to=now` and `from=now-1h` are an hour apart
    return {
        name: _utc(name, value, at) if known[name].type.startswith("DateTime") else value
        for name, value in given.items()
    }


@click.command("sql")
@click.argument("query", required=False)
@click.option("--query-name", type=click.Choice(NAMES), help="Ask a stored question instead.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter {NAME:Type} of the query.")
@click.option("--list", "list_them", is_flag=True, help="List the stored questions and their parameters.")
@click.option("--format", "out_format", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--write", "may_write", is_flag=True, help="Let the statement change the store.")
@click.option("--store", "dsn", metavar="DSN", help="The store; VIGIL_STORE by default.")
def sql_command(  # noqa: PLR0913  # one argument per option
    query: str | None,
    query_name: str | None,
    params: tuple[str, ...],
    list_them: bool,
    out_format: str,
    may_write: bool,
    dsn: str | None,
) -> None:
    """Ask the store. QUERY is SQL, or - to read it from standard input.

    \b
    vigil sql "SELECT kpi, max(rate) FROM kpi_windows WHERE feature = 'chat' GROUP BY kpi"
    vigil sql --query-name what_changed --param feature=chat \\
        --param at=2026-11-20T12:00:00Z --param lookback_minutes=120
    vigil sql --query-name did_guardrails_run --param feature=chat --param from=now-2h --param to=now

    A stored question takes times in ISO 8601, UTC where they say no zone, and now, now-30m, now-1h, now-2d.
    """
    try:
        if list_them:
            click.echo(_listing(), nl=False)
            return
        given = _pairs(params)
        text = _text(query, query_name)
        if query_name is not None:
            given = stored_parameters(load(query_name), given)
        click.echo(_answer(text, given, out_format, may_write, dsn), nl=False)
    except UserError as error:
        raise click.ClickException(str(error)) from error


def _answer(text: str, given: Mapping[str, str], out_format: str, may_write: bool, dsn: str | None) -> str:
    settings = load_settings()
    dsn = dsn or settings.store
    login = settings.store_login()
    client = open_writer(dsn, *login) if may_write else open_reader(dsn, *login)
    try:
        if may_write:
            return write(client, text, given)
        # A server is told to only read; readonly = 2 leaves the client's own settings alone. The
        # embedded store is read-only already, and takes no settings in that state.
        return run(client, text, out_format, given, {} if is_embedded(dsn) else {"readonly": "2"})
    finally:
        client.close()


def _text(query: str | None, query_name: str | None) -> str:
    if (query is None) == (query_name is None):
        raise UserError("give either a QUERY or --query-name; --list shows the names")
    if query_name is not None:
        return load(query_name).text
    return sys.stdin.read() if query == "-" else str(query)


def _pairs(params: Sequence[str]) -> dict[str, str]:
    for pair in params:
        if "=" not in pair:
            raise UserError(f"write --param NAME=VALUE instead of --param {pair}")
    return {name: value for name, _, value in (pair.partition("=") for pair in params)}


def _listing() -> str:
    lines = []
    for query in map(load, NAMES):
        lines.append(f"{query.name}: {query.question}")
        lines += [f"    {parameter.name} ({parameter.type}): {parameter.meaning}" for parameter in query.parameters]
    return "\n".join(lines) + "\n"


def _utc(name: str, value: str, at: float) -> str:
    moment = datetime.fromtimestamp(moment_near(f"--param {name}", value, at), UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _plain(value: Any) -> Any:
    """The value as JSON has it."""
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.isoformat().replace("+00:00", "Z")
    if isinstance(value, float):
        return value if value - value == 0 else None  # JSON has no infinity and no NaN
    if isinstance(value, bytes):
        return value.decode(errors="replace").rstrip("\0")
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _csv_value(value: Any) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    return plain if isinstance(plain, str) else json.dumps(plain)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    plain = _plain(value)
    text = "NULL" if plain is None else plain if isinstance(plain, str) else json.dumps(plain)
    # A terminal obeys control characters, wherever they came from.
    text = "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    right = [bool(rows) and all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(columns))]

    def line(values: Sequence[str]) -> str:
        padded = (
            value.rjust(width) if to_right else value.ljust(width)
            for value, width, to_right in zip(values, widths, right, strict=True)
        )
        return "  ".join(padded).rstrip()

    count = f"({len(rows)} row{'' if len(rows) == 1 else 's'})"
    return "\n".join([line(columns), line(["-" * width for width in widths]), *map(line, cells), count]) + "\n"


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0][:300] if lines else type(error).__name__
