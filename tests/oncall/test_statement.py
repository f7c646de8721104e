from typing import Any, get_args

import pytest

from monitor.errors import UserError
from monitor.oncall.statement import consequence, statement
from schemas.vocabulary import IncidentStep, IncidentVerdict, ReviewVerdict
from tests.oncall.seeds import ANN, RESPONSE, VERDICT, incident, number
from tests.store.seeds import at

OPEN: dict[str, Any] = incident(1) | {"recovered_at": None, "said_at": None, "verdict": "", "verdict_at": None}


@pytest.mark.parametrize("word", get_args(ReviewVerdict)[2:])
def test_a_statement_names_incident_feature_time_and_who(word: Any) -> None:
    said = statement(OPEN, word, ANN, at(90), "incident-0001")
    assert (said.incident_id, said.feature, said.ts, said.reviewer_ref) == (number(1), "chat", at(90), ANN)
    assert said.verdict == word
    assert said.source == (RESPONSE if word in get_args(IncidentStep) else VERDICT)


def test_every_word_of_an_incident_is_one_of_the_contract() -> None:
    steps, verdicts = set(get_args(IncidentStep)), set(get_args(IncidentVerdict))
    assert not steps & verdicts
    assert steps | verdicts <= set(get_args(ReviewVerdict))


@pytest.mark.parametrize(("word", "column"), [("resolved", "said_at"), ("noise", "verdict_at")])
def test_an_answer_is_newer_than_what_it_answers_though_the_other_clock_was_ahead(word: Any, column: str) -> None:
    ahead = OPEN | {column: at(120)}
    assert statement(ahead, word, ANN, at(90), "incident-0001").ts == at(121)
    assert statement(ahead, word, ANN, at(200), "incident-0001").ts == at(200)


def test_who_says_so_may_be_unknown() -> None:
    assert statement(OPEN, "noise", None, at(90), "incident-0001").reviewer_ref is None


@pytest.mark.parametrize("by", ["ann@example.org", "Ann", "12345", "A" * 32])
def test_a_name_is_no_pseudonym_and_is_not_repeated(by: str) -> None:
    with pytest.raises(UserError, match="32 to 64 hexadecimal digits") as told:
        statement(OPEN, "noise", by, at(90), "incident-0001")
    assert by not in str(told.value)


@pytest.mark.parametrize(
    ("incident_now", "word", "told"),
    [
        ({}, "resolved", "page ends"),
        ({}, "acknowledged", "stored as soon as"),
        ({"state": "resolved"}, "acknowledged", "pages again"),
        ({"state": "resolved"}, "mitigated", "pages again"),
        ({"recovered_at": at(60), "state": "resolved"}, "acknowledged", "ended by itself"),
        ({"recovered_at": at(60), "state": "resolved"}, "resolved", "ended by itself"),
        ({}, "noise", "goes on paging"),
        ({"state": "resolved"}, "noise", "stored as soon as"),
        ({}, "actionable", "stored as soon as"),
    ],
)
def test_what_comes_of_it_is_told(incident_now: dict[str, Any], word: Any, told: str) -> None:
    assert told in consequence(OPEN | incident_now, word)
