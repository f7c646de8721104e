"""The mixin, evaluated by jsonnet: the shipped rules and dashboards, and nothing else."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.build import files
from alerts.dashboards.build import dashboards
from monitor.errors import UserError
from monitor.policy import load_policy
from tests import go_programs
from tests.programs import skip

HERE = Path(__file__).parent
FLEET = load_policy(HERE / "fleet.yaml")
PACKAGES = {"jsonnet": "github.com/google/go-jsonnet/cmd/jsonnet"}
BUILD_SECONDS = 300


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The mixin of a policy of one's own, as an adopter would import it."""
    try:
        programs = go_programs.build(HERE / "mixin", PACKAGES, BUILD_SECONDS)
    except UserError as error:
        skip("jsonnet", str(error))
    folder = tmp_path_factory.mktemp("mixin")
    for path, text in (files(FLEET) | dashboards(FLEET)).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    mine = "{ prometheusAlerts+:: { groups+: [{ name: 'mine', rules: [] }] } }"
    code = f"local m = (import 'adopt/mixin/mixin.libsonnet') + {mine};"
    shown = "{ alerts: m.prometheusAlerts, rules: m.prometheusRules, dashboards: m.grafanaDashboards }"
    command = [str(programs / "jsonnet"), "-e", code + shown]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def ordered(rule: dict[str, Any]) -> str:
    return json.dumps(rule, sort_keys=True)  # jsonnet orders keys


def test_the_mixin_has_the_rules_of_the_policy_and_takes_more(evaluated: dict[str, Any]) -> None:
    *ours, mine = evaluated["alerts"]["groups"]
    assert mine == {"name": "mine", "rules": []}
    built = [yaml.safe_load(text)["groups"] for path, text in files(FLEET).items() if path.startswith("rules/")]
    wanted = [rule for groups in built for group in groups for rule in group["rules"]]
    got = [rule for group in (*ours, *evaluated["rules"]["groups"]) for rule in group["rules"]]
    assert sorted(map(ordered, got)) == sorted(map(ordered, wanted))


def test_both_kinds_of_rules_fit_into_one_file_as_many_put_them(evaluated: dict[str, Any]) -> None:
    groups = [*evaluated["alerts"]["groups"], *evaluated["rules"]["groups"]]
    assert len({group["name"] for group in groups}) == len(groups)
    assert all(group["interval"] for group in groups if group["name"] != "mine")


def test_the_mixin_has_the_dashboards_of_the_policy(evaluated: dict[str, Any]) -> None:
    wanted = {f"vigil-{Path(path).name}": json.loads(text) for path, text in dashboards(FLEET).items()}
    assert evaluated["dashboards"] == wanted
