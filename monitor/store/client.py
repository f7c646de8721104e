"""A client from a DSN: chdb:///path for the embedded engine, http(s)://user@host:8123/db for a server."""

import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from monitor.addresses import is_loopback, store_fault
from monitor.errors import UserError

SETTINGS: dict[str, object] = {
    "date_time_input_format": "best_effort",
    # What a contract has and a table lacks is a bug of ours, and must not vanish in silence.
    "input_format_skip_unknown_fields": 0,
    "input_format_null_as_default": 1,
    # The answer to an INSERT must mean that it is stored, as one part.
    "async_insert": 0,
}


def is_embedded(dsn: str) -> bool:
    """Whether the engine runs in this process."""
    return dsn.startswith("chdb:")


def embedded_path(dsn: str) -> Path:
    """The directory of an embedded store."""
    return Path(urlsplit(dsn).path)


def connect(dsn: str, password: str = "", ca_file: Path | None = None, cleartext: bool = False) -> Client:
    """A client with a session of its own. Blocking; raises UserError when the store cannot be reached.

    Over https the server's certificate and host name are checked, against `ca_file` or the system's authorities.
    Over http a password leaves this machine only when `cleartext` allows it.
    """
    if why := refusal(dsn, password, ca_file, cleartext):
        raise UserError(why)
    try:
        if is_embedded(dsn):
            embedded_path(dsn).mkdir(parents=True, exist_ok=True, mode=0o700)
            return clickhouse_connect.get_client(dsn=dsn, settings=SETTINGS, tz_mode="aware")
        return clickhouse_connect.get_client(
            dsn=dsn,
            interface=urlsplit(dsn).scheme,  # else the port decides, and https://host:9443 goes unencrypted
            verify=True,
            ca_cert=None if ca_file is None else str(ca_file),
            settings=SETTINGS,
            tz_mode="aware",
            autogenerate_session_id=False,
            compress="lz4",
            connect_timeout=5,
            send_receive_timeout=30,
            password=password,
        )
    except (ClickHouseError, OSError, ImportError) as error:
        raise UserError(f"cannot open the store {redacted(dsn)}: {_short(error)}; is VIGIL_STORE right?") from error


def refusal(dsn: str, password: str, ca_file: Path | None, cleartext: bool) -> str | None:
    """Why this store must not be opened so, and what to do; None when it may be. Looks at `ca_file`."""
    if is_embedded(dsn):
        return None
    if why := store_fault(dsn):
        return why
    parts = urlsplit(dsn)
    if parts.scheme == "http" and ca_file is not None:
        return "VIGIL_STORE_CA_FILE is for TLS, and VIGIL_STORE is http://; say https://"
    if parts.scheme == "http" and password and not cleartext and not is_loopback(str(parts.hostname)):
        return (
            f"the password would go unencrypted to {parts.hostname}; say https:// in VIGIL_STORE, or "
            "VIGIL_CLEARTEXT_PASSWORDS=true where nobody else listens"
        )
    return None if ca_file is None else _ca_refusal(ca_file)


def _ca_refusal(ca_file: Path) -> str | None:
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        why = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        return f"cannot use VIGIL_STORE_CA_FILE {ca_file} ({why}); it must hold certificates in PEM"
    return None


def redacted(dsn: str) -> str:
    """The DSN without a password, for messages."""
    parts = urlsplit(dsn)
    host = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
    return f"{parts.scheme}://{host}{parts.path}"


def _short(error: BaseException) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


_CODE = re.compile(r"\b[Cc]ode: (\d+)")
_PERMANENT = frozenset({6, 26, 27, 36, 38, 41, 43, 44, 47, 53, 60, 62, 69, 72, 117, 131, 349, 407})
"""ClickHouse's codes for a statement or a row it will never take: parsing, types, names, syntax."""


def is_permanent(error: BaseException) -> bool:
    """Whether the store said that it will never take this; then trying again only hides it."""
    code = _CODE.search(str(error))
    return code is not None and int(code[1]) in _PERMANENT
