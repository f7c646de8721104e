"""The built dashboards as Grafana's own types see them: @grafana/schema, checked by TypeScript."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from alerts.dashboards.build import DASHBOARDS
from tests.dashboards.grafana import dashboard
from tests.programs import skip

NODE = Path(__file__).parent / "node"
TARGET = NODE / "target"
COMPILER = NODE / "node_modules" / "typescript" / "bin" / "tsc"
LOCK = NODE / "package-lock.json"
STAMP = NODE / "node_modules" / "vigil-lock.json"

PANELS = {"stat": "Stat", "state-timeline": "StateTimeline", "table": "Table", "timeseries": "TimeSeries"}
"""Panel type to the word in the schema's file of it."""


def types(kind: str) -> str:
    folder = kind.replace("-", "")
    return f"@grafana/schema/dist/esm/raw/composable/{folder}/panelcfg/x/{PANELS[kind]}PanelCfg_types.gen"


def common(query: dict[str, Any]) -> dict[str, Any]:
    """A query without what only its data source's plugin knows."""
    return {name: query[name] for name in ("refId", "datasource", "queryType")}


def typescript(whole: dict[str, Any]) -> str:
    """A module that holds a dashboard, and each panel's options, to their types."""
    drawn = [{**one, "target": common(one["target"])} for one in whole["annotations"]["list"]]
    whole = {**whole, "annotations": {"list": drawn}}
    lines = ["import type { Dashboard } from '@grafana/schema';", "import type { Plain } from '../plain';"]
    lines += [f"import type * as {PANELS[kind]} from '{types(kind)}';" for kind in PANELS]
    lines.append(f"export const dashboard: Plain<Dashboard> = {json.dumps(whole)};")
    for panel in whole["panels"]:
        if panel["type"] == "row":
            continue
        name, custom = PANELS[panel["type"]], panel["fieldConfig"]["defaults"].get("custom")
        options = json.dumps(panel["options"])
        lines.append(f"export const options{panel['id']}: Plain<{name}.Options> = {options};")
        if custom is not None and panel["type"] != "stat":
            lines.append(
                f"export const custom{panel['id']}: Plain<Partial<{name}.FieldConfig>> = {json.dumps(custom)};"
            )
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def compiled() -> Iterator[Callable[[dict[str, str]], str]]:
    """Compiles modules by name and returns what the compiler complains about."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        skip("node and npm", "Grafana's types are an npm package, so the dashboards are not held to them")
    if not (STAMP.exists() and STAMP.read_text() == LOCK.read_text()):
        done = subprocess.run([npm, "ci"], cwd=NODE, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            skip("@grafana/schema", "npm could not install it, so the dashboards are not held to Grafana's types")
        STAMP.write_text(LOCK.read_text())

    def check(modules: dict[str, str]) -> str:
        shutil.rmtree(TARGET, ignore_errors=True)
        TARGET.mkdir()
        for name, text in modules.items():
            (TARGET / f"{name}.ts").write_text(text)
        command = [node, str(COMPILER), "--project", str(NODE)]
        done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=300, check=False)
        return done.stdout

    yield check
    shutil.rmtree(TARGET, ignore_errors=True)


def spoilt(change: Callable[[dict[str, Any]], object]) -> str:
    whole = deepcopy(dashboard("fleet"))
    change(whole)
    return typescript(whole)


def first_series(whole: dict[str, Any]) -> dict[str, Any]:
    return next(panel for panel in whole["panels"] if panel["type"] == "timeseries")


def test_every_dashboard_is_what_grafana_says_a_dashboard_is(compiled: Callable[[dict[str, str]], str]) -> None:
    assert compiled({name: typescript(dashboard(name)) for name in DASHBOARDS}) == ""


def test_grafanas_types_refuse_what_is_misspelt(compiled: Callable[[dict[str, str]], str]) -> None:
    complaints = compiled(
        {
            "word": spoilt(lambda whole: whole.update(refesh="30s")),
            "place": spoilt(lambda whole: first_series(whole)["gridPos"].update(width=3)),
            "enum": spoilt(lambda whole: first_series(whole)["options"]["tooltip"].update(mode="some")),
            "style": spoilt(lambda whole: first_series(whole)["fieldConfig"]["defaults"]["custom"].update(lineWith=2)),
        }
    )
    refused = {line.split("(")[0].split("/")[-1] for line in complaints.splitlines() if "error TS" in line}
    assert refused == {"word.ts", "place.ts", "enum.ts", "style.ts"}
