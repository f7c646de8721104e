from datetime import UTC, datetime, timedelta

import pytest

from monitor.errors import UserError
from monitor.moments import moment_near, moment_of_option, rfc3339, zoned_moment_of_option

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2026-11-20T12:00:00Z", "2026-11-20T17:45:00+05:45", "2026-11-20 12:00Z", str(int(NOON.timestamp()))]
)
def test_a_time_with_a_zone_is_one_moment_however_it_is_written(text: str) -> None:
    assert zoned_moment_of_option("--at", text) == NOON
    assert moment_of_option("--at", text) == NOON.timestamp()


def test_fractions_of_a_second_are_kept() -> None:
    assert zoned_moment_of_option("--at", "2026-11-20T12:00:00.123456Z") == NOON + timedelta(microseconds=123_456)


def test_a_time_without_a_zone_is_utc_and_never_local() -> None:
    assert moment_of_option("--from", "2026-11-20T12:00") == NOON.timestamp()


def test_what_is_written_down_for_good_must_say_its_zone() -> None:
    with pytest.raises(UserError, match="--at '2026-11-20T12:00' has no zone; write 2026-11-20T12:00Z"):
        zoned_moment_of_option("--at", "2026-11-20T12:00")


@pytest.mark.parametrize(
    ("text", "why"),
    [("noon", "is no time"), ("1795176000000", "milliseconds"), ("-5", "before 1970"), ("nan", "no number")],
)
@pytest.mark.parametrize("read", [moment_of_option, zoned_moment_of_option])
def test_what_is_no_time_is_told(read: object, text: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        read("--at", text)  # type: ignore[operator]  # one of the two functions above


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("now", 0),
        ("now-30m", 1800),
        ("now-1h", 3600),
        ("now-2d", 172_800),
        (" now - 90s", 90),
        ("2026-11-20T11:00Z", 3600),
    ],
)
def test_a_moment_may_be_said_from_now_backwards(text: str, before: int) -> None:
    assert moment_near("--param from", text, NOON.timestamp() + 0.9) == NOON.timestamp() - before


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("now-", "'' is no length of time"),
        ("now-1x", "--param at 'now-1x': '1x' is no length of time"),
        ("now--1h", "is no length of time"),
        ("now-9999w", "before 1970"),
        ("now+1h", "is no time"),
        ("nowadays", "is no time"),
    ],
)
def test_what_is_no_length_of_time_before_now_is_told(text: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        moment_near("--param at", text, NOON.timestamp())


def test_a_moment_is_written_in_utc() -> None:
    assert rfc3339(int(NOON.timestamp())) == "2026-11-20T12:00:00Z"
