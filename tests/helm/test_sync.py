"""The chart says what the rest of the repository says. Without Helm."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from helm.sync import CHART, FROM_SECRETS, MOUNTED, OF_PEOPLE, OWN_DEFAULTS, ROOT, camel, copies, stale
from monitor.settings import Settings
from monitor.writing import _BACKOFF
from tests.helm.chart import leaves

ELSEWHERE = {*FROM_SECRETS, *MOUNTED, *OF_PEOPLE}
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
OPEN = {"global"}  # Helm shares it between the charts of a release


def test_nothing_in_the_chart_is_stale() -> None:
    assert stale() == [], "run `python helm/sync.py`"


def test_rules_and_dashboards_are_the_shipped_ones_byte_for_byte() -> None:
    for folder, shipped in (("rules", "alerts/rules"), ("dashboards", "alerts/dashboards/built")):
        sources = {path.name: path.read_bytes() for path in (ROOT / shipped).iterdir() if path.is_file()}
        assert sources
        assert {path.name: path.read_bytes() for path in (CHART / "files" / folder).iterdir()} == sources


def test_a_file_that_differs_or_has_no_source_is_stale(tmp_path: Path) -> None:
    for name in ("values.yaml", "values.schema.json"):
        (tmp_path / name).write_bytes((CHART / name).read_bytes())
    for path, content in copies().items():
        (tmp_path / "files" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "files" / path).write_bytes(content)
    assert stale(tmp_path) == []
    first = tmp_path / "files" / min(copies())
    first.write_bytes(first.read_bytes() + b"\n")
    (tmp_path / "files" / "stray.yaml").touch()
    (tmp_path / "values.yaml").write_text((CHART / "values.yaml").read_text().replace("grace: 5.0", "grace: 6.0"))
    assert stale(tmp_path) == sorted([Path("files") / min(copies()), Path("files/stray.yaml"), Path("values.yaml")])


def test_every_setting_is_a_value_or_comes_from_elsewhere() -> None:
    assert set(VALUES["settings"]) == {camel(name) for name in Settings.model_fields.keys() - ELSEWHERE}
    assert set(MOUNTED) == {"policy"}
    assert set(OF_PEOPLE) == {"reviewer"}


def test_every_default_is_the_setting_s_own_but_for_the_three_of_one_machine() -> None:
    assert set(OWN_DEFAULTS) == {"broker", "store", "metrics_host"}
    for name, field in Settings.model_fields.items():
        if name not in ELSEWHERE and name not in OWN_DEFAULTS:
            assert VALUES["settings"][camel(name)] == ("" if field.default is None else field.default), name


def test_every_setting_that_names_a_file_comes_from_a_secret() -> None:
    files = {name for name in Settings.model_fields if name.endswith("_file")}
    assert {camel(name.removesuffix("_file")) for name in files} == set(VALUES["secrets"])
    assert files == set(FROM_SECRETS)


def object_schemas(schema: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield at, schema
        for key, part in schema.items():
            yield from object_schemas(part, f"{at}/{key}" if at else key)


def test_the_schema_is_closed_at_every_level() -> None:
    found = dict(object_schemas(SCHEMA))
    assert len(found) > 20
    assert {at for at, one in found.items() if one.get("additionalProperties", True) is True} == {
        f"properties/{name}" for name in OPEN
    }


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return SCHEMA["definitions"][reference.split("/")[-1]] if reference else schema


def declared(schema: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, part in schema["properties"].items():
        inner = resolved(part)
        if "properties" in inner:
            yield from declared(inner, (*above, key))
        else:
            yield (*above, key)


def test_every_value_has_a_schema_and_every_schema_a_value() -> None:
    unset = {("global",), ("resources", "limits", "cpu")}
    unset |= {("resources", kind, "ephemeral-storage") for kind in ("requests", "limits")}
    inside = {("networkPolicy", "metricsFrom"), ("dashboards", "labels", "grafana_dashboard")}
    said = {path for path in leaves(VALUES) if path not in inside} | {("dashboards", "labels")}
    assert said == set(declared(SCHEMA)) - unset - inside


def test_a_last_flush_ends_before_the_pod_is_killed() -> None:
    assert SCHEMA["properties"]["terminationGracePeriodSeconds"]["minimum"] > sum(_BACKOFF) + 10
    assert VALUES["terminationGracePeriodSeconds"] > sum(_BACKOFF) + 10


def test_the_chart_is_of_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == project["version"]


def test_the_image_has_every_package_of_the_wheel() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    dockerfile = (ROOT / "helm" / "Dockerfile").read_text()
    copied = set(re.findall(r"(?m)^COPY (\w+) \1$", dockerfile))
    allowed = set(re.findall(r"(?m)^!(\S+)$", (ROOT / "helm" / "Dockerfile.dockerignore").read_text()))
    assert copied == set(packages["packages"])
    assert allowed == copied | {"pyproject.toml", "README.md", "requirements.txt"}
