"""The alerts as code: rule, firing case, non-firing case, runbook; and routes that go where the comments say."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from alerts.build import files
from alerts.policy import EXTRA_SERIES, Probe
from alerts.pool_policy import PoolPolicy
from alerts.queries import NAMES as QUERY_NAMES
from alerts.queries import load as load_query
from monitor.cli import main
from monitor.metrics import Metrics
from monitor.policy import SHIPPED_POLICY, load_policy
from monitor.sql import stored_parameters
from schemas.kpis import CATALOGUE
from tests.programs import needs

ALERTS = Path(__file__).parents[2] / "alerts"
RUNBOOK_BASE = "https://runbooks.example.com/vigil/"
RULE_FILES = sorted((ALERTS / "rules").glob("*.yaml"))
CASE_FILES = sorted((ALERTS / "tests").glob("*.yaml"))
ROUTES = ALERTS / "alertmanager" / "alertmanager.yaml"
QUERIES = set(QUERY_NAMES)
NEVER_SILENT = {"Watchdog"}  # it always fires, so there is no case in which it does not


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


# Only in the rules of a policy that says that probes are sent, and that there are pools; the shipped one does not.
OPTED_IN = {"probe": Probe(every="1m", deadline="3m"), "pools": PoolPolicy(dimensions=["model"])}
WHOLE = load_policy(SHIPPED_POLICY).model_copy(update=OPTED_IN)
BUILT = {path: text for path, text in files(WHOLE).items() if path.startswith("rules/")}
RULES: list[dict[str, Any]] = [
    rule for text in BUILT.values() for group in yaml.safe_load(text)["groups"] for rule in group["rules"]
]
ALERT_RULES = [rule for rule in RULES if "alert" in rule]
NAMES = sorted({rule["alert"] for rule in ALERT_RULES})


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the rules, and one beside it for cases."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "rules").mkdir()
    (folder / "tests").mkdir()
    for path, text in BUILT.items():
        (folder / path).write_text(text)
    return folder


def expected_alerts(name: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """Sentence and expected alerts of each check of an alert's case file."""
    return [
        (case["name"], check.get("exp_alerts") or [])
        for case in load(ALERTS / "tests" / f"{name}.yaml")["tests"]
        for check in case["alert_rule_test"]
        if check["alertname"] == name
    ]


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_are_alerts_and_case_files_for_them_and_no_others() -> None:
    assert len(NAMES) == 28
    assert [path.stem for path in CASE_FILES] == NAMES
    assert sorted(path.stem for path in (ALERTS / "runbooks").glob("*.md")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(name: str) -> None:
    checks = expected_alerts(name)
    assert any(expected and sentence.startswith("fires ") for sentence, expected in checks)
    never = [sentence for sentence, expected in checks if sentence.startswith("does not fire ")]
    assert bool(never) == (name not in NEVER_SILENT)
    assert not any(expected for sentence, expected in checks if sentence in never)


@pytest.mark.parametrize("rule", [rule for rule in ALERT_RULES if "symptom" in rule["labels"]], ids=str)
def test_each_symptom_has_a_case_in_which_it_fires(rule: dict[str, Any]) -> None:
    fired = {alert["exp_labels"]["symptom"] for _, expected in expected_alerts(rule["alert"]) for alert in expected}
    assert rule["labels"]["symptom"] in fired


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_has_a_runbook_short_enough_for_3_am(name: str) -> None:
    text = (ALERTS / "runbooks" / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Meaning", "Impact", "Diagnosis", "Mitigation"]
    assert text.count("\n") <= 60
    assert "--query-name " in text


PLACES = {"FROM", "ONSET", "FEATURE", "KPI"}
"""What a reader of a runbook puts something in the place of."""
RELATIVE = {"now", "now-2h", "now-1d", "now-7d"}
"""Times that can be pasted as they stand."""


@pytest.mark.parametrize("name", NAMES)
def test_each_stored_query_of_a_runbook_is_given_all_that_it_asks_for(name: str) -> None:
    diagnosis = (ALERTS / "runbooks" / f"{name}.md").read_text().split("## Diagnosis")[1]
    asked = re.findall(r"--query-name (\w+)((?: --param \w+=[^\s`]+)*)", diagnosis)
    for query, given in asked:
        parameters: dict[str, str] = dict(re.findall(r"--param (\w+)=(\S+)", given))
        times = dict.fromkeys(PLACES - {"FEATURE", "KPI"}, "2026-11-20T12:00:00Z")
        stored_parameters(load_query(query), {key: times.get(value, value) for key, value in parameters.items()})
        for value in parameters.values():
            assert value in PLACES | RELATIVE | {*CATALOGUE, "120", "60"}
            explained = value == "now" or f"`{value}`" in diagnosis
            assert explained or value not in PLACES | RELATIVE, f"nobody says what {value} is"


@pytest.mark.parametrize("name", NAMES)
def test_a_question_about_vigil_itself_is_pasted_as_it_stands(name: str) -> None:
    text = (ALERTS / "runbooks" / f"{name}.md").read_text()
    assert set(re.findall(r"is_the_monitor_whole([^`]*)", text)) <= {" --param at=now"}


@pytest.mark.parametrize("name", NAMES)
def test_each_command_of_a_runbook_exists(name: str) -> None:
    text = (ALERTS / "runbooks" / f"{name}.md").read_text()
    for words in re.findall(r"`vigil ((?:[a-z-]+ ?)+)", text):
        command: click.Command = main
        context = click.Context(main)
        for word in words.split():
            found = command.get_command(context, word) if isinstance(command, click.Group) else None
            if found is None:
                assert not isinstance(command, click.Group), f"there is no `vigil {words}`"
                break
            command = found


@pytest.mark.parametrize("rule", ALERT_RULES, ids=lambda rule: rule["alert"])
def test_each_alert_leads_to_a_query_that_its_runbook_asks(rule: dict[str, Any]) -> None:
    queries = queries_of(rule)
    assert queries
    runbook = (ALERTS / "runbooks" / f"{rule['alert']}.md").read_text()
    assert all(f"--query-name {query}" in runbook for query in queries)


def queries_of(rule: dict[str, Any]) -> list[str]:
    """The stored query, or each that its template can choose, which depends on the KPI."""
    text: str = rule["annotations"]["query"]
    return re.findall(r"}}(\w+){{", text) if text.startswith("{{") else [text]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_the_labels_that_its_query_asks_for(name: str) -> None:
    for alert in (alert for _, expected in expected_alerts(name) for alert in expected):
        asked = {one.name for one in load_query(alert["exp_annotations"]["query"]).parameters}
        assert asked & {"feature", "kpi"} <= set(alert["exp_labels"])


@pytest.mark.parametrize("rule", ALERT_RULES, ids=lambda rule: rule["alert"])
def test_labels_are_stable_and_annotations_complete(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "error", "warning", "info", "none"}
    assert rule["labels"]["service"] == "vigil"
    assert not any("{{" in value for value in rule["labels"].values()), "a value in a label makes a new alert each time"
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url", "query"}
    assert "{{" not in rule["annotations"]["summary"]
    assert rule["annotations"]["runbook_url"] == f"{RUNBOOK_BASE}{rule['alert']}.md"
    assert set(queries_of(rule)) <= set(QUERIES)


def test_an_error_is_a_part_of_vigil_that_broke_and_the_document_names_each() -> None:
    (row,) = re.findall(r"(?m)^\| error \|.+$", (ALERTS.parent / "docs" / "alerting.md").read_text())
    errors = {rule["alert"] for rule in ALERT_RULES if rule["labels"]["severity"] == "error"}
    assert set(re.findall(r"Vigil[A-Z]\w+", row)) == errors
    health = load(ALERTS / "rules" / "health.yaml")["groups"]
    assert errors <= {rule.get("alert") for group in health for rule in group["rules"]}


def metric_names() -> set[str]:
    """Every series name that /metrics can show."""
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    families = Metrics().registry.collect()
    return {family.name + suffix for family in families for suffix in suffixes.get(family.type, ("",))}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_every_metric_that_a_rule_uses_exists(rule: dict[str, Any]) -> None:
    text = f"{rule['expr']} {rule.get('annotations', {}).get('description', '')}"
    recorded = {other["record"] for other in RULES if "record" in other}
    used_records = set(re.findall(r"\b[a-z_]+:vigil_\w+(?::\w+)?", text))
    used_metrics = set(re.findall(r"(?<![\w:])vigil_\w+", text))
    assert used_records | used_metrics or rule["expr"].startswith("vector(")
    assert used_records <= recorded
    assert used_metrics <= metric_names()


@pytest.mark.parametrize("rule", [rule for rule in RULES if "record" in rule], ids=lambda rule: rule["record"])
def test_recording_rules_are_named_level_metric_operations(rule: dict[str, Any]) -> None:
    level, metric, operations = rule["record"].split(":")
    assert level in {"feature", "feature_kpi", "kpi", "tier_kpi"}
    assert metric.startswith("vigil_")
    assert not metric.endswith("_total")
    assert re.fullmatch(r"(?:increase|ratio_rate)\d+[mhd]|max|ratio|info", operations)


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_every_kpi_in_a_rule_is_in_the_catalogue(path: Path) -> None:
    named = re.findall(r'kpi(?:=~?\\?"|: )([\w|]+)\b(?!\[)', path.read_text())
    assert {kpi for text in named for kpi in text.split("|")} <= {*CATALOGUE, *EXTRA_SERIES}


def test_the_shipped_rules_are_those_of_the_tests_but_for_what_a_policy_must_ask_for() -> None:
    shipped = [rule for path in RULE_FILES for group in load(path)["groups"] for rule in group["rules"]]
    assert {rule["alert"] for rule in RULES if rule not in shipped} == {"VigilProbeLost", "VigilPoolIncident"}
    assert [rule for rule in shipped if rule not in RULES] == []


def test_the_runbook_states_the_target_that_the_rule_has() -> None:
    target = next(
        rule["expr"]
        for rule in RULES
        if rule.get("record") == "kpi:vigil_kpi_target:ratio" and rule["labels"]["kpi"] == "policy_violation_rate"
    )
    percent = float(target.removeprefix("vector(").removesuffix(")")) * 100
    assert f"more than {percent:g} % of" in (ALERTS / "runbooks" / "VigilViolationRateHigh.md").read_text()


def test_secrets_are_files() -> None:
    keys = re.findall(r"\b(routing_key|service_key|api_url|password|credentials)\w*:", ROUTES.read_text())
    assert keys == ["routing_key"]
    receiver = next(item for item in load(ROUTES)["receivers"] if item["name"] == "pagerduty")
    assert receiver["pagerduty_configs"][0]["routing_key_file"].startswith("/")


@needs("promtool")
def test_promtool_accepts_the_rules_and_the_configuration(built: Path) -> None:
    for rules in (ALERTS, built):
        paths = sorted((rules / "rules").glob("*.yaml"))
        run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *map(str, paths))
    run("promtool", "check", "config", str(ALERTS / "prometheus" / "prometheus.yaml"))


@needs("promtool")
@pytest.mark.parametrize("path", CASE_FILES, ids=lambda path: path.stem)
def test_promtool_cases(path: Path, built: Path) -> None:
    run("promtool", "test", "rules", str(shutil.copy(path, built / "tests")))


@needs("amtool")
def test_amtool_accepts_the_routes() -> None:
    run("amtool", "check-config", str(ROUTES))


@needs("amtool")
@pytest.mark.parametrize(
    ("receiver", "labels"),
    [
        ("pagerduty", ["alertname=VigilRefusalSpike", "severity=critical", "feature=chat", "kpi=refusal_rate"]),
        ("pagerduty", ["alertname=VigilTelemetryIncomplete", "severity=critical"]),
        ("pagerduty", ["alertname=VigilScorerStale", "severity=error"]),
        ("pagerduty", ["alertname=Unplanned", "severity=urgent"]),
        ("pagerduty", ["alertname=Unlabelled"]),
        ("tickets", ["alertname=Later", "severity=warning"]),
        ("tickets", ["alertname=Later", "severity=info"]),
        ("dead-man", ["alertname=Watchdog", "severity=none"]),
    ],
)
def test_routes(receiver: str, labels: list[str]) -> None:
    run("amtool", "config", "routes", "test", f"--config.file={ROUTES}", f"--verify.receivers={receiver}", *labels)
