import pytest

from monitor.store.guard import RefusedError, check_read, forbidden_functions

FORBIDDEN = forbidden_functions(frozenset({"file", "url", "s3", "python", "remote", "aiGenerate", "numbers", "view"}))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        " (SELECT 1);",
        "-- a note\nWITH x AS (SELECT 1) SELECT * FROM x",
        "SELECT 'INTO OUTFILE', 'it''s', 'a\\'b;' /* ; */ FROM numbers(3)",
        "SELECT count() AS `file`, url FROM t WHERE x IN ('file', 'url') AND url = 'ü“'",
        "SELECT toDateTime64({from:DateTime}, 3), 1.5e-3, 0xFF, x ? 1 : 2, a.1, t[1] FROM view(SELECT 1)",
        "EXPLAIN SELECT 1",
        "SHOW TABLES",
        "DESCRIBE TABLE `windows`",
        "EXISTS TABLE t",
    ],
)
def test_reading_is_let_through(text: str) -> None:
    check_read(text, FORBIDDEN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ; ",
        "INSERT INTO t VALUES (1)",
        "KILL QUERY WHERE 1",
        "USE system",
        "SET max_threads = 1",
        "SYSTEM FLUSH LOGS",
        "SELECT 1; SELECT 2",
        "SELECT 1 INTO OUTFILE 'x.txt'",
        "SELECT 1 into/**/outfile 'x.txt'",
        "SELECT 1 INTO -- here\n OUTFILE 'x.txt'",
        "SELECT 'a''' INTO OUTFILE 'x.txt'",
        "SELECT file('/etc/passwd')",
        "SELECT FILE ('/etc/passwd')",
        "SELECT `file`('/etc/passwd')",
        "SELECT \"file\" /* */ ('/etc/passwd')",
        "SELECT `fi\\x6ce`('/etc/passwd')",
        "DESCRIBE url('http://127.0.0.1/')",
        "SELECT * FROM Python(os)",
        "SELECT * FROM remote('127.0.0.1', system.one)",
        "SELECT aiGenerate('x')",
        "SELECT /* /* */ 1 -- */ INTO OUTFILE 'x.txt'",
        "SELECT 1 // ' \n INTO OUTFILE 'x.txt' --'",
        "SELECT 1 # ' \n INTO OUTFILE 'x.txt' --'",
        "SELECT $$ ' $$ INTO OUTFILE 'x.txt' --'",
        "SELECT ‘ ' ’ INTO OUTFILE 'x.txt' --'",
        "SELECT 1 -- \r INTO OUTFILE",
        "SELECT 'unclosed",
        "SELECT 1 /* unclosed",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        check_read(text, FORBIDDEN)


def test_a_function_the_engine_adds_is_refused_until_it_is_known() -> None:
    assert "teleport" in forbidden_functions(frozenset({"Teleport", "numbers"}))
    assert "numbers" not in forbidden_functions(frozenset({"Teleport", "numbers"}))
