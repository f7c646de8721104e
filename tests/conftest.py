"""A real store for every test that wants one. chDB allows one path per process, hence one for the session."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, settings

from monitor.learner import Library
from monitor.store.client import connect
from monitor.store.migrate import migrate

os.environ["TZ"] = "Asia/Kathmandu"  # whoever forgets a zone is wrong by five hours and three quarters
time.tzset()

# No deadline, for the machine is shared; the same examples on every run of CI.
settings.register_profile(
    "vigil",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("vigil")


@pytest.fixture(scope="session")
def store_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def migrated_store(store_path: Path) -> Iterator[Client]:
    client = connect(f"chdb://{store_path}")
    migrate(client)
    yield client
    client.close()


@pytest.fixture
def store(migrated_store: Client) -> Client:
    """The migrated store, with every table empty."""
    names = migrated_store.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() "
        "AND engine LIKE '%MergeTree' AND name != 'schema_migrations'"
    ).result_rows
    for (name,) in names:
        migrated_store.command(f"TRUNCATE TABLE {name}")
    return migrated_store


@pytest.fixture
def library(store: Client) -> Iterator[Library]:
    """Learns baselines from the store, in a thread of its own."""
    made = Library(lambda: store)
    yield made
    made.close()
