"""Writing event rows, and reading event ids back. Rows are replaced by offset: writing twice stores once."""

from clickhouse_connect.driver.client import Client

_ID_TABLES = {
    "ai.telemetry": ("telemetry", "heartbeats"),
    "ai.telemetry.otlp": ("telemetry",),
    "ai.changes": ("changes",),
    "ai.reviews": ("reviews",),
}
_SETTINGS = {"input_format_parallel_parsing": 0}  # to cut the text into blocks costs the store a quarter more CPU


def insert_rows(client: Client, table: str, rows: list[bytes]) -> None:
    """Write JSON rows, one object each. Blocking."""
    client.raw_insert(table, insert_block=b"\n".join(rows), fmt="JSONEachRow", settings=_SETTINGS)


def insert_blocks(client: Client, table: str, blocks: list[bytes]) -> None:
    """Write rows that are blocks in ClickHouse's Native format already; what they do not have is default. Blocking."""
    client.raw_insert(table, insert_block=b"".join(blocks), fmt="Native")


def read_ids(client: Client, topic: str, partition: int, offset_from: int) -> list[tuple[int, str]]:
    """(offset, event id) of what is stored from this offset on. Blocking."""
    parts = " UNION ALL ".join(
        f"SELECT offset, event_id FROM {table} "  # noqa: S608  # table names are ours
        "WHERE topic = {topic:String} AND partition = {partition:UInt32} AND offset >= {offset_from:Int64}"
        for table in _ID_TABLES[topic]
    )
    values = {"topic": topic, "partition": partition, "offset_from": offset_from}
    return [(int(offset), str(event_id)) for offset, event_id in client.query(parts, values).result_rows]
