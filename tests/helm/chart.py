"""The chart through the real Helm: rendered, refused, and looked at."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from helm.sync import CHART
from tests.helm.programs import TARGET

VALUES = Path(__file__).parent / "values"
FILES = sorted(VALUES.glob("*.yaml"))
RELEASE = "vigil-test"
KUBERNETES = "1.35.0"
"""What `validate` was built from."""


def values_of(name: str) -> dict[str, Any]:
    """A file of values/ by its stem."""
    loaded: dict[str, Any] = yaml.safe_load((VALUES / f"{name}.yaml").read_text())
    return loaded


def helm(*arguments: str, values: Mapping[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Helm on values; it keeps what it keeps in `folder`."""
    given = folder / "given.yaml"
    given.write_text(json.dumps(values))  # JSON is YAML
    homes = {name: str(folder) for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")}
    return subprocess.run(
        [str(TARGET / "helm"), *arguments, "--values", str(given), "--kube-version", KUBERNETES],
        env=os.environ | homes,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def rendered(values: Mapping[str, Any], folder: Path) -> str:
    """The manifest of a release."""
    done = helm("template", RELEASE, str(CHART), values=values, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refusal(values: Mapping[str, Any], folder: Path) -> str:
    """What Helm says to values that it refuses."""
    done = helm("template", RELEASE, str(CHART), values=values, folder=folder)
    assert done.returncode != 0, "not refused"
    return done.stderr


def objects(values: Mapping[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
    """The objects of a release by "Kind name"."""
    found = [one for one in yaml.safe_load_all(rendered(values, folder)) if one]
    named = {f"{one['kind']} {one['metadata']['name']}": one for one in found}
    assert len(named) == len(found), "two objects of one name"
    return named


def pods(release: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name of a workload and the template of its pods."""
    for name, one in release.items():
        if one["kind"] in ("Deployment", "Job"):
            yield name, one["spec"]["template"]
        elif one["kind"] == "CronJob":
            yield name, one["spec"]["jobTemplate"]["spec"]["template"]


def environment(template: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a pod's one container."""
    (container,) = template["spec"]["containers"]
    return {one["name"]: one["value"] for one in container["env"]}


def leaves(tree: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths to what is not a mapping, or is an empty one."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*above, key))
        else:
            yield (*above, key)
