"""Finding incidents: which are listed, and which one a few digits mean."""

from datetime import datetime

import pytest
from clickhouse_connect.driver.client import Client

from monitor.errors import UserError
from monitor.oncall.lookup import find_incident, read_incidents
from tests.oncall.seeds import answer, incident, number
from tests.store.seeds import at, insert

ONE, TWO = "3fa2c1" + "0" * 26, "3fa2c1" + "1" * 26


def listed(store: Client, ended: bool = False, feature: str | None = None, since: datetime | None = None) -> list[int]:
    return [int(one["incident_id"], 16) for one in read_incidents(store, ended, feature, since)]


@pytest.fixture(name="several")
def _several(store: Client) -> Client:
    rows = [
        incident(1),
        incident(2, onset=at(10), feature="search"),
        incident(3, onset=at(20), state="resolved", resolved_at=at(600)),
        incident(4, onset=at(30)),
    ]
    insert(store, "incidents", rows)
    insert(store, "reviews", [answer(1, 4, "resolved", 900), answer(2, 1, "acknowledged", 90)])
    return store


def test_the_list_is_of_what_goes_on_the_newest_first(several: Client) -> None:
    assert listed(several) == [2, 1]


def test_all_of_them_are_listed_on_demand(several: Client) -> None:
    assert listed(several, ended=True) == [4, 3, 2, 1]


def test_a_feature_is_listed_alone(several: Client) -> None:
    assert listed(several, feature="search") == [2]
    assert listed(several, feature="nothing") == []


def test_since_leaves_out_what_had_ended_and_keeps_what_went_on(several: Client) -> None:
    assert listed(several, ended=True, since=at(601)) == [4, 2, 1]
    assert listed(several, ended=True, since=at(901)) == [2, 1]


def test_times_are_aware_and_in_utc(several: Client) -> None:
    one = read_incidents(several, True, None, None)[1]
    assert (one["onset"], one["resolved_at"]) == (at(20), at(600))
    assert one["onset"].utcoffset().total_seconds() == 0


def test_six_digits_that_one_incident_begins_with_are_enough(store: Client) -> None:
    insert(store, "incidents", [incident(1, incident_id=ONE), incident(2)])
    for given in (ONE, ONE[:6], ONE[:6].upper(), ONE[:20]):
        assert find_incident(store, given)["incident_id"] == ONE


def test_digits_that_several_begin_with_are_refused_with_their_names(store: Client) -> None:
    insert(store, "incidents", [incident(1, incident_id=ONE), incident(2, incident_id=TWO, feature="search")])
    with pytest.raises(UserError, match=rf"several incidents begin with 3fa2c1; .*{TWO} \(search refusal_rate\)"):
        find_incident(store, "3fa2c1")
    assert find_incident(store, "3fa2c11")["incident_id"] == TWO


@pytest.mark.parametrize("given", ["", "3fa2c", "3fa2c1xyz", "%" * 6, number(1) + "0", "chat; DROP", "3fa2c1\n"])
def test_what_is_no_id_is_refused(store: Client, given: str) -> None:
    with pytest.raises(UserError, match="give 6 digits of it or more"):
        find_incident(store, given)


def test_an_unknown_id_is_told(store: Client) -> None:
    with pytest.raises(UserError, match="there is no incident 3fa2c1; `vigil incidents list --all`"):
        find_incident(store, "3fa2c1")
