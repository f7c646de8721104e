import pytest
from clickhouse_connect.driver.client import Client

from monitor.store.native import UnframedError, framed

BLOCK_INFO = bytes([1, 0, 2, 255, 255, 255, 255, 0])

COLUMNS = [
    "toUInt8(number) AS a, toString(number) AS b",
    "repeat('x', number * 40) AS s, 1 AS tail",
    "toLowCardinality(toString(number % 3)) AS a, toLowCardinality(toNullable(toString(number))) AS b, 7 AS tail",
    "if(number % 2 = 0, NULL, toDateTime64(number, 6, 'UTC')) AS a, toDecimal64(number, 3) AS d, 7 AS tail",
    "range(number) AS a, arrayMap(x -> (x, toString(x)), range(number)) AS b, 7 AS tail",
    "map('k', [toLowCardinality('v')]) AS m, CAST((1, 'x'), 'Tuple(one UInt8, `t wo` String)') AS t, 7 AS tail",
    "toFixedString('abc', 3) AS f, CAST('a', 'Enum8(\\'a\\' = 1, \\'b, (\\' = 2)') AS e, toUUID('0-0') AS u, 7 AS tail",
    "[toLowCardinality(toString(number))] AS l, emptyArrayString() AS e, NULL AS n, now() AS t, 7 AS tail",
]


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("rows", [1, 300])
def test_only_the_additions_are_added(migrated_store: Client, columns: str, rows: int) -> None:
    columns = columns.replace("toUUID('0-0')", "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')")
    query = f"SELECT {columns} FROM numbers({rows})"  # a test
    plain = migrated_store.raw_query(query, fmt="Native")
    described = migrated_store.query(f"DESCRIBE ({query}) SETTINGS print_pretty_type_names = 0").result_rows
    headers = [varint(len(name)) + name.encode() + varint(len(kind)) + kind.encode() for name, kind, *_ in described]
    expected, position = BLOCK_INFO, 0
    for header in headers:
        found = plain.index(header, position) + len(header)
        expected += plain[position:found] + b"\0"
        position = found
    expected += plain[position:]
    assert framed(plain) == expected


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128, value >> 7])


def test_many_blocks_and_none(migrated_store: Client) -> None:
    plain = migrated_store.raw_query("SELECT number, toString(number) FROM numbers(200000)", fmt="Native")
    blocks = plain.count(b"\x06number\x06UInt64")
    assert blocks > 1
    assert len(framed(plain)) == len(plain) + blocks * (len(BLOCK_INFO) + 2)
    assert framed(b"") == b""


def test_a_type_that_cannot_be_framed_is_named(migrated_store: Client) -> None:
    plain = migrated_store.raw_query("SELECT sumState(number) FROM numbers(3)", fmt="Native")
    with pytest.raises(UnframedError, match="AggregateFunction"):
        framed(plain)
