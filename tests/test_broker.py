"""What the settings of Kafka's security become, and which are refused."""

import ssl
import subprocess
from pathlib import Path
from typing import Any

import faust
import pytest

from monitor.broker import Broker, as_broker, broker_of, kafka_arguments
from monitor.errors import UserError
from monitor.faust_app import credentials, faust_app
from monitor.producing import new_topic
from monitor.settings import load
from schemas.topics import TELEMETRY_TOPIC
from tests.kafka.certificates import Authority, Signed, authority
from tests.programs import do_without

SECRET = "hunter2-and-more"


@pytest.fixture(scope="module", name="ca")
def _ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    try:
        return authority(tmp_path_factory.mktemp("ca"), "ca")
    except UserError as error:
        do_without("openssl", str(error))


@pytest.fixture(scope="module", name="signed")
def _signed(ca: Authority) -> Signed:
    return ca.sign("client", "DNS:vigil")


@pytest.fixture(name="password")
def _password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{SECRET}\n")
    return path


def broker(**settings: object) -> Broker:
    return broker_of(load({f"VIGIL_{name.upper()}": str(value) for name, value in settings.items()}))


def refused(**settings: object) -> str:
    with pytest.raises(UserError) as found:
        broker(**settings)
    assert SECRET not in str(found.value)
    return str(found.value)


def test_the_default_is_plaintext() -> None:
    assert kafka_arguments(broker()) == {"bootstrap_servers": ["127.0.0.1:9092"], "security_protocol": "PLAINTEXT"}
    assert credentials(broker()) is None
    assert as_broker("h:1") == Broker("h:1")


def test_tls_checks_certificates_and_host_names(ca: Authority) -> None:
    for known in (broker(broker_security="ssl"), broker(broker_security="ssl", broker_ca_file=ca.certificate)):
        assert known.tls is not None
        assert known.tls.check_hostname
        assert known.tls.verify_mode == ssl.CERT_REQUIRED
        assert known.tls.minimum_version >= ssl.TLSVersion.TLSv1_2
        assert kafka_arguments(known)["ssl_context"] is known.tls
        found = credentials(known)
        assert isinstance(found, faust.SSLCredentials)
        assert found.context is known.tls


def test_the_authority_of_the_settings_is_the_only_one(ca: Authority) -> None:
    tls = broker(broker_security="ssl", broker_ca_file=ca.certificate).tls
    assert tls is not None
    assert [one["subject"] for one in tls.get_ca_certs()] == [((("commonName", "ca"),),)]


@pytest.mark.parametrize("mechanism", ["plain", "scram-sha-256", "scram-sha-512"])
@pytest.mark.parametrize("security", ["sasl_ssl", "sasl_plaintext"])
def test_both_libraries_get_the_same_user(security: str, mechanism: str, password: Path) -> None:
    known = broker(broker_security=security, broker_sasl=mechanism, broker_user="u", broker_password_file=password)
    arguments: dict[str, Any] = kafka_arguments(known)
    assert arguments["security_protocol"] == security.upper()
    assert arguments["sasl_mechanism"] == mechanism.upper()
    assert (arguments["sasl_plain_username"], arguments["sasl_plain_password"]) == ("u", SECRET)
    found = credentials(known)
    assert isinstance(found, faust.SASLCredentials)
    assert (found.protocol.value, found.mechanism.value) == (security.upper(), mechanism.upper())
    assert (found.username, found.password, found.ssl_context) == ("u", SECRET, known.tls)


def test_the_worker_s_application_has_the_credentials(password: Path) -> None:
    settings = load(
        {
            "VIGIL_BROKER": "k-1:1, k-2:2",
            "VIGIL_BROKER_SECURITY": "sasl_ssl",
            "VIGIL_BROKER_USER": "u",
            "VIGIL_BROKER_PASSWORD_FILE": str(password),
        }
    )
    app = faust_app(settings)
    assert isinstance(app.conf.broker_credentials, faust.SASLCredentials)
    assert [str(url) for url in app.conf.broker] == ["kafka://k-1:1", "kafka://k-2:2"]


def test_no_password_is_printed_with_a_broker(password: Path) -> None:
    known = broker(broker_security="sasl_ssl", broker_user="u", broker_password_file=password)
    assert SECRET not in f"{known!r} {known} {credentials(known)!r} {load({})!r}"
    assert str(known) == "127.0.0.1:9092"


def test_mutual_tls_takes_a_certificate_with_its_key(ca: Authority, signed: Signed) -> None:
    given = {"broker_security": "ssl", "broker_ca_file": ca.certificate, "broker_cert_file": signed.certificate}
    assert broker(**given, broker_key_file=signed.key).tls is not None
    assert "VIGIL_BROKER_KEY_FILE" in refused(**given, broker_key_file=ca.folder / "ca.key")


def test_an_encrypted_key_is_refused_and_nobody_is_asked(signed: Signed, tmp_path: Path) -> None:
    locked = tmp_path / "locked.key"
    command = ["openssl", "pkcs8", "-topk8", "-in", str(signed.key), "-out", str(locked), "-passout", f"pass:{SECRET}"]
    subprocess.run(command, check=True, timeout=30)
    said = refused(broker_security="ssl", broker_cert_file=signed.certificate, broker_key_file=locked)
    assert "VIGIL_BROKER_KEY_FILE is encrypted" in said


@pytest.mark.parametrize(
    ("said", "settings"),
    [
        ("VIGIL_BROKER_CA_FILE is for TLS", {"broker_ca_file": "/x"}),
        ("VIGIL_BROKER_CERT_FILE is for TLS", {"broker_cert_file": "/x", "broker_key_file": "/x"}),
        ("belong together", {"broker_security": "ssl", "broker_cert_file": "/x"}),
        ("belong together", {"broker_security": "ssl", "broker_key_file": "/x"}),
        ("VIGIL_BROKER_USER is for SASL", {"broker_user": "u"}),
        ("VIGIL_BROKER_PASSWORD_FILE is for SASL", {"broker_security": "ssl", "broker_password_file": "/x"}),
        ("give VIGIL_BROKER_USER and", {"broker_security": "sasl_ssl", "broker_password_file": "/x"}),
        ("give VIGIL_BROKER_USER and", {"broker_security": "sasl_ssl", "broker_user": "u"}),
        ("VIGIL_BROKER_USER has", {"broker_security": "sasl_ssl", "broker_user": "u,v", "broker_password_file": "/x"}),
        ("cannot use VIGIL_BROKER_CA_FILE /nowhere", {"broker_security": "ssl", "broker_ca_file": "/nowhere"}),
        (
            "cannot use VIGIL_BROKER_CERT_FILE /nowhere",
            {"broker_security": "ssl", "broker_cert_file": "/nowhere", "broker_key_file": "/nowhere"},
        ),
        (
            "cannot use VIGIL_BROKER_PASSWORD_FILE /nowhere",
            {"broker_security": "sasl_ssl", "broker_user": "u", "broker_password_file": "/nowhere"},
        ),
    ],
)
def test_what_contradicts_itself_or_cannot_be_read_is_refused(said: str, settings: dict[str, str]) -> None:
    assert said in refused(**settings)


@pytest.mark.parametrize("text", ["", "\n", " \n"])
def test_an_empty_password_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(text)
    said = refused(broker_security="sasl_ssl", broker_user="u", broker_password_file=tmp_path / "empty")
    assert "is empty" in said


@pytest.mark.parametrize("text", [b"no certificate", b"\xff\xfe", b""])
def test_a_file_that_holds_something_else_is_refused(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "ca").write_bytes(text)
    assert "VIGIL_BROKER_CA_FILE" in refused(broker_security="ssl", broker_ca_file=tmp_path / "ca")


def test_a_password_leaves_the_machine_unencrypted_only_when_asked_to(password: Path) -> None:
    given: dict[str, object] = {"broker_security": "sasl_plaintext", "broker_user": "u"}
    given["broker_password_file"] = password
    servers = "127.0.0.1:9092,kafka:9092"
    said = refused(**given, broker=servers)
    assert "VIGIL_CLEARTEXT_PASSWORDS" in said
    assert "kafka:9092" in said
    assert broker(**given, broker=servers, cleartext_passwords=True).protocol == "SASL_PLAINTEXT"
    assert broker(**given, broker="localhost:9092").protocol == "SASL_PLAINTEXT"


@pytest.mark.parametrize("factor", [1, 3, -1])
def test_a_topic_is_asked_for_with_its_replicas(factor: int) -> None:
    asked = new_topic(TELEMETRY_TOPIC, 6, load({"VIGIL_REPLICATION": str(factor)}).replication)
    assert (asked.name, asked.num_partitions, asked.replication_factor) == ("ai.telemetry", 6, factor)
    assert asked.topic_configs == {"retention.ms": str(TELEMETRY_TOPIC.retention_days * 86_400_000)}
