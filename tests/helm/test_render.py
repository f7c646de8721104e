"""What the chart renders, from several files of values, held against the API server's own code."""

import gzip
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from helm.sync import CHART
from monitor.cli import main
from tests.changed import changed
from tests.helm.chart import FILES, RELEASE, environment, helm, leaves, objects, pods, rendered, values_of

MINIMAL = values_of("minimal")
NAMES = [path.stem for path in FILES]
SECRET_BYTES = 2**20


def validate(manifest: str, built: Path, definitions: list[Path]) -> subprocess.CompletedProcess[str]:
    command = [str(built / "validate"), *map(str, definitions)]
    return subprocess.run(command, input=manifest, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("name", NAMES)
def test_helm_lint_has_nothing_to_say(name: str, folder: Path) -> None:
    done = helm("lint", str(CHART), "--strict", values=values_of(name), folder=folder)
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout
    assert "[ERROR]" not in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_the_api_server_would_take_every_object(name: str, folder: Path, built: Path, definitions: list[Path]) -> None:
    done = validate(rendered(values_of(name), folder), built, definitions)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("good", "bad", "kind"),
    [
        ("periodSeconds: 15", "periodSecond: 15", "Deployment"),
        ("runAsNonRoot: true", "runAsNonRoot: false", "Deployment"),
        ("port: 53", "port: 530000", "NetworkPolicy"),
        ("minReplicas: 3", "minReplicas: 13", "HorizontalPodAutoscaler"),
        ("interval: 5s", "interval: often", "ServiceMonitor"),
        ("jobLabel:", "jobLable:", "ServiceMonitor"),
        ("maxUnavailable: 1", "maxUnavailable: one", "PodDisruptionBudget"),
        ("groups:", "group:", "PrometheusRule"),
        ("clusterIP: None", "clusterIP: Nowhere", "Service"),
        ("kind: ServiceAccount", "kind: ServiceAccounts", "ServiceAccounts"),
    ],
)
def test_the_api_server_would_refuse_a_slip(
    good: str, bad: str, kind: str, folder: Path, built: Path, definitions: list[Path]
) -> None:
    manifest = rendered(values_of("autoscaling"), folder)
    assert good in manifest
    done = validate(manifest.replace(good, bad), built, definitions)
    assert done.returncode == 1, done.stderr
    assert f"\n{kind} " in f"\n{done.stdout}"


@pytest.mark.parametrize("name", NAMES)
def test_every_value_of_the_file_makes_a_difference(name: str, folder: Path) -> None:
    values = values_of(name)
    whole = rendered(values, folder)
    for path in leaves(values):
        done = helm("template", RELEASE, str(CHART), values=changed(values, path, None), folder=folder)
        assert done.returncode != 0 or done.stdout != whole, ".".join(path)


def test_every_value_is_in_some_file() -> None:
    shipped = yaml.safe_load((CHART / "values.yaml").read_text())
    tried = {path for name in NAMES for path in leaves(values_of(name))}
    prefixes = {path[:length] for path in tried for length in range(1, len(path) + 1)}
    untried = {path for path in leaves(shipped) if path not in prefixes}
    # test_settings.py tries the settings; the others are labels that some file replaces by its own.
    assert {path for path in untried if path[0] != "settings"} == set()


@pytest.mark.parametrize("name", NAMES)
def test_two_renders_are_the_same(name: str, folder: Path) -> None:
    assert rendered(values_of(name), folder) == rendered(values_of(name), folder)


@pytest.mark.parametrize("name", NAMES)
def test_every_pod_is_locked_down(name: str, folder: Path) -> None:
    templates = dict(pods(objects(values_of(name), folder)))
    assert templates
    for template in templates.values():
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False  # VIGIL_X_PORT would be a setting that does not exist
        (container,) = spec["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["resources"]["requests"]
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        empty = {volume["name"] for volume in spec["volumes"] if "emptyDir" in volume}
        cache = environment(template)["NUMBA_CACHE_DIR"]
        assert mounts[cache] in empty
        assert mounts["/tmp"] in empty  # noqa: S108  # Faust's folder


def test_only_the_workers_are_selected(folder: Path) -> None:
    release = objects(values_of("everything"), folder)
    selectors = [
        release["Service safety"]["spec"]["selector"],
        release["Deployment safety"]["spec"]["selector"]["matchLabels"],
        release["PodDisruptionBudget safety"]["spec"]["selector"]["matchLabels"],
    ]
    for selector in selectors:
        picked = [name for name, pod in pods(release) if selector.items() <= pod["metadata"]["labels"].items()]
        assert picked == ["Deployment safety"]
    policy = release["NetworkPolicy safety"]["spec"]["podSelector"]["matchLabels"]
    assert all(policy.items() <= pod["metadata"]["labels"].items() for _, pod in pods(release))


def test_prometheus_finds_the_workers_as_the_job_of_the_runbooks(folder: Path) -> None:
    release = objects(values_of("everything"), folder)
    monitor, service = release["ServiceMonitor safety"]["spec"], release["Service safety"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert service["metadata"]["labels"][monitor["jobLabel"]] == "vigil"
    (endpoint,) = monitor["endpoints"]
    (port,) = service["spec"]["ports"]
    assert endpoint["port"] == port["name"]


def test_an_autoscaler_is_alone_in_saying_how_many(folder: Path) -> None:
    for name, scaled in (("minimal", False), ("autoscaling", True), ("keda", True)):
        release = objects(values_of(name), folder)
        assert ("replicas" not in release[f"Deployment {RELEASE}"]["spec"]) is scaled
    for name, kind in (("autoscaling", "HorizontalPodAutoscaler"), ("keda", "ScaledObject")):
        target = objects(values_of(name), folder)[f"{kind} {RELEASE}"]["spec"]["scaleTargetRef"]
        assert target["name"] == RELEASE


def test_keda_looks_at_the_group_and_topics_that_the_workers_read(folder: Path) -> None:
    values = changed(values_of("keda"), ("settings", "group"), "vigil-2")
    for otlp, topics in ((True, {"ai.telemetry", "ai.telemetry.otlp"}), (False, {"ai.telemetry"})):
        scaled = objects(changed(values, ("settings", "otlp"), otlp), folder)[f"ScaledObject {RELEASE}"]
        triggers = [trigger["metadata"] for trigger in scaled["spec"]["triggers"]]
        assert {trigger["topic"] for trigger in triggers} == topics
        assert {trigger["consumerGroup"] for trigger in triggers} == {"vigil-2"}
        assert {trigger["lagThreshold"] for trigger in triggers} == {"20000000"}


def test_keda_logs_in_as_the_workers_do(folder: Path) -> None:
    release = objects(values_of("secured"), folder)
    for trigger in release[f"ScaledObject {RELEASE}"]["spec"]["triggers"]:
        assert (trigger["metadata"]["tls"], trigger["metadata"]["sasl"]) == ("enable", "scram_sha256")
        assert trigger["authenticationRef"] == {"name": RELEASE}
    said = release[f"TriggerAuthentication {RELEASE}"]["spec"]
    assert {one["parameter"]: (one["name"], one["key"]) for one in said["secretTargetRef"]} == {
        "ca": ("kafka-cluster-ca-cert", "ca.crt"),
        "password": ("vigil-kafka-user", "password"),
    }
    (user,) = said["env"]
    (worker,) = release[f"Deployment {RELEASE}"]["spec"]["template"]["spec"]["containers"]
    assert (user["parameter"], user["containerName"]) == ("username", worker["name"])
    assert {"name": user["name"], "value": "vigil"} in worker["env"]


@pytest.mark.parametrize(
    ("values", "metadata", "parameters"),
    [
        ({"settings": {"brokerSecurity": "ssl"}}, {"tls": "enable"}, None),
        (
            {
                "settings": {"brokerSecurity": "ssl"},
                "secrets": {"brokerCert": {"name": "c"}, "brokerKey": {"name": "c"}},
            },
            {"tls": "enable"},
            {"cert": "tls.crt", "key": "tls.key"},
        ),
        (
            {
                "settings": {
                    "brokerSecurity": "sasl_plaintext",
                    "brokerSasl": "plain",
                    "brokerUser": "u",
                    "cleartextPasswords": True,
                },
                "secrets": {"brokerPassword": {"name": "p"}},
            },
            {"sasl": "plaintext"},
            {"password": "password"},
        ),
    ],
)
def test_keda_is_told_of_tls_and_of_each_secret(
    values: dict[str, Any], metadata: dict[str, str], parameters: dict[str, str] | None, folder: Path
) -> None:
    given = values_of("keda")
    given = given | {"settings": given["settings"] | values["settings"], "secrets": values.get("secrets", {})}
    release = objects(given, folder)
    for trigger in release[f"ScaledObject {RELEASE}"]["spec"]["triggers"]:
        assert {
            name: trigger["metadata"].get(name) for name in ("tls", "sasl") if name in trigger["metadata"]
        } == metadata
        assert ("authenticationRef" in trigger) is (parameters is not None)
    found = release.get(f"TriggerAuthentication {RELEASE}")
    read = {one["parameter"]: one["key"] for one in found["spec"]["secretTargetRef"]} if found else None
    assert read == parameters


def ports(policy: dict[str, Any]) -> set[int]:
    return {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("minimal", {53, 9092, 8443}), ("autoscaling", {53, 9092, 8123}),
     ("everything", {53, 443, 9090, 9093, 9094, 8443}), ("keda", {53, 9092, 9443}), ("secured", {53, 9093, 8123})],
)  # fmt: skip
def test_the_network_policy_opens_the_ports_of_the_settings(name: str, wanted: set[int], folder: Path) -> None:
    (policy,) = [one for one in objects(values_of(name), folder).values() if one["kind"] == "NetworkPolicy"]
    assert ports(policy) == wanted


def test_without_a_peer_nobody_gets_in(folder: Path) -> None:
    values = changed(MINIMAL, ("networkPolicy", "metricsFrom"), [])
    values = changed(values, ("serviceMonitor", "enabled"), False)
    spec = objects(values, folder)[f"NetworkPolicy {RELEASE}"]["spec"]
    assert "Ingress" in spec["policyTypes"]
    assert "ingress" not in spec


def test_no_secret_s_content_can_be_given() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert set(schema["definitions"]["secretKey"]["properties"]) == {"name", "key"}


def test_pods_run_commands_that_this_version_has(folder: Path) -> None:
    commands = main.list_commands(click.Context(main))
    for name in NAMES:
        run = [template["spec"]["containers"][0]["command"] for _, template in pods(objects(values_of(name), folder))]
        assert all(program == "vigil" and command in commands for program, command in run)


def test_the_command_of_the_readme_works(folder: Path) -> None:
    (command,) = re.findall(r"```\n(helm install .*?)```", (CHART.parent / "README.md").read_text(), re.DOTALL)
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:4] == ["helm", "install", "vigil", "helm/vigil"]
    done = helm("template", "vigil", str(CHART), *words[4:], values={}, folder=folder)
    assert done.returncode == 0, done.stderr


def test_the_security_of_the_readme_works_with_its_command(folder: Path) -> None:
    readme = (CHART.parent / "README.md").read_text()
    (command,) = re.findall(r"```\n(helm install .*?)```", readme, re.DOTALL)
    (more,) = re.findall(r"```\n( +--set .*?)```", readme, re.DOTALL)
    words = shlex.split((command + more).replace("\\\n", " "))
    done = helm("template", "vigil", str(CHART), *words[4:], values={}, folder=folder)
    assert done.returncode == 0, done.stderr
    assert "/run/secrets/vigil/broker-password" in done.stdout
    assert "/run/secrets/vigil/store-ca" in done.stdout


def test_a_release_fits_into_the_secret_that_helm_keeps_it_in(folder: Path) -> None:
    files = b"".join(path.read_bytes() for path in sorted(CHART.rglob("*")) if path.is_file())
    manifest = rendered(values_of("everything"), folder).encode()
    assert len(gzip.compress(files + manifest)) * 16 / 9 < SECRET_BYTES / 2  # base64 twice; half of it is room
