"""The policy in a release: one file, in workers alone, that can change while they run."""

from pathlib import Path
from typing import Any

from helm.sync import CHART
from monitor.policy import parse_policy
from tests.changed import changed
from tests.helm.chart import RELEASE, environment, objects, pods, values_of


def mounted(template: dict[str, Any]) -> tuple[str, str] | None:
    """(ConfigMap, key) of the file that VIGIL_POLICY names in a pod; None where it names none."""
    path = environment(template).get("VIGIL_POLICY")
    (container,) = template["spec"]["containers"]
    mounts = [one for one in container["volumeMounts"] if one["name"] == "policy"]
    volumes = [one["configMap"] for one in template["spec"]["volumes"] if one["name"] == "policy"]
    if path is None:
        assert mounts == volumes == []
        return None
    [mount], [volume] = mounts, volumes
    assert "subPath" not in mount  # the kubelet never changes such a file
    [item] = volume["items"]
    assert path == f"{mount['mountPath']}/{item['path']}"
    return volume["name"], item["key"]


def by_workload(values: dict[str, Any], folder: Path) -> dict[str, tuple[str, str] | None]:
    return {name: mounted(template) for name, template in pods(objects(values, folder))}


def test_without_a_policy_workers_take_the_one_of_the_image(folder: Path) -> None:
    found = by_workload(values_of("minimal"), folder)
    assert set(found.values()) == {None}
    assert f"ConfigMap {RELEASE}-policy" not in objects(values_of("minimal"), folder)


def test_a_policy_in_the_values_is_a_config_map_of_the_release_and_arrives_as_it_was_written(folder: Path) -> None:
    values = values_of("autoscaling")
    text = objects(values, folder)[f"ConfigMap {RELEASE}-policy"]["data"]["policy.yaml"]
    assert text == values["policy"]["text"]
    assert parse_policy(text, "policy.yaml").version == "7"
    found = by_workload(values, folder)
    assert found.pop(f"Deployment {RELEASE}") == (f"{RELEASE}-policy", "policy.yaml")
    assert set(found.values()) == {None}  # a hook runs before the ConfigMap is there


def test_a_config_map_that_exists_is_mounted_by_its_name_and_key(folder: Path) -> None:
    found = by_workload(values_of("everything"), folder)
    assert found.pop("Deployment safety") == ("safety-policy", "production.yaml")
    assert set(found.values()) == {None}
    assert "ConfigMap safety-policy" not in objects(values_of("everything"), folder)


def test_another_policy_replaces_no_pod(folder: Path) -> None:
    values = values_of("autoscaling")
    other = changed(values, ("policy", "text"), "version: '8'\n")
    one, two = objects(values, folder), objects(other, folder)
    assert {name for name in one if one[name] != two[name]} == {f"ConfigMap {RELEASE}-policy"}


def test_the_shipped_policy_fits_into_a_config_map(folder: Path) -> None:
    text = (CHART.parents[1] / "alerts" / "policy.yaml").read_text("utf-8")
    values = changed(values_of("minimal"), ("policy", "text"), text)
    assert objects(values, folder)[f"ConfigMap {RELEASE}-policy"]["data"]["policy.yaml"] == text
