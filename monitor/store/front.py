"""The embedded store over HTTP, on loopback: enough of ClickHouse's protocol for its clients, curl and Grafana.

Two tokens. The reader's queries run with `readonly = 1`, behind `guard.py` and under limits; the
writer may do what a ClickHouse user may. A GET only reads, whoever sends it. Nothing of a query or
its data is logged.
"""

import asyncio
import hmac
import ipaddress
from base64 import b64decode
from binascii import Error as Base64Error
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from monitor.errors import UserError
from monitor.store.body import BodyError, decompress, read_limited
from monitor.store.engine import Answer, Engine, Limits, Query, QueryError, Role
from monitor.store.guard import RefusedError

_UNAUTHENTICATED, _READONLY, _BAD_REQUEST, _TOO_MANY = 516, 164, 36, 202
_CONTROL = frozenset({
    "query", "database", "user", "password", "query_id", "default_format", "session_id", "session_timeout",
    "session_check", "compress", "decompress", "wait_end_of_query", "enable_http_compression", "buffer_size",
    "client_protocol_version", "role", "quota_key", "send_progress_in_http_headers", "add_http_cors_header",
    "http_headers_progress_interval_ms", "cancel_http_readonly_queries_on_client_close",
})  # fmt: skip
"""Parameters of the protocol itself; every other one is a setting, or with param_ a query parameter."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client sends as its password. Both must be long and random."""

    reader: str
    writer: str


class HttpError(Exception):
    """An HTTP status, ClickHouse's error code, and a sentence."""

    def __init__(self, status: int, code: int, text: str) -> None:
        super().__init__(text)
        self.status, self.code = status, code


class StoreFront:
    """The HTTP server. `start` and `stop` from one event loop; queries run in threads of its own."""

    def __init__(self, path: Path, tokens: Tokens, limits: Limits | None = None) -> None:
        if min(len(tokens.reader), len(tokens.writer)) < 16 or tokens.reader == tokens.writer:
            raise UserError("give the store's front two different tokens of 16 characters or more")
        self._path, self._tokens, self._limits = path, tokens, limits or Limits()
        self._pools = {
            Role.READER: ThreadPoolExecutor(self._limits.readers, "front-reader"),
            Role.WRITER: ThreadPoolExecutor(self._limits.writers, "front-writer"),
        }
        self._waiting = dict.fromkeys(Role, 0)
        self._engine: Engine | None = None
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port: `port`, or a free one for 0. Raises UserError for a host beyond loopback."""
        if not _is_loopback(host):
            raise UserError(f"the embedded store is for this machine only: use 127.0.0.1 instead of {host}")
        loop = asyncio.get_running_loop()
        self._engine = await loop.run_in_executor(None, Engine, self._path, self._limits)
        app = web.Application(client_max_size=0)  # bodies are read by read_limited alone
        app.router.add_get("/ping", _ping)
        app.router.add_route("GET", "/", self._handle)
        app.router.add_route("POST", "/", self._handle)
        self._runner = web.AppRunner(app, access_log=None, auto_decompress=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as error:
            await self.stop()
            raise UserError(f"port {port} is taken; set VIGIL_SQL_PORT to another, or to 0") from error
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening, and wait for the queries that run. Safe to call twice."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        for pool in self._pools.values():
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    async def _handle(self, request: web.Request) -> web.Response:
        try:
            role = self._role(request)
            query = await self._query(request, role)
            answer = await self._run(query, role)
        except HttpError as failure:
            return _failed(failure)
        except RefusedError as refused:
            return _failed(HttpError(403, _READONLY, f"Code: {_READONLY}. {refused}"))
        except BodyError as refused:
            return _failed(HttpError(refused.status, _BAD_REQUEST, f"Code: {_BAD_REQUEST}. {refused}"))
        except QueryError as failed:
            return _failed(HttpError(failed.status, failed.code, str(failed)))
        headers = {"X-ClickHouse-Timezone": answer.timezone, "X-ClickHouse-Summary": answer.summary}
        if answer.out_format:
            headers["X-ClickHouse-Format"] = answer.out_format
        return web.Response(body=answer.body, headers=headers, content_type=_content_type(answer.out_format))

    def _role(self, request: web.Request) -> Role:
        """Who asks. Both comparisons are always made, in constant time."""
        secret = _password(request).encode()
        writer = hmac.compare_digest(secret, self._tokens.writer.encode())
        reader = hmac.compare_digest(secret, self._tokens.reader.encode())
        if not (writer or reader):
            raise HttpError(401, _UNAUTHENTICATED, "Code: 516. Authentication failed: send the token as password")
        return Role.WRITER if writer and request.method == "POST" else Role.READER

    async def _query(self, request: web.Request, role: Role) -> Query:
        limit = self._limits.body_bytes[role]
        raw = await read_limited(request, limit)
        body = await asyncio.to_thread(decompress, raw, request.headers.get("Content-Encoding", ""), limit)
        given = {name: request.query[name] for name in request.query}
        if request.content_type == "multipart/form-data":
            raise HttpError(400, _BAD_REQUEST, "Code: 36. Send the query as the body, not as a form")
        database = str(given.get("database") or request.headers.get("X-ClickHouse-Database", ""))
        protocol = given.get("client_protocol_version", "")
        return Query(
            text=given.get("query", "").encode(),
            body=body,
            parameters={name[6:]: value for name, value in given.items() if name.startswith("param_")},
            settings={k: v for k, v in given.items() if k not in _CONTROL and not k.startswith("param_")},
            database="" if database in ("", "default", "__default__") else database,
            out_format=str(given.get("default_format") or request.headers.get("X-ClickHouse-Format", "TabSeparated")),
            protocol=int(protocol) if protocol.isdecimal() else 0,
        )

    async def _run(self, query: Query, role: Role) -> Answer:
        if self._engine is None:
            raise HttpError(503, _TOO_MANY, "Code: 202. The store is stopping")
        if self._waiting[role] >= self._limits.waiting:
            raise HttpError(503, _TOO_MANY, "Code: 202. Too many queries at once; try again")
        self._waiting[role] += 1
        work = asyncio.get_running_loop().run_in_executor(self._pools[role], self._engine.run, query, role)
        work.add_done_callback(lambda _: self._finished(role))  # also when the client has gone away
        return await work

    def _finished(self, role: Role) -> None:
        self._waiting[role] -= 1


async def _ping(_request: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")


def _password(request: web.Request) -> str:
    if key := request.headers.get("X-ClickHouse-Key"):
        return key
    given = request.headers.get("Authorization", "")
    if given.startswith("Bearer "):
        return given.removeprefix("Bearer ").strip()
    if given:
        try:
            return b64decode(given.removeprefix("Basic "), validate=True).decode().partition(":")[2]
        except (Base64Error, UnicodeDecodeError):
            return ""
    return request.query.get("password", "")


def _failed(failure: HttpError) -> web.Response:
    headers = {"X-ClickHouse-Exception-Code": str(failure.code)}
    if failure.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="vigil store"'
    return web.Response(status=failure.status, text=f"{failure}\n", headers=headers)


def _content_type(out_format: str) -> str:
    if out_format.startswith("JSON"):
        return "application/json"
    text = out_format.startswith(("TabSeparated", "TSV", "CSV", "Pretty"))
    return "text/plain" if text else "application/octet-stream"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
