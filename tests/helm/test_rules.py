"""The rules and dashboards of a release are the shipped ones, with the runbooks where the values say."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm.sync import ROOT
from tests.changed import changed
from tests.helm.chart import RELEASE, objects, rendered, values_of
from tests.programs import needs

RULES = sorted((ROOT / "alerts" / "rules").glob("*.yaml"))
DASHBOARDS = sorted((ROOT / "alerts" / "dashboards" / "built").glob("*.json"))
MINIMAL = values_of("minimal")


def rules_in(path: Path) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.safe_load(path.read_text())["groups"]
    return groups


def rules_of(release: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: one["spec"] for name, one in release.items() if one["kind"] == "PrometheusRule"}


def test_a_release_has_exactly_the_shipped_rules_as_often_as_the_shipped_prometheus(folder: Path) -> None:
    every = yaml.safe_load((ROOT / "alerts" / "prometheus" / "prometheus.yaml").read_text())["global"]
    shipped = {f"PrometheusRule {RELEASE}-{path.stem}": yaml.safe_load(path.read_text()) for path in RULES}
    for spec in shipped.values():
        spec["groups"] = [{"interval": every["evaluation_interval"]} | group for group in spec["groups"]]
    release = objects(MINIMAL, folder)
    assert rules_of(release) == shipped
    (endpoint,) = release[f"ServiceMonitor {RELEASE}"]["spec"]["endpoints"]
    assert endpoint["interval"] == every["scrape_interval"]


def test_a_group_with_an_interval_of_its_own_keeps_it_whatever_the_values_say(folder: Path) -> None:
    specs = rules_of(objects(changed(MINIMAL, ("prometheusRule", "interval"), "15s"), folder))
    found = {group["name"]: group["interval"] for spec in specs.values() for group in spec["groups"]}
    assert {found.pop(name) for name in ("vigil-burn-long", "vigil-coverage")} == {"2m"}
    assert set(found.values()) == {"15s"}


def test_a_release_has_exactly_the_shipped_dashboards(folder: Path) -> None:
    shown: dict[str, Any] = {}
    for one in objects(MINIMAL, folder).values():
        if one["kind"] == "ConfigMap":
            assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
            shown |= one["data"]
    assert shown == {path.name: path.read_text() for path in DASHBOARDS}
    assert all(json.loads(text)["uid"] for text in shown.values())


def test_pages_and_dashboards_link_to_the_runbooks_of_the_values(folder: Path) -> None:
    example = "https://runbooks.example.com"
    assert example in rendered(MINIMAL, folder)
    moved = rendered(changed(MINIMAL, ("runbookUrl",), "https://runbooks.internal/safety"), folder)
    assert example not in moved
    assert "runbook_url: https://runbooks.internal/safety/Watchdog.md" in moved


@needs("promtool")
@pytest.mark.slow
def test_rendered_rules_pass_every_case_of_promtool(folder: Path) -> None:
    release = objects(MINIMAL, folder)
    for kind in ("rules", "tests"):
        (folder / kind).mkdir()
    for path in RULES:
        spec = release[f"PrometheusRule {RELEASE}-{path.stem}"]["spec"]
        (folder / "rules" / path.name).write_text(yaml.safe_dump(spec))
    shipped = {rule.get("alert") for path in RULES for group in rules_in(path) for rule in group["rules"]}
    cases = sorted((ROOT / "alerts" / "tests").glob("*.yaml"))
    of_ones_own = {path.stem for path in cases} - shipped
    assert of_ones_own == {"VigilProbeLost", "VigilPoolIncident"}, "only these need a policy of one's own"
    for path in (path for path in cases if path.stem in shipped):
        (folder / "tests" / path.name).write_bytes(path.read_bytes())
    rules = [str(path) for path in sorted((folder / "rules").iterdir())]
    tests = [str(path) for path in sorted((folder / "tests").iterdir())]
    for command in (["promtool", "check", "rules", *rules], ["promtool", "test", "rules", *tests]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
