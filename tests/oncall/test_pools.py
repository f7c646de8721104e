"""What somebody is shown of an incident of a pool: its features, and questions that a pool can answer."""

from typing import Any

from click.testing import CliRunner
from clickhouse_connect.driver.client import Client

from monitor.cli import main
from monitor.oncall.paste import commands
from monitor.oncall.story import read_story
from monitor.oncall.text import story_text
from tests.alerts.test_queries import ONSET
from tests.alerts.test_which_members import counted
from tests.oncall.seeds import incident
from tests.oncall.test_text import SAID
from tests.store.seeds import at, insert

POOL = "pool:model=m1"


def row(**other: Any) -> dict[str, Any]:
    found = incident(1, feature=POOL, onset=at(ONSET), severity="warning") | SAID | other
    return found | {"incident_id": "3fa2c1" + "0" * 26}


def test_the_story_of_a_pool_names_its_features(store: Client) -> None:
    rows = [
        *counted(ONSET - 100, 10, 90, feature="chat", model="m1"),
        *counted(ONSET + 100, 30, 70, feature="chat", model="m1"),
        *counted(ONSET + 100, 1, 9, feature="young", model="m1"),
    ]
    insert(store, "windows", rows)
    story = read_story(store, row(), at(ONSET + 1800))
    assert story.slices is None
    text = story_text(story, [], at(ONSET + 1800))
    assert "features   chat  30 % of 100, before 10 %, excess +20\n" in text
    assert "           young  10 % of 10, not there before\n" in text
    assert "slices" not in text
    assert "VigilPoolIncident (alerts/runbooks/VigilPoolIncident.md)" in text


def test_the_commands_of_a_pool_ask_what_a_pool_can_answer() -> None:
    lines = commands(row(), at(ONSET + 1800), None)
    assert [line for line in lines if "explain" in line or "which_slices" in line] == []
    assert lines[0].startswith(f"vigil sql --query-name which_members --param feature={POOL} --param kpi=refusal_rate ")


def test_a_pool_has_no_picture_and_the_error_says_what_has() -> None:
    done = CliRunner().invoke(main, ["explain", POOL, "refusal_rate", "--at", "2026-11-20T12:00Z"])
    assert done.exit_code != 0
    assert "which_members" in done.output
