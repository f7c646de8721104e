"""What the chart puts into a pod's environment, read back by the program's own settings."""

from pathlib import Path
from typing import Any

from helm.sync import FROM_SECRETS, camel, given, settings_schema
from monitor.settings import PREFIX, Settings, load
from tests.changed import changed
from tests.helm.chart import environment, objects, pods, values_of

MINIMAL = values_of("minimal")
BY_HAND = {
    "broker": "other:9999",
    "store": "https://other@elsewhere:8443/vigil",
    "metrics_host": "::",
    "log_level": "warning",
    "broker_security": "sasl_ssl",
    "broker_sasl": "plain",
}


def another(name: str) -> Any:
    """A value of the setting that is allowed and not its default."""
    value = Settings.model_fields[name].default
    if name in BY_HAND:
        return BY_HAND[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value or ''}other"


def worker_settings(values: dict[str, Any], folder: Path) -> Settings:
    """The settings of the worker's pod; those of every other pod are the same."""
    read = [load(environment(template)) for _, template in pods(objects(values, folder))]
    assert all(one == read[0] for one in read)
    return read[0]


def test_a_pod_runs_with_the_program_s_defaults(folder: Path) -> None:
    read = worker_settings(MINIMAL, folder)
    different = {name for name, field in Settings.model_fields.items() if getattr(read, name) != field.default}
    assert different == {"broker", "store", "metrics_host"}


def test_every_setting_can_be_changed(folder: Path) -> None:
    wanted = {name: another(name) for name in given()}
    assert all(value != Settings.model_fields[name].default for name, value in wanted.items())
    values = changed(MINIMAL, ("secrets", "brokerPassword", "name"), "kafka")  # or there could be no user
    values = changed(values, ("settings",), {camel(name): value for name, value in wanted.items()})
    read = worker_settings(values, folder)
    assert {name: getattr(read, name) for name in wanted} == wanted


def test_large_numbers_stay_numbers(folder: Path) -> None:
    values = changed(MINIMAL, ("settings", "flushBytes"), 1_073_741_824)
    assert worker_settings(values, folder).flush_bytes == 1_073_741_824


def test_secrets_are_files_that_are_mounted(folder: Path) -> None:
    values = values_of("everything")
    for _, template in pods(objects(values, folder)):
        (secrets,) = [volume["projected"] for volume in template["spec"]["volumes"] if volume["name"] == "secrets"]
        (mount,) = [mount for mount in template["spec"]["containers"][0]["volumeMounts"] if mount["name"] == "secrets"]
        files = {
            f"{mount['mountPath']}/{item['path']}": (source["secret"]["name"], item["key"])
            for source in secrets["sources"]
            for item in source["secret"]["items"]
        }
        said = {name: environment(template)[PREFIX + name.upper()] for name in FROM_SECRETS}
        assert {name: files[path] for name, path in said.items()} == {
            "broker_ca_file": ("kafka-ca", "ca.pem"),
            "broker_cert_file": ("kafka-client", "client.pem"),
            "broker_key_file": ("kafka-client", "client.key"),
            "broker_password_file": ("kafka-user", "vigil"),
            "store_ca_file": ("clickhouse-ca", "ca.pem"),
            "store_password_file": ("clickhouse", "vigil-password"),
            "otlp_key_file": ("request-ref", "hmac"),
            "pagerduty_key_file": ("pagerduty", "vigil"),
        }


def test_the_schema_has_the_bounds_of_the_settings() -> None:
    properties = settings_schema()["properties"]
    assert properties["partitions"]["minimum"] == 1
    assert properties["grace"]["exclusiveMinimum"] == 0
    assert properties["historyHours"]["maximum"] == 24 * 35
    assert properties["logLevel"]["enum"] == ["debug", "info", "warning", "error"]
