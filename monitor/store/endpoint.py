"""Who holds an embedded store, and how others reach it. chDB opens a directory in one process only."""

import fcntl
import json
import os
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from monitor.clock import monotonic
from monitor.errors import UserError
from monitor.store.client import connect, embedded_path, is_embedded, redacted

LOCK = "vigil.lock"
ENDPOINT = "vigil-endpoint.json"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the holder answers, with the token that reads."""

    url: str
    reader_token: str
    pid: int


class Hold:
    """The exclusive right to open an embedded store. A context manager; the kernel frees it when the process ends."""

    def __init__(self, path: Path, patience: float = 0.0) -> None:
        """Take it, waiting `patience` seconds at most, or raise UserError that names the holder.

        Makes the directory when there is none.
        """
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UserError(
                f"cannot write to {path} ({error.strerror}); point VIGIL_STORE to a directory of yours"
            ) from error
        if not self._locked(monotonic() + patience):
            pid = os.read(self._descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            self._descriptor = -1
            raise UserError(f"process {pid} holds the store {path}; stop it first, or use another VIGIL_STORE")
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        (path / ENDPOINT).unlink(missing_ok=True)  # whoever wrote it is gone

    def _locked(self, give_up: float) -> bool:
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if monotonic() >= give_up:
                    return False
                time.sleep(0.1)

    def publish(self, url: str, reader_token: str) -> None:
        """Tell other processes of this user where the front is."""
        text = json.dumps({"url": url, "reader_token": reader_token, "pid": os.getpid()})
        scratch = self.path / f"{ENDPOINT}.{os.getpid()}"
        scratch.unlink(missing_ok=True)
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(text)
        scratch.replace(self.path / ENDPOINT)

    def release(self) -> None:
        """Let go; safe to call twice."""
        if self._descriptor < 0:
            return
        (self.path / ENDPOINT).unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> "Hold":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def find(path: Path) -> Endpoint | None:
    """The front of a store, or None when nobody alive published one."""
    try:
        raw = json.loads((path / ENDPOINT).read_text("utf-8"))
        found = Endpoint(str(raw["url"]), str(raw["reader_token"]), int(raw["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if _alive(found.pid) else None


def open_reader(dsn: str, password: str = "", ca_file: Path | None = None, cleartext: bool = False) -> Client:
    """A client to read with. Blocking; close it when done. Raises UserError when nothing can be reached.

    A server is opened as its DSN says. An embedded store is read through its holder; when there is
    none it is opened here, read-only, and held until the client is closed or forgotten.
    """
    if not is_embedded(dsn):
        return connect(dsn, password, ca_file, cleartext)
    path = embedded_path(dsn)
    if not path.is_dir():
        raise UserError(f"there is no store at {path}; start `vigil worker` or `vigil demo`, or set VIGIL_STORE")
    try:
        hold = Hold(path)
    except UserError:
        if (endpoint := find(path)) is None:
            raise
        return _over_http(endpoint)
    try:
        # Without settings of ours: in read-only mode the engine refuses every one of them.
        client = clickhouse_connect.get_client(dsn=dsn, tz_mode="aware")
        client.command("SET readonly = 1")
    except (ClickHouseError, OSError, ImportError) as error:
        hold.release()
        raise UserError(f"cannot open the store {redacted(dsn)}: {str(error).splitlines()[0][:200]}") from error
    _release_with(client, hold)
    return client


def open_writer(dsn: str, password: str = "", ca_file: Path | None = None, cleartext: bool = False) -> Client:
    """A client that may write. Raises UserError when another process holds the embedded store."""
    if not is_embedded(dsn):
        return connect(dsn, password, ca_file, cleartext)
    hold = Hold(embedded_path(dsn))
    try:
        client = connect(dsn)
    except BaseException:
        hold.release()
        raise
    _release_with(client, hold)
    return client


def _release_with(client: Client, hold: Hold) -> None:
    finalizer = weakref.finalize(client, hold.release)
    close = client.close

    def close_and_release() -> None:
        close()
        finalizer()

    client.close = close_and_release  # type: ignore[method-assign]  # the lock must not outlive the engine


def _over_http(endpoint: Endpoint) -> Client:
    parts = urlsplit(endpoint.url)
    try:
        return clickhouse_connect.get_client(
            host=str(parts.hostname),
            port=parts.port or 80,
            username="default",
            password=endpoint.reader_token,
            autogenerate_session_id=False,
            tz_mode="aware",
        )
    except (ClickHouseError, OSError) as error:
        raise UserError(f"process {endpoint.pid} holds the store but does not answer; wait, or stop it") from error


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True
