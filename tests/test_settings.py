import pytest

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
