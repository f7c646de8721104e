"""Who misses Watchdog: an address in the policy, and nothing secret in it."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from alerts.build import SCHEMA, files
from alerts.policy import Policy, notes
from monitor import alerting
from monitor.errors import UserError
from monitor.policy import SHIPPED_POLICY, load_policy, parse_policy
from tests.alerts.test_build import OF_FLEET, run, written
from tests.programs import needs

ADDRESSES = [
    "https://alive.example.com/vigil",
    "https://alive.example.com",
    "http://127.0.0.1:9/a/b%20c~d",
    "https://[2001:db8::1]:8443/x",
]
REFUSED = [
    "https://ann:hunter2@alive.example.com/vigil",
    "https://ann@alive.example.com/vigil",
    "https://alive.example.com/vigil?key=hunter2",
    "https://alive.example.com/vigil#hunter2",
    "https://alive.example.com:0/hunter2",
    "ftp://alive.example.com/hunter2",
    "alive.example.com/hunter2",
    "https:///hunter2",
    "https://alive.example.com/{{ hunter2 }}",
]


def receiver(policy: Policy) -> dict[str, Any]:
    routes = yaml.safe_load(files(policy)["alertmanager/alertmanager.yaml"])
    found: dict[str, Any] = next(one for one in routes["receivers"] if one["name"] == "dead-man")
    return found


@pytest.mark.parametrize("address", ADDRESSES)
def test_watchdog_goes_to_the_address_of_the_policy_and_its_end_is_no_sign_of_life(address: str) -> None:
    said = parse_policy(f"version: a\ndead_man: {address}\n", "p.yaml")
    assert receiver(said)["webhook_configs"] == [{"url": address, "send_resolved": False}]


def test_without_an_address_nobody_misses_watchdog_and_check_says_so() -> None:
    shipped = load_policy(SHIPPED_POLICY)
    assert receiver(shipped) == {"name": "dead-man"}
    assert any(note.startswith("dead_man is not said") for note in notes(shipped))
    assert not any("dead_man" in note for note in notes(Policy(version="a", dead_man=ADDRESSES[0])))


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_none_or_holds_a_secret_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(UserError, match=r"^p\.yaml, line 2: 'dead_man': write an address such as") as told:
        parse_policy(f"version: a\ndead_man: {json.dumps(address)}\n", "p.yaml")
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize("address", [*ADDRESSES, *REFUSED])
def test_the_published_schema_takes_the_same_addresses(address: str) -> None:
    validator = jsonschema.Draft202012Validator(json.loads((SHIPPED_POLICY.parent / SCHEMA).read_text()))
    assert validator.is_valid({"version": "a", "dead_man": address}) == (address in ADDRESSES)


def test_alertmanager_on_this_machine_is_no_sign_of_life_for_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "SHIPPED", written(OF_FLEET, tmp_path))
    local = yaml.safe_load(alerting.alertmanager_config("http://127.0.0.1:9/", tmp_path / "key"))
    built = yaml.safe_load(OF_FLEET["alertmanager/alertmanager.yaml"])
    assert [one["name"] for one in local["receivers"]] == [one["name"] for one in built["receivers"]]
    assert next(one for one in local["receivers"] if one["name"] == "dead-man") == {"name": "dead-man"}
    assert "webhook_configs" in next(one for one in built["receivers"] if one["name"] == "dead-man")


@needs("amtool")
def test_amtool_accepts_the_receiver(tmp_path: Path) -> None:
    path = written(OF_FLEET, tmp_path) / "alertmanager" / "alertmanager.yaml"
    assert "webhook_configs" in path.read_text()
    run("amtool", "check-config", str(path))
