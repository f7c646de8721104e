import pytest

from monitor.addresses import broker_fault, is_loopback, store_fault


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_loopback_stays_on_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["kafka", "10.0.0.1", "localhost.example.com", "128.0.0.1", "::2", "[::2]", ""])
def test_everything_else_is_somebody_else_s(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("servers", ["vigil:secret@kafka:9092", "a:1,u@b:2", "kafka://kafka:9092"])
def test_a_broker_s_address_holds_no_user(servers: str) -> None:
    assert "VIGIL_BROKER_PASSWORD_FILE" in str(broker_fault(servers))


def test_addresses_without_a_fault() -> None:
    assert broker_fault("kafka-1:9092, [::1]:9092") is None
    for dsn in ("chdb:///x", "https://vigil@h:8443/vigil", "http://default@127.0.0.1:8123", "https://h/vigil"):
        assert store_fault(dsn) is None


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("https://vigil:secret@h:8443/vigil", "VIGIL_STORE_PASSWORD_FILE"),
        ("https://vigil:@h:8443/vigil", "VIGIL_STORE_PASSWORD_FILE"),
        ("https://vigil@h/vigil?verify=false", "checks of TLS"),
        ("https://vigil@h/vigil#x", "checks of TLS"),
        ("clickhouse://vigil@h/vigil", "begin with"),
        ("https:///vigil", "host"),
        ("https://vigil@h:port/vigil", "no address"),
    ],
)
def test_a_store_s_address_holds_no_password_and_no_options(dsn: str, said: str) -> None:
    fault = str(store_fault(dsn))
    assert said in fault
    assert "secret" not in fault
