"""Commands that read the store: through its holder where a worker has it, from the settings unless told otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from monitor.errors import UserError
from monitor.settings import load
from monitor.store.endpoint import open_reader


@contextmanager
def reader(dsn: str | None) -> Iterator[Client]:
    """A client of the store; VIGIL_STORE without a DSN. Raises UserError. Blocking."""
    settings = load()
    client = open_reader(dsn or settings.store, *settings.store_login())
    try:
        yield client
    except ClickHouseError as error:
        raise UserError("the store does not answer as it should; is it migrated? `vigil migrate` does it") from error
    finally:
        client.close()
