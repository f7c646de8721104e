import pytest

from monitor.durations import budget_of, seconds_of
from monitor.errors import UserError


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("5m", 300), ("1h", 3600), ("2 days", 172_800), ("1w", 604_800), ("0.5h", 1800)]
)
def test_a_length_of_time_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1/week", 604_800),
        ("2/day", 43_200),
        ("1/1000 weeks", 604_800_000),
        ("1 / 2 Weeks", 1_209_600),
        ("0.5/d", 172_800),
    ],
)
def test_a_budget_is_pages_over_time(text: str, seconds: float) -> None:
    assert budget_of(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "ten s", "1.5s", "0s", "10 parsecs", "-1s", "1/week"])
def test_what_is_no_length_of_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UserError, match=r"10s|whole number of seconds"):
        seconds_of(text)


@pytest.mark.parametrize("text", ["", "week", "1 week", "1/fortnight", "0/week", "1/0 weeks", "-1/week", "1/week/day"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="is no budget"):
        budget_of(text)
