"""One query of the store's front, run in chDB. Blocking; one connection for each query, so nothing sticks to it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, cast

from monitor.errors import UserError
from monitor.store.guard import RefusedError, check_read, forbidden_functions
from monitor.store.native import FRAMED_SINCE, UnframedError, framed

_INSERT = re.compile(rb"\s*(INSERT\s(?:(?!\bSELECT\b|\bVALUES\b).)*?)\sFORMAT\s+(\w+)[ \t]*\r?\n?", re.I | re.S)
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.I)
_READS = re.compile(r"\s*\(*\s*(SELECT|WITH|SHOW|DESC|DESCRIBE|EXPLAIN|EXISTS|CHECK)\b", re.I)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CODE = re.compile(r"Code: (\d+)")
_OBJECT_FORMATS = frozenset({"dataframe", "arrowtable", "datastore"})  # chDB's words for Python objects, not bytes
_FUNCTIONS = """
SELECT name FROM system.table_functions
UNION ALL
SELECT name FROM system.functions WHERE name ILIKE 'ai%'  -- they call a language model over the network"""
_FORBIDDEN = frozenset({164, 497})
_CALLERS_FAULT = frozenset({27, 36, 42, 43, 46, 47, 48, 53, 57, 60, 62, 73, 81, 115, 117, 386, 456})


class Role(Enum):
    """Who asks."""

    READER = "reader"
    WRITER = "writer"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may take."""

    body_bytes: Mapping[Role, int] = field(default_factory=lambda: {Role.READER: 1_000_000, Role.WRITER: 256_000_000})
    seconds: Mapping[Role, float] = field(default_factory=lambda: {Role.READER: 30.0, Role.WRITER: 300.0})
    reader_memory: int = 1_000_000_000
    """Bytes a reader's query may use."""
    reader_result: int = 256_000_000
    """Bytes a reader's result may have, before formatting."""
    readers: int = 3
    writers: int = 2
    waiting: int = 32
    """Queries of one role that run or wait; more are told to come back."""


@dataclass(frozen=True, slots=True)
class Query:
    """What came in. `text` is the query parameter, `body` the request body; either may hold the statement."""

    text: bytes
    body: bytes
    parameters: Mapping[str, str]
    settings: Mapping[str, str]
    """Applied for a writer, ignored for a reader."""
    database: str
    out_format: str
    protocol: int = 0
    """The client's protocol version; 0 when it did not say."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out. `out_format` is empty for a statement without a result."""

    body: bytes
    out_format: str
    summary: str
    timezone: str


class QueryError(Exception):
    """The engine refused; the text is its own, without a stack trace."""

    def __init__(self, text: str) -> None:
        text = text.replace("\n", " ")
        text = text[max(text.find("Code: "), 0) :].split("Stack trace")[0].strip()
        super().__init__(text)
        match = _CODE.search(text)
        self.code = int(match[1]) if match else 1001
        self.status = 403 if self.code in _FORBIDDEN else 400 if self.code in _CALLERS_FAULT else 500


class Engine:
    """chDB at one path, kept open. `run` may be called from several threads."""

    def __init__(self, path: Path, limits: Limits) -> None:
        try:
            import chdb  # noqa: PLC0415  # an extra; a server has no use for it
        except ImportError as error:
            raise UserError("the embedded store needs chDB: pip install 'vigil[embedded]'") from error
        self._connect = cast(Any, chdb).connect  # its types say less than nothing
        self._path, self._limits = str(path), limits
        self._root = self._connect(self._path)
        rows = self._root.query(_FUNCTIONS, "TSV").bytes()
        self._forbidden = forbidden_functions(frozenset(rows.decode().split()))
        self._timezone = self._root.query("SELECT timezone()", "TSV").bytes().decode().strip()

    def close(self) -> None:
        """Let go of the engine; it ends when nobody else in the process holds it."""
        self._root.close()

    def run(self, query: Query, role: Role) -> Answer:
        """Run one query. Raises RefusedError, or QueryError with the engine's words."""
        try:
            if role is Role.READER:
                return self._read(query)
            return self._write(query)
        except (RefusedError, QueryError):
            raise
        except Exception as error:  # noqa: BLE001  # chDB raises RuntimeError, ChdbError and others, all with the engine's text
            raise QueryError(str(error)) from None

    def _read(self, query: Query) -> Answer:
        text = _statement(query)
        check_read(text, self._forbidden)
        limits = {
            "max_execution_time": str(self._limits.seconds[Role.READER]),
            "max_memory_usage": str(self._limits.reader_memory),
            "max_result_bytes": str(self._limits.reader_result),
        }
        connection = self._open(query.database, limits | {"readonly": "1"})
        try:
            return self._select(connection, text, query)
        finally:
            connection.close()

    def _write(self, query: Query) -> Answer:
        limits = {"max_execution_time": str(self._limits.seconds[Role.WRITER])}
        connection = self._open(query.database, limits | dict(query.settings))
        try:
            insert = _insert(query)
            if insert is None:
                return self._select(connection, _statement(query), query)
            head, name, data = insert
            with connection.send_insert(head, name) as stream:
                stream.append(data)
                done = stream.finish()
            return Answer(b"", "", _summary(written_rows=done.rows_written), self._timezone)
        finally:
            connection.close()

    def _open(self, database: str, settings: Mapping[str, str]) -> Any:
        connection = self._connect(self._path)
        try:
            if database:
                connection.query("USE `{}`".format(database.replace("\\", "\\\\").replace("`", "\\`")), "Null")
            for name, value in settings.items():  # readonly comes last: after it no other can be set
                if not _NAME.fullmatch(name):
                    raise QueryError("Code: 115. A setting's name has letters, digits and _ only")
                quoted = value.replace("\\", "\\\\").replace("'", "\\'")
                connection.query(f"SET {name} = '{quoted}'", "Null")
        except BaseException:
            connection.close()
            raise
        return connection

    def _select(self, connection: Any, text: str, query: Query) -> Answer:
        match = _FORMAT.search(text)
        out_format = match[1] if match else query.out_format
        if not out_format.isalnum() or out_format.lower() in _OBJECT_FORMATS:
            raise QueryError("Code: 73. Unknown format")
        result = connection.query(text, out_format, params=dict(query.parameters))
        body = result.bytes() or b""
        if out_format == "Native" and query.protocol >= FRAMED_SINCE:
            try:
                body = framed(body)
            except UnframedError as error:
                raise QueryError(f"Code: 48. {error}") from error
        has_result = bool(body) or _READS.match(text) is not None
        summary = _summary(read_rows=result.rows_read(), read_bytes=result.bytes_read())
        return Answer(body, out_format if has_result else "", summary, self._timezone)


def _statement(query: Query) -> str:
    joined = query.text + (b"\n" if query.text and query.body else b"") + query.body
    try:
        return joined.decode().strip()
    except UnicodeDecodeError as error:
        raise QueryError("Code: 62. The query is not UTF-8") from error


def _insert(query: Query) -> tuple[str, str, bytes] | None:
    """The statement without FORMAT, the format, and the data; None for anything else."""
    joined = query.text + b"\n" + query.body if query.text else query.body
    match = _INSERT.match(joined)
    if match is None:
        return None
    # With the statement in the query parameter the body is data from its first byte on.
    data = query.body if query.text and match.end() >= len(query.text) else joined[match.end() :]
    return match[1].decode(), match[2].decode(), data


def _summary(**counts: int) -> str:
    return json.dumps({name: str(count) for name, count in counts.items()})
