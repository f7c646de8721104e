"""Everything that a policy may say comes to something, and what would come to nothing is refused by its line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from alerts.build import files, json_schema
from alerts.policy import Policy as Model
from monitor.columns import FLOORS, SCORED
from monitor.errors import UserError
from monitor.policy import Policy, whole_policy
from monitor.terms import terms_of
from schemas.kpis import CATALOGUE, KPI_NAMES
from tests.changed import changed

FLEET: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "fleet.yaml").read_text()) | {
    "version": "one",
    "least_bad": 20,
    "probe": {"every": "1m", "deadline": "3m"},
    "missed_probes": {"at_least": 1, "within": "15m"},
}
FLEET["features"]["search"]["owner"] = "safety"  # who owns it whoever owns the rest
TARGETS = {"internal": 0.02, "beta": 0.01, "ga": 0.005, "regulated": 0.001}
SPAN = {"begin": "22:00", "end": "07:00", "days": ["friday", "saturday"], "zone": "Europe/Berlin"}

# Each key, another value of it, and on whom that has an effect.
CHANGES: dict[tuple[str, ...], tuple[Any, str]] = {
    ("version",): ("two", "scorer"),
    ("budget",): ("2/week", "scorer backtest"),
    ("directions",): ("up", "backtest rules"),
    ("coverage_floor",): (0.3, "scorer backtest rules"),
    ("kpis",): ({"pii_leak_rate": {"targets": TARGETS}}, "scorer backtest rules"),
    ("kpis", "block_rate", "budget"): ("2/day", "scorer backtest"),
    ("kpis", "pii_leak_rate", "directions"): ("up", "backtest rules"),
    ("kpis", "pii_leak_rate", "pages"): (False, "backtest rules"),
    ("kpis", "pii_leak_rate", "severity"): ("warning", "scorer rules"),
    ("kpis", "refusal_rate", "coverage_floor"): (0.8, "scorer backtest rules"),
    ("kpis", "pii_leak_rate", "targets"): (None, "rules"),
    **{("kpis", "pii_leak_rate", "targets", tier): (value * 1.01, "rules") for tier, value in TARGETS.items()},
    ("kpis", "pii_leak_rate", "count"): (None, "rules"),
    ("kpis", "pii_leak_rate", "count", "at_least"): (3, "rules"),
    ("kpis", "pii_leak_rate", "count", "within"): ("1h", "rules"),
    ("least_bad",): (21, "rules"),
    ("count_pages_in",): (["ga", "regulated"], "rules"),
    ("default_tier",): ("beta", "rules"),
    ("features",): ({"health-faq": {"tier": "regulated", "owner": "health"}}, "backtest rules routes"),
    ("features", "search", "tier"): ("beta", "rules"),
    ("features", "search", "owner"): ("health", "rules routes"),
    ("features", "batch", "guardrails"): (True, "rules"),
    ("features", "batch", "heartbeats"): (True, "rules"),
    ("features", "batch", "arrivals"): (True, "backtest rules"),
    ("owner",): ("health", "rules routes"),
    ("teams",): ({name: {"pagerduty_key": "k"} for name in ("safety", "health")}, "routes"),
    ("teams", "health", "pagerduty_key"): ("other-key", "routes"),
    ("teams", "health", "tickets_key"): ("other-key", "routes"),
    ("teams", "safety", "slack_channel"): ("#other", "routes"),
    ("quiet_hours",): ([], "routes"),
    ("quiet_hours", "begin"): ([SPAN | {"begin": "21:00"}], "routes"),
    ("quiet_hours", "end"): ([SPAN | {"end": "06:00"}], "routes"),
    ("quiet_hours", "days"): ([SPAN | {"days": ["friday"]}], "routes"),
    ("quiet_hours", "zone"): ([SPAN | {"zone": "UTC"}], "routes"),
    ("dead_man",): (None, "routes"),
    ("probe",): (None, "rules"),
    ("probe", "every"): ("30s", "rules"),
    ("probe", "deadline"): ("4m", "rules"),
    ("missed_probes",): ({"at_least": 2, "within": "1h"}, "rules"),
    ("missed_probes", "at_least"): (2, "rules"),
    ("missed_probes", "within"): ("1h", "rules"),
    ("pools",): (None, "scorer rules"),
    ("pools", "dimensions"): (["region"], "scorer"),
    ("pools", "pages"): (True, "scorer rules"),
    ("runbooks",): ("https://other.example.com/", "rules"),
    ("grafana",): (None, "rules routes"),
}


def read(said: Mapping[str, Any]) -> Policy:
    return whole_policy(yaml.safe_dump(dict(said)), "p.yaml")


def otherwise(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The fleet's policy with one key said otherwise, or not at all."""
    if path[0] == "quiet_hours":  # a list has no keys
        return FLEET | {"quiet_hours": value}
    return changed(FLEET, path, value)


def comes_to(policy: Policy) -> dict[str, Any]:
    """What becomes of a policy: by whom, to all that it decides there."""
    built = files(policy)
    return {
        "scorer": terms_of(policy),
        "backtest": [
            [
                (policy.pages(kpi, "up"), policy.pages(kpi, "down"), policy.budget_windows(kpi, 18, 10))
                for kpi in KPI_NAMES
            ],
            policy.floors(SCORED, FLOORS).tolist(),
            policy.pages("arrivals", "down", "batch"),
        ],
        "rules": {path: text for path, text in built.items() if path.startswith("rules/")},
        "routes": built["alertmanager/alertmanager.yaml"],
    }


BEFORE = comes_to(read(FLEET))


def keys(model: type[BaseModel], above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Each key of the model and of the models in it, as paths; names that a reader gives are left out."""
    found = set()
    for name, field in model.model_fields.items():
        found.add((*above, name))
        for part in parts(field.annotation):
            found |= keys(part, (*above, name))
    return found


def parts(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {part for one in get_args(annotation) for part in parts(one)}


def test_each_key_of_the_model_is_here() -> None:
    given = {"kpis", "features", "teams"}
    assert {(path[0], *path[2:]) if path[0] in given else path for path in CHANGES} == keys(Model)


@pytest.mark.parametrize("path", CHANGES, ids=".".join)
def test_each_key_of_a_policy_has_an_effect_on_whom_it_concerns_and_on_nobody_else(path: tuple[str, ...]) -> None:
    value, concerned = CHANGES[path]
    after = comes_to(read(otherwise(path, value)))
    assert {who for who in after if after[who] != BEFORE[who]} == set(concerned.split())


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("kpis:\n  policy_violation_rate.toxicity:\n    budget: 1/day\n", 3, "say it of policy_violation_rate"),
        ("kpis:\n  policy_violation_rate.toxicity: {severity: warning}\n", 3, "neither scored nor watched"),
        ("kpis:\n  prompt_mix: {budget: 1/day}\n", 3, "no such KPI"),
        ("kpis:\n  block_rate:\n    pages: false\n    directions: up\n", 5, "no direction pages"),
        ("least_bad: 5\n", 2, "no KPI has targets"),
        ("teams:\n  safety: {pagerduty_key: k}\n  idle: {pagerduty_key: k}\n", 4, "owns nothing"),
        ("features:\n  vigil-probe: {tier: ga}\n", 3, "feature of `vigil probe`"),
        ("kpis: {arrivals: {pages: false}}\nfeatures:\n  b: {tier: ga, arrivals: false}\n", 4, "alerts anyway"),
    ],
)
def test_what_would_come_to_nothing_is_refused_by_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(UserError, match=f"^p.yaml, line {line}: .*{words}"):
        whole_policy(f"version: v\n{text}", "p.yaml")


def test_each_key_of_the_model_is_described_in_the_json_schema() -> None:
    schema = json_schema()
    models = {"Policy": schema, **schema["$defs"]}
    tiers = {("Targets", tier) for tier in TARGETS}  # what they are stands at the whole
    silent = {
        (name, key) for name, model in models.items() for key, said in model["properties"].items()
        if not said.get("description")
    }  # fmt: skip
    assert silent == tiers
    assert schema["title"] == "Vigil policy"


def test_what_is_asked_pages_nobody_in_a_backtest_either() -> None:
    policy = Policy(version="v")
    assert not policy.pages("prompt_mix", "up")
    assert not policy.pages("prompt_mix", "down")
    assert all(policy.pages(kpi, "up") for kpi in KPI_NAMES if kpi != "prompt_mix")


@pytest.mark.parametrize("kpi", [kpi for kpi in CATALOGUE if "." in kpi])
def test_no_rule_and_no_score_is_of_a_category_so_a_policy_cannot_name_one(kpi: str) -> None:
    with pytest.raises(UserError, match="neither scored nor watched"):
        whole_policy(f"version: v\nkpis: {{{kpi}: {{}}}}", "p.yaml")


def test_of_arrivals_it_is_the_fall_that_is_as_bad_as_the_policy_says_for_the_store_and_for_the_rules() -> None:
    policy = read({"version": "v", "kpis": {"arrivals": {"severity": "critical"}}})
    assert {way: terms_of(policy).severity("arrivals", way == "up") for way in ("up", "down")} == {
        way: severity_of(policy, way) for way in ("up", "down")
    }
    assert severity_of(policy, "down") == "critical"


def test_arrivals_of_a_feature_page_nobody_where_the_policy_says_that_they_are_no_news() -> None:
    policy = read(FLEET)
    assert {name: policy.pages("arrivals", "down", name) for name in ("batch", "search", "new")} == {
        "batch": False, "search": True, "new": True,
    }  # fmt: skip
    assert policy.pages("unknown_outcome_rate", "up", "batch")


def severity_of(policy: Policy, direction: str) -> str:
    """What the rules call an incident on arrivals."""
    (found,) = (
        rule["labels"]["severity"]
        for group in yaml.safe_load(files(policy)["rules/incidents.yaml"])["groups"]
        for rule in group["rules"]
        if f'direction="{direction}"' in rule["expr"] and "arrivals" in rule["expr"]
    )
    return str(found)
