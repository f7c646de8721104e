"""A broker and a store that let nobody in without TLS, a password or a certificate: who gets in, and who does not."""

import asyncio
import secrets
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from monitor.broker import Broker, broker_of
from monitor.errors import UserError
from monitor.faust_app import credentials
from monitor.producing import ensure_topics, require_broker
from monitor.settings import PREFIX, environment, load
from monitor.store.client import connect
from schemas.topics import OTLP_TOPIC, TOPICS
from tests.e2e.processes import Served, Workers, end, wait_until
from tests.e2e.recount import check_exact, records, send_all, stored
from tests.e2e.relay import Relay
from tests.kafka.broker import admin_of, remove_topics
from tests.kafka.certificates import Authority, authority
from tests.kafka.secure import PASSWORD, SecureKafka, start_secure_kafka
from tests.programs import do_without

WRONG = "wrong-secret-0815"
Strangers = tuple[Authority, Path, Path, Path]


@pytest.fixture(scope="module", name="secure")
def _secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    try:
        kafka = start_secure_kafka(tmp_path_factory.mktemp("secure"))
    except UserError as error:
        do_without("Apache Kafka with TLS", str(error))
    try:
        yield kafka
    finally:
        kafka.child.stop()


@pytest.fixture(scope="module", name="bad")
def _bad(secure: SecureKafka, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What is wrong to the settings that make it so, without VIGIL_."""
    folder = tmp_path_factory.mktemp("bad")
    other = authority(folder, "other")
    stranger = other.sign("stranger", "DNS:vigil")
    (folder / "password").write_text(WRONG)
    return {
        "no authority": {"BROKER_CA_FILE": ""},
        "another authority": {"BROKER_CA_FILE": str(other.certificate)},
        "another password": {"BROKER_PASSWORD_FILE": str(folder / "password")},
        "another user": {"BROKER_USER": "nobody"},
        "no certificate": {"BROKER_CERT_FILE": "", "BROKER_KEY_FILE": ""},
        "a stranger's certificate": {
            "BROKER_CERT_FILE": str(stranger.certificate),
            "BROKER_KEY_FILE": str(stranger.key),
        },
        "another mechanism": {"BROKER_SASL": "plain", "BROKER": secure.plain, "BROKER_SECURITY": "sasl_plaintext"},
    }


@contextmanager
def workers_at(secure: SecureKafka, folder: Path, listener: str, **changed: str) -> Iterator[Workers]:
    """Workers of a group of their own; the topics are not there yet."""
    remove_topics(secure.plain)
    settings = secure.settings(listener, **changed)
    settings |= {"GROUP": f"test-{secrets.token_hex(4)}", "SESSION_TIMEOUT": "3"}
    found = Workers(folder, secure.plain, settings)
    try:
        yield found
    finally:
        found.stop()


def broker_at(secure: SecureKafka, listener: str, **changed: str) -> Broker:
    return broker_of(load({PREFIX + name: value for name, value in secure.settings(listener, **changed).items()}))


@pytest.mark.parametrize(
    ("listener", "changed"),
    [
        ("sasl", {}),
        ("sasl", {"BROKER_SASL": "plain"}),
        ("mutual", {}),
        ("unencrypted", {"BROKER_SASL": "scram-sha-256"}),
    ],
)
def test_a_worker_stores_exactly_what_was_sent(
    listener: str, changed: dict[str, str], secure: SecureKafka, tmp_path: Path
) -> None:
    sent = records(seed=7, size=2000)
    with workers_at(secure, tmp_path, listener, **changed) as workers:
        worker = workers.start(LOG_LEVEL="debug")
        wait_until(lambda: "metrics on" in workers.log() or worker.poll() is not None, 120, "the worker runs")
        send_all(broker_at(secure, listener, **changed), sent)  # bad ones too: their letters go out over it
        wait_until(lambda: stored(workers.dsn) == len(sent), 120, f"{len(sent)} records stored")
        check_exact(workers.dsn, sent)
        worker.terminate()
        assert end(worker) == 0
        assert PASSWORD not in workers.log()


THREE = [
    ("sasl", "another authority", "VIGIL_BROKER_CA_FILE"),
    ("sasl", "another password", "VIGIL_BROKER_PASSWORD_FILE"),
    ("mutual", "no certificate", "VIGIL_BROKER_CERT_FILE"),
]


@pytest.mark.parametrize(("listener", "wrong", "said"), THREE, ids=[one[1] for one in THREE])
def test_a_worker_that_is_not_let_in_ends_and_says_why(
    listener: str, wrong: str, said: str, secure: SecureKafka, bad: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    settings = secure.settings(listener, **bad[wrong])
    workers = Workers(tmp_path, settings["BROKER"], settings)
    create = "false" if wrong == "another password" else "true"  # with and without an administrator of topics
    assert workers.start(CREATE_TOPICS=create).wait(60) == 1
    assert said in workers.log()
    for secret in (PASSWORD, WRONG, "Traceback"):
        assert secret not in workers.log()


REFUSED = [
    *THREE,
    ("sasl", "no authority", "VIGIL_BROKER_CA_FILE"),
    ("sasl", "another user", "refused the user nobody"),
    ("mutual", "a stranger's certificate", "VIGIL_BROKER_CERT_FILE"),
    ("unencrypted", "another mechanism", "VIGIL_BROKER_SASL"),
    ("unencrypted", "another password", "VIGIL_BROKER_PASSWORD_FILE"),
]


@pytest.mark.parametrize(("listener", "wrong", "said"), REFUSED, ids=[f"{one[0]}, {one[1]}" for one in REFUSED])
def test_who_is_not_let_in_hears_which_setting_to_look_at(
    listener: str, wrong: str, said: str, secure: SecureKafka, bad: dict[str, dict[str, str]]
) -> None:
    with pytest.raises(UserError) as found:
        require_broker(broker_at(secure, listener, **bad[wrong]))
    assert said in str(found.value)
    assert PASSWORD not in str(found.value)
    assert WRONG not in str(found.value)


def test_a_broker_with_the_certificate_of_another_host_is_not_trusted(secure: SecureKafka) -> None:
    known = broker_at(secure, "elsewhere")
    with pytest.raises(UserError, match="as its certificate does"):
        require_broker(known)
    with pytest.raises((KafkaError, OSError)):
        asyncio.run(_aiokafka_starts(known))


async def _aiokafka_starts(known: Broker) -> None:
    """The producer that Faust makes of these credentials, without what comes first in a worker."""
    auth = credentials_to_aiokafka_auth(credentials(known), None)
    producer = AIOKafkaProducer(bootstrap_servers=known.servers, request_timeout_ms=3000, **auth)
    try:
        await producer.start()
    finally:
        await producer.stop()
        await asyncio.sleep(0.5)  # it does not wait for the end of TLS


def test_aiokafka_is_let_in_by_the_same_settings(secure: SecureKafka) -> None:
    for listener in ("sasl", "mutual"):
        asyncio.run(_aiokafka_starts(broker_at(secure, listener)))


def test_tls_to_a_listener_without_it_and_the_other_way_round_names_the_setting(secure: SecureKafka) -> None:
    with pytest.raises(UserError, match="VIGIL_BROKER_SECURITY"):
        require_broker(broker_at(secure, "sasl", BROKER=secure.plain))
    with pytest.raises(UserError, match="VIGIL_BROKER_SECURITY"):
        require_broker(broker_at(secure, "unencrypted", BROKER=secure.addresses["sasl"]))


def test_commands_that_send_are_let_in_by_the_settings(secure: SecureKafka) -> None:
    remove_topics(secure.plain)
    ensure_topics(broker_at(secure, "mutual"), TOPICS, 1)
    command = [sys.executable, "-m", "monitor.cli", "normal", "--what", "prompt", "--feature", "chat"]
    ours = {PREFIX + name: value for name, value in secure.settings("mutual").items()}
    done = subprocess.run(
        command, env={**environment(), **ours}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "chat learns what is normal" in done.stdout


def test_topics_have_the_broker_s_replicas_or_ours_and_never_more_than_there_are_brokers(secure: SecureKafka) -> None:
    remove_topics(secure.plain)
    known = broker_at(secure, "sasl")
    ensure_topics(known, [TOPICS[0]], 3, -1)
    ensure_topics(known, [TOPICS[1]], 3, 1)
    admin = admin_of(secure.plain)
    try:
        made = {one["name"]: one["partitions"] for one in admin.describe_topics([topic.name for topic in TOPICS[:2]])}
    finally:
        admin.close()
    assert {name: [len(one["replica_nodes"]) for one in found] for name, found in made.items()} == {
        topic.name: [1, 1, 1] for topic in TOPICS[:2]
    }
    with pytest.raises(UserError, match=r"2 replicas.*fewer brokers.*VIGIL_REPLICATION"):
        ensure_topics(known, [OTLP_TOPIC], 3, 2)


@contextmanager
def https(served: Served, ca: Authority, alternative: str, name: str) -> Iterator[str]:
    """The store's address behind TLS, with a certificate for these names."""
    signed = ca.sign(name, alternative)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(signed.certificate, signed.key)
    relay = Relay(served.port, tls=tls)
    relay.start()
    try:
        yield f"https://default@127.0.0.1:{relay.port}"
    finally:
        relay.stop()


def test_a_worker_writes_to_a_store_over_tls_and_to_no_other(secure: SecureKafka, tmp_path: Path) -> None:
    served, sent = Served(tmp_path), records(seed=9, size=1000)
    password = (tmp_path / "writer").read_text()
    try:
        with https(served, secure.ca, "DNS:elsewhere.example.com", "store-there") as dsn:
            for ca_file in (secure.ca.certificate, None):
                with pytest.raises(UserError, match="cannot open the store") as found:
                    connect(dsn, password, ca_file)
                assert password not in str(found.value)
        with (
            https(served, secure.ca, "IP:127.0.0.1", "store-here") as dsn,
            workers_at(secure, tmp_path, "sasl") as workers,
        ):
            workers.settings |= served.settings | {"STORE": dsn, "STORE_CA_FILE": str(secure.ca.certificate)}
            worker = workers.start()
            wait_until(lambda: "metrics on" in workers.log() or worker.poll() is not None, 120, "the worker runs")
            send_all(broker_at(secure, "sasl"), sent)
            wait_until(lambda: stored(workers.dsn) == len(sent), 120, f"{len(sent)} records stored")
            check_exact(workers.dsn, sent)
            assert password not in workers.log()
    finally:
        served.stop()
