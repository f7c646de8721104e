"""Asking a front, by hand and with the usual client."""

import http.client
from typing import NamedTuple
from urllib.parse import urlencode

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from tests.store.serving import READER


class Reply(NamedTuple):
    status: int
    raw: bytes
    headers: dict[str, str]

    @property
    def text(self) -> str:
        return self.raw.decode()


def ask(
    port: int,
    body: str | bytes = b"",
    token: str | None = READER,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    **parameters: str,
) -> Reply:
    key = {"X-ClickHouse-Key": token} if token else {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    raw = body.encode() if isinstance(body, str) else body
    connection.request(method, f"/?{urlencode(parameters)}", body=raw or None, headers=key | (headers or {}))
    reply = connection.getresponse()
    answer = reply.read()
    connection.close()
    return Reply(reply.status, answer, dict(reply.getheaders()))


def server_client(port: int, token: str) -> Client:
    return clickhouse_connect.get_client(
        host="127.0.0.1", port=port, username="anybody", password=token, autogenerate_session_id=False
    )


# Who may come in.
