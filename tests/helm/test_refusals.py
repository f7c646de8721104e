"""Values that must not run are refused, and the refusal names the value."""

from pathlib import Path
from typing import Any

import pytest

from tests.changed import changed
from tests.helm.chart import refusal, values_of

MINIMAL = values_of("minimal")

SASL: dict[str, Any] = {
    "settings.brokerSecurity": "sasl_ssl",
    "settings.brokerUser": "vigil",
    "secrets.brokerPassword.name": "kafka",
}
"""What may run; each test spoils it."""

UNSAFE: list[tuple[str, str, dict[str, Any]]] = [
    ("no image", "image.repository is empty", {"image.repository": ""}),
    ("an image that moves", "image.tag is latest", {"image.tag": "latest"}),
    ("no broker", "settings.broker must be", {"settings.broker": ""}),
    ("a broker without a port", "settings.broker must be", {"settings.broker": "kafka"}),
    ("a broker in the pod", "settings.broker is loopback", {"settings.broker": "kafka:9092,127.0.0.1:9092"}),
    ("an embedded store", "settings.store is embedded", {"settings.store": "chdb:///var/lib/vigil"}),
    ("no store", "settings.store must be", {"settings.store": ""}),
    ("a store without a database", "settings.store must be", {"settings.store": "https://clickhouse"}),
    ("a password in the open", "settings.store holds a password", {"settings.store": "https://v:secret@host/vigil"}),
    ("metrics on loopback", "settings.metricsHost is loopback", {"settings.metricsHost": "127.0.0.1"}),
    ("metrics on any port", "settings.metricsPort is 0", {"settings.metricsPort": 0}),
    ("two autoscalers", "both enabled", {"autoscaling.enabled": True, "keda.enabled": True}),
    ("at least above at most", "autoscaling.minReplicas is above", {"autoscaling.minReplicas": 9}),
    ("the same for KEDA", "keda.minReplicas is above", {"keda.minReplicas": 9}),
    ("idle workers", "5 workers and 4 partitions", {"replicas": 5}),
    ("idle workers by CPU", "6 workers", {"autoscaling.enabled": True, "autoscaling.maxReplicas": 6}),
    ("idle workers by lag", "7 workers", {"keda.enabled": True, "keda.maxReplicas": 7}),
    ("a probe that comes out nowhere", "probe.enabled needs settings.prometheus", {"probe.enabled": True}),
    (
        "a key that goes nowhere",
        "settings.pagerdutyUrl must be",
        {"secrets.pagerdutyKey.name": "x", "settings.pagerdutyUrl": "pagerduty"},
    ),
    ("no replica", "settings.replication is 0", {"settings.replication": 0}),
    ("an authority without TLS", "secrets.brokerCa is for TLS", {"secrets.brokerCa.name": "x"}),
    ("a certificate without TLS", "secrets.brokerCert is for TLS", {"secrets.brokerCert.name": "x"}),
    (
        "a certificate without its key",
        "secrets.brokerCert and secrets.brokerKey belong together",
        {"settings.brokerSecurity": "ssl", "secrets.brokerCert.name": "x"},
    ),
    ("SASL without a user", "it needs settings.brokerUser", SASL | {"settings.brokerUser": ""}),
    ("SASL without a password", "it needs settings.brokerUser", SASL | {"secrets.brokerPassword.name": ""}),
    ("a user without SASL", "are for SASL", {"settings.brokerUser": "vigil"}),
    ("a password without SASL", "are for SASL", {"secrets.brokerPassword.name": "x"}),
    (
        "Kafka's password in the open",
        "settings.brokerSecurity is sasl_plaintext",
        SASL | {"settings.brokerSecurity": "sasl_plaintext"},
    ),
    (
        "ClickHouse's password in the open",
        "settings.store is http: the password",
        {"settings.store": "http://vigil@clickhouse/vigil", "secrets.storePassword.name": "x"},
    ),
    (
        "an authority without https",
        "secrets.storeCa is for TLS",
        {"settings.store": "http://vigil@clickhouse/vigil", "secrets.storeCa.name": "x"},
    ),
    ("options that turn TLS off", "settings.store must be", {"settings.store": "https://v@host/vigil?verify=false"}),
    ("two policies", "both given", {"policy.text": "version: a", "policy.configMap.name": "b"}),
    ("a monitor that cannot scrape", "networkPolicy.metricsFrom is empty", {"networkPolicy.metricsFrom": []}),
]

UNFIT: list[tuple[str, Any]] = [
    ("replica", 3),
    ("image.repo", "x"),
    ("settings.brokers", "x:1"),
    ("settings.storePasswordFile", "/secret"),
    ("settings.grace", 0),
    ("settings.grace", "5"),
    ("settings.partitions", 1025),
    ("settings.flushRows", 500_001),
    ("settings.historyHours", 841),
    ("settings.metricsPort", 70_000),
    ("settings.logLevel", "loud"),
    ("settings.brokerSecurity", "tls"),
    ("settings.brokerSasl", "gssapi"),
    ("settings.brokerPasswordFile", "/secret"),
    ("settings.replication", -2),
    ("secrets.brokerPassword.value", "hunter2"),
    ("settings.otlp", "yes"),
    ("secrets.storePassword", "hunter2"),
    ("secrets.storePassword.value", "hunter2"),
    ("policy.configMap", "mine"),
    ("policy.file", "policy.yaml"),
    ("settings.policy", "/etc/policy.yaml"),
    ("replicas", 0),
    ("keda.minReplicas", 0),
    ("autoscaling.targetCPUUtilizationPercentage", 0),
    ("podDisruptionBudget.maxUnavailable", 0),
    ("terminationGracePeriodSeconds", 30),
    ("image.digest", "sha256:abc"),
    ("resources.limits.gpu", 1),
    ("podLabels.app\\.kubernetes\\.io/name", "mine"),
    ("runbookUrl", "runbooks"),
    ("runbookUrl", "https://runbooks.internal/"),
    ("networkPolicy.kafkaTo", [{}]),
    ("networkPolicy.kafkaTo", [{"ipBlock": {}}]),
    ("networkPolicy.kafkaTo", [{"podSelectors": {}}]),
    ("tolerations", [{"keys": "x"}]),
    ("probe.schedule", "sometimes"),
    ("probe.deadlineSeconds", 1),
]


def path_of(name: str) -> tuple[str, ...]:
    return tuple(part.replace("\0", ".") for part in name.replace("\\.", "\0").split("."))


@pytest.mark.parametrize(("why", "reason", "values"), UNSAFE, ids=[one[0] for one in UNSAFE])
def test_an_unsafe_combination_is_refused_with_the_reason(
    why: str, reason: str, values: dict[str, Any], folder: Path
) -> None:
    given = MINIMAL
    for name, value in values.items():
        given = changed(given, path_of(name), value)
    assert reason in refusal(given, folder), why


@pytest.mark.parametrize(("name", "value"), UNFIT, ids=[f"{name}={value}" for name, value in UNFIT])
def test_a_value_that_does_not_fit_is_refused_by_the_schema(name: str, value: Any, folder: Path) -> None:
    said = refusal(changed(MINIMAL, path_of(name), value), folder)
    assert "don't meet the specifications of the schema" in said
    assert path_of(name)[-1] in said or path_of(name)[0] in said


def test_a_refusal_does_not_show_the_password(folder: Path) -> None:
    said = refusal(changed(MINIMAL, ("settings", "store"), "https://v:hunter2@host/vigil"), folder)
    assert "hunter2" not in said
