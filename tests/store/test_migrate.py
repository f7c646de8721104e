from pathlib import Path
from threading import Thread

import pytest
from clickhouse_connect.driver.client import Client

from monitor.errors import UserError
from monitor.store.client import connect
from monitor.store.migrate import migrate, migrations, statements


def test_a_file_is_applied_once_and_must_not_change(migrated_store: Client, tmp_path: Path) -> None:
    for path in migrations():
        (tmp_path / f"{path.name}.sql").write_text(path.text)
    extra = tmp_path / "9001_extra.sql"
    extra.write_text(
        "-- a note; with a semicolon\nCREATE TABLE extra_a (x Int32) ENGINE = Memory;\n\nDROP TABLE extra_a;\n"
    )
    try:
        assert migrate(migrated_store, tmp_path) == ["9001_extra"]
        assert migrate(migrated_store, tmp_path) == []
        extra.write_text("SELECT 1;\n")
        with pytest.raises(UserError, match="9001_extra changed"):
            migrate(migrated_store, tmp_path)
    finally:
        migrated_store.command("DELETE FROM schema_migrations WHERE version = 9001")


def test_a_half_applied_file_is_finished(migrated_store: Client, tmp_path: Path) -> None:
    text = "CREATE TABLE half_a (x Int32) ENGINE = Memory;\nCREATE TABLE half_b (x Int32) ENGINE = Memory;\n"
    for path in migrations():
        (tmp_path / f"{path.name}.sql").write_text(path.text)
    (tmp_path / "9002_half.sql").write_text(text)
    migrated_store.command("CREATE TABLE half_a (x Int32) ENGINE = Memory")
    try:
        assert migrate(migrated_store, tmp_path) == ["9002_half"]
        assert migrated_store.query("SELECT count() FROM half_b").result_rows == [(0,)]
    finally:
        for statement in (
            "DROP TABLE half_a",
            "DROP TABLE half_b",
            "DELETE FROM schema_migrations WHERE version = 9002",
        ):
            migrated_store.command(statement)


def test_workers_that_start_at_once_do_not_stumble_over_each_other(migrated_store: Client, store_path: Path) -> None:
    failed: list[Exception] = []

    def again() -> None:
        client = connect(f"chdb://{store_path}")
        try:
            for _ in range(5):
                migrate(client)
        except Exception as error:  # noqa: BLE001  # whatever a worker would end with
            failed.append(error)
        finally:
            client.close()

    workers = [Thread(target=again) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failed == []


def test_statements_end_at_semicolons_that_end_lines() -> None:
    assert statements("-- one;\nSELECT ';' AS a,\n 2;\n  -- two\nSELECT 3") == ["SELECT ';' AS a,\n 2", "SELECT 3"]


def test_a_misnamed_migration_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1_short.sql").write_text("SELECT 1;")
    with pytest.raises(UserError, match="1_short"):
        migrations(tmp_path)
