"""The rules and dashboards of a release are the shipped ones, with the runbooks where the values say."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm.sync import ROOT
from tests.helm.chart import RELEASE, changed, objects, rendered, values_of
from tests.programs import needs

RULES = sorted((ROOT / "alerts" / "rules").glob("*.yaml"))
DASHBOARDS = sorted((ROOT / "alerts" / "dashboards" / "built").glob("*.json"))
MINIMAL = values_of("minimal")


def test_a_release_has_exactly_the_shipped_rules(folder: Path) -> None:
    release = objects(MINIMAL, folder)
    specs = {name: one["spec"] for name, one in release.items() if one["kind"] == "PrometheusRule"}
    assert specs == {f"PrometheusRule {RELEASE}-{path.stem}": yaml.safe_load(path.read_text()) for path in RULES}


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
    cases = sorted((ROOT / "alerts" / "tests").glob("*.yaml"))
    assert cases
    for path in cases:
        (folder / "tests" / path.name).write_bytes(path.read_bytes())
    rules = [str(path) for path in sorted((folder / "rules").iterdir())]
    tests = [str(path) for path in sorted((folder / "tests").iterdir())]
    for command in (["promtool", "check", "rules", *rules], ["promtool", "test", "rules", *tests]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
