from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.cli import main
from monitor.errors import UserError
from monitor.settings import Settings, load


def test_the_defaults_are_for_one_machine() -> None:
    settings = load({})
    assert settings.metrics_host == "127.0.0.1"
    assert settings.store.startswith("chdb:")


def test_variables_are_read_and_typed() -> None:
    settings = load({"VIGIL_BROKER": "kafka:9092", "VIGIL_GRACE": "2.5", "VIGIL_CREATE_TOPICS": "false", "HOME": "x"})
    assert (settings.broker, settings.grace, settings.create_topics) == ("kafka:9092", 2.5, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [("VIGIL_GRACE", "-1"), ("VIGIL_PARTITIONS", "many"), ("VIGIL_METRICS_PORT", "70000"), ("VIGIL_LOG_LEVEL", "loud")],
)
def test_a_value_that_does_not_fit_is_named(name: str, value: str) -> None:
    with pytest.raises(UserError, match=name):
        load({name: value})


def test_a_misspelt_variable_is_an_error() -> None:
    with pytest.raises(UserError, match="VIGIL_BROKERS"):
        load({"VIGIL_BROKERS": "kafka:9092"})


def test_every_setting_says_what_it_is_for() -> None:
    assert all((field.description or "").endswith(".") for field in Settings.model_fields.values())


def test_a_missing_password_file_is_named() -> None:
    with pytest.raises(UserError, match="VIGIL_STORE_PASSWORD_FILE"):
        load({"VIGIL_STORE_PASSWORD_FILE": "/nowhere/at/all"}).password()


@pytest.mark.parametrize(
    ("name", "value"),
    [("VIGIL_STORE", "https://vigil:hunter2@clickhouse:8443/vigil"), ("VIGIL_BROKER", "vigil:hunter2@kafka:9092")],
)
def test_an_address_with_a_password_is_refused_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(UserError, match=f"{name}.*_PASSWORD_FILE") as found:
        load({name: value})
    assert "hunter2" not in f"{found.value} {found.value.__cause__}"
    shown = CliRunner().invoke(main, ["settings"], env={name: value})
    assert shown.exit_code == 1
    assert "hunter2" not in shown.output


def test_the_list_of_settings_names_the_password_s_file_and_not_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2")
    files = ("VIGIL_STORE_PASSWORD_FILE", "VIGIL_BROKER_PASSWORD_FILE")
    shown = CliRunner().invoke(main, ["settings"], env=dict.fromkeys(files, str(tmp_path / "password")))
    assert shown.exit_code == 0
    assert all(f"{name}={tmp_path / 'password'}\n" in shown.output for name in files)
    assert "hunter2" not in shown.output


def test_a_broker_on_the_command_line_is_held_to_the_same_rules() -> None:
    assert load({"VIGIL_BROKER": "kafka:9092"}, broker="other:9092").broker == "other:9092"
    with pytest.raises(UserError, match="VIGIL_BROKER_USER"):
        load({}, broker="vigil:hunter2@kafka:9092")


@pytest.mark.parametrize(("value", "wanted"), [("-1", -1), ("3", 3)])
def test_replicas_are_a_number_or_the_broker_s_default(value: str, wanted: int) -> None:
    assert load({"VIGIL_REPLICATION": value}).replication == wanted


@pytest.mark.parametrize("value", ["0", "-2", "33"])
def test_a_topic_has_some_replicas(value: str) -> None:
    with pytest.raises(UserError, match="VIGIL_REPLICATION"):
        load({"VIGIL_REPLICATION": value})
