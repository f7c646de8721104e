"""A front on the session's store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from monitor.store.engine import Limits, Role
from tests.store.serving import serving


@pytest.fixture(scope="module")
def port(migrated_store: Client, store_path: Path) -> Iterator[int]:
    small = Limits(
        body_bytes={Role.READER: 20_000, Role.WRITER: 100_000_000},
        seconds={Role.READER: 1.0, Role.WRITER: 60.0},
        reader_result=1_000_000,
    )
    with serving(store_path, small) as number:
        yield number
