"""Bring the tables to the newest version: each file of `migrations/` once, in order, then the views."""

import hashlib
import re
import time
from dataclasses import dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from monitor.errors import UserError
from monitor.store.views import view_statements

FOLDER = Path(__file__).parent / "migrations"
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_TABLE_EXISTS, _UNKNOWN_TABLE = 57, 60
_PAUSES = (0.1, 0.3, 1.0, 3.0)
"""Seconds between tries to renew a view."""

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version UInt32,
    name String,
    checksum String,
    applied_at DateTime('UTC') DEFAULT now('UTC')
)
ENGINE = MergeTree
ORDER BY version"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name, its text."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrate(client: Client, folder: Path = FOLDER) -> list[str]:
    """Apply what was not applied yet, renew the views, and return the names of the files applied now.

    Blocking. Raises UserError when a file changed after it was applied: what it did is not known then.
    """
    client.command(_LEDGER)
    rows = client.query("SELECT version, checksum FROM schema_migrations").result_rows
    known = {int(version): str(checksum) for version, checksum in rows}
    applied = []
    for migration in migrations(folder):
        checksum = known.get(migration.version)
        if checksum is None:
            _apply(client, migration)
            applied.append(migration.name)
        elif checksum != migration.checksum:
            raise UserError(
                f"{migration.name} changed after it was applied to this store; "
                "put the old text back and write the change as a new file"
            )
    for statement in view_statements():
        _renew(client, statement)
    return applied


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """The files in order. Raises UserError for a name that does not fit, or a number used twice."""
    found: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None or int(match[1]) in found:
            raise UserError(f"rename {path.name}: a migration is called NNNN_what.sql and has a number of its own")
        found[int(match[1])] = Migration(int(match[1]), path.stem, path.read_text("utf-8"))
    return list(found.values())


def statements(text: str) -> list[str]:
    """The statements of a file: each ends with a semicolon at the end of a line. Lines of comment are dropped."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    parts = re.split(r";[ \t]*$", "\n".join(lines), flags=re.MULTILINE)
    return [part.strip() for part in parts if part.strip()]


def _renew(client: Client, statement: str) -> None:
    for pause in _PAUSES:
        try:
            client.command(statement)
        except DatabaseError as error:
            # A worker that starts at the same moment is replacing a view that this one reads.
            if error.code != _UNKNOWN_TABLE:
                raise
            time.sleep(pause)
        else:
            return
    client.command(statement)


def _apply(client: Client, migration: Migration) -> None:
    for statement in statements(migration.text):
        try:
            client.command(statement)
        except DatabaseError as error:
            # ClickHouse cannot roll DDL back, and two workers may start at once: a table that
            # is there already was made by the attempt before, or by the neighbour.
            if error.code != _TABLE_EXISTS:
                raise
    client.insert(
        "schema_migrations",
        [[migration.version, migration.name, migration.checksum]],
        column_names=["version", "name", "checksum"],
    )
