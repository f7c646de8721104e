"""The policy file: what is wrong is said by line, what is published is what is read, and both uses read one file."""

import json
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from alerts.build import SCHEMA, files
from alerts.dashboards.build import dashboards
from alerts.policy import COUNTED, Policy, notes
from monitor.durations import budget_of
from monitor.errors import UserError
from monitor.policy import SHIPPED_POLICY, find_mistakes, load_policy, parse_policy
from schemas.kpis import KPIS

FLEET = Path(__file__).parent / "fleet.yaml"
ALERTS = SHIPPED_POLICY.parent


def lines_of(text: str, tmp_path: Path) -> list[tuple[int, str]]:
    file = tmp_path / "p.yaml"
    file.write_text(text)
    return [(one.line, one.what) for one in find_mistakes(file)[1]]


@pytest.mark.parametrize("path", [SHIPPED_POLICY, FLEET], ids=lambda path: path.stem)
def test_the_policies_are_right_for_us_and_by_their_published_schema(path: Path) -> None:
    assert find_mistakes(path)[1] == []
    schema = json.loads((ALERTS / SCHEMA).read_text())
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    # The version may be a date or a number in YAML; JSON Schema sees text.
    said = {**yaml.safe_load(path.read_text()), "version": load_policy(path).version}
    assert list(validator.iter_errors(said)) == []
    assert list(validator.iter_errors({**said, "bugdet": "1/week"})) != []
    assert list(validator.iter_errors({**said, "budget": "0/week"})) != []


def test_the_shipped_policy_names_its_schema_for_editors() -> None:
    assert SHIPPED_POLICY.read_text().startswith(f"# yaml-language-server: $schema={SCHEMA}\n")


def test_all_mistakes_are_told_at_once_and_in_order_of_lines(tmp_path: Path) -> None:
    text = "version: a\nbudget: often\nkpis:\n  x:\n    pages: maybe\nteams:\n  t: {pagerduty_key: k, pager: 1}\n"
    told = lines_of(text, tmp_path)
    assert [line for line, _ in told] == [2, 5, 7]
    assert "1/week" in told[0][1]
    assert "'teams.t.pager'; known are pagerduty_key, tickets_key, slack_channel" in told[2][1]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("version: a\nkpis:\n  refusal_rat: {}\n", 3, "no such KPI; known are refusal_rate"),
        ("version: a\nkpis:\n  arrivals:\n    count: {at_least: 1, within: 5m}\n", 4, "no counters"),
        ("version: a\nkpis:\n  block_rate:\n    count: {at_least: 1, within: 5m}\n", 4, "use targets"),
        ("version: a\nfeatures:\n  chat:\n    tier: ga\n    owner: nobody\n", 5, "no team 'nobody'"),
        ("version: a\nowner: nobody\n", 2, "no team 'nobody'"),
        ("version: a\nfeatures:\n  chat: {tier: gold}\n", 3, "'internal', 'beta', 'ga' or 'regulated'"),
        ("version: a\nfeatures:\n  Chat bot: {tier: ga}\n", 3, "does not fit"),
        ("version: a\nteams: {}\n", 2, "at least 1"),
        ("version: a\nquiet_hours:\n  - {begin: '22:00', end: '7:00'}\n", 3, "such as 07:00"),
        ("version: a\nquiet_hours:\n  - {begin: '22:00', end: '22:00'}\n", 3, "00:00 to 24:00"),
        ("version: a\nquiet_hours:\n  - {begin: '22:00', end: '23:00', zone: Berlin}\n", 3, "Europe/Berlin"),
        ("version: a\nrunbooks: http://x/\n", 2, "https"),
        ("version: a\ngrafana: https://x\n", 2, "ends with a slash"),
        ("version: a\ndead_man: alive.example.com\n", 2, "without a user, a password"),
        (
            "version: a\nkpis:\n  block_rate:\n    targets: {internal: 0.1, beta: 0.1, ga: 0.1, regulated: 0.2}\n",
            4,
            "must fall",
        ),
        ("version: a\nkpis:\n  block_rate:\n    targets: {internal: 0.1, beta: 0.1, ga: 0.1}\n", 4, "missing"),
        ("version: a\nkpis:\n  block_rate:\n    targets: {internal: 0.1, tiers: 1}\n", 4, "known are internal, beta"),
    ],
)  # fmt: skip
def test_a_mistake_is_explained_by_its_line(text: str, line: int, words: str, tmp_path: Path) -> None:
    told = lines_of(text, tmp_path)
    assert any(found == line and words in what for found, what in told), told


def test_a_feature_twice_in_a_list_of_mappings_is_found() -> None:
    with pytest.raises(UserError, match=r"line 3: 'end' stands here a second time"):
        parse_policy("version: a\nquiet_hours:\n  - {begin: '01:00', end: '02:00', end: '03:00'}\n", "p.yaml")


@pytest.mark.parametrize(
    "text",
    ["1/week", "2/day", "1/1000 weeks", "0.5 / day", "10/1.5 hours", "1_000/week", "0/week", "0.0/day", "1/0 days",
     "often", "1/fortnight", "/week", "1week", "00.1/s", "1/mins"],
)  # fmt: skip
def test_the_published_shape_of_a_budget_is_what_is_read_as_one(text: str) -> None:
    try:
        budget_of(text)
        is_budget = True
    except UserError:
        is_budget = False
    try:
        parse_policy(f"version: a\nbudget: {text}\n", "p.yaml")
        fits = True
    except UserError:
        fits = False
    assert fits == is_budget


def test_a_feature_that_nobody_named_makes_tickets_of_single_events_and_check_says_so() -> None:
    assert any("make tickets" in note for note in notes(load_policy(SHIPPED_POLICY)))
    assert list(notes(load_policy(FLEET))) == []
    paging = Policy(version="a", default_tier="ga")
    assert any("single severe events page" in note for note in notes(paging))


def test_severities_are_the_catalogues_where_the_policy_says_nothing() -> None:
    policy = Policy(version="a")
    assert {kpi.name: policy.severity(kpi.name) for kpi in KPIS} == {kpi.name: kpi.severity for kpi in KPIS}
    assert load_policy(FLEET).severity("ungrounded_rate") == "critical"


def test_what_can_be_counted_is_in_the_catalogue() -> None:
    assert set(COUNTED) <= {kpi.name for kpi in KPIS}


def vigil(*arguments: str) -> tuple[int, str]:
    from monitor.cli import main  # noqa: PLC0415  # the command is what is tested

    done = CliRunner().invoke(main, ["policy", *arguments])
    return done.exit_code, done.output


def test_check_says_what_it_found(tmp_path: Path) -> None:
    code, told = vigil("check", str(FLEET))
    assert (code, told) == (0, "fleet.yaml is a policy: version 2026-11-21, 4 features named\n")
    bad = tmp_path / "bad.yaml"
    bad.write_text("version: a\nbudget: often\nowner: nobody\ndirections: left\n")
    code, told = vigil("check", str(bad))
    assert code == 1
    assert "bad.yaml, line 2: 'budget'" in told
    assert "bad.yaml, line 4: 'directions'" in told
    bad.write_text("version: a\nowner: nobody\n")
    assert "line 2: 'owner': there is no team" in vigil("check", str(bad))[1]


def test_build_writes_what_differs_and_check_compares(tmp_path: Path) -> None:
    code, told = vigil("build", str(FLEET), "--out", str(tmp_path), "--check")
    assert code == 1
    assert "rules/kpis.yaml" in told
    assert list(tmp_path.iterdir()) == []
    assert vigil("build", str(FLEET), "--out", str(tmp_path))[0] == 0
    wanted = files(load_policy(FLEET)) | dashboards(load_policy(FLEET))
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == set(wanted)
    assert {path: (tmp_path / path).read_text() for path in wanted} == wanted
    assert vigil("build", str(FLEET), "--out", str(tmp_path), "--check")[0] == 0
    (tmp_path / "rules" / "kpis.yaml").write_text("groups: []\n")
    assert "1 of" in vigil("build", str(FLEET), "--out", str(tmp_path))[1]
    (tmp_path / "dashboards" / "built" / "fleet.json").write_text("{}\n")
    assert "dashboards/built/fleet.json" in vigil("build", str(FLEET), "--out", str(tmp_path), "--check")[1]


def test_build_takes_away_what_it_built_for_a_feature_that_is_gone_and_nothing_else(tmp_path: Path) -> None:
    vigil("build", str(FLEET), "--out", str(tmp_path))
    fewer = tmp_path / "fewer.yaml"
    fewer.write_text(FLEET.read_text().replace("  search: {tier: ga}\n", ""))
    (tmp_path / "adopt" / "sloth" / "mine.yaml").write_text("version: prometheus/v1\n")
    assert "adopt/sloth/search.yaml" in vigil("build", str(fewer), "--out", str(tmp_path), "--check")[1]
    assert vigil("build", str(fewer), "--out", str(tmp_path))[0] == 0
    assert not (tmp_path / "adopt" / "sloth" / "search.yaml").exists()
    assert (tmp_path / "adopt" / "sloth" / "mine.yaml").exists()
    assert vigil("build", str(fewer), "--out", str(tmp_path), "--check")[0] == 0


def test_without_the_library_of_dashboards_build_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "alerts.dashboards.build", raising=False)
    monkeypatch.setitem(sys.modules, "grafana_foundation_sdk.builders.dashboard", None)
    code, told = vigil("build", "--out", str(tmp_path))
    assert code == 1
    assert "install requirements.txt" in told
    assert list(tmp_path.iterdir()) == []
