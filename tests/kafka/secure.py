"""The tests' Apache Kafka with listeners that let nobody in without TLS, a password or a certificate."""

from dataclasses import dataclass
from pathlib import Path

from monitor.leash import Child
from monitor.ports import free_port
from tests.kafka.broker import start_kafka
from tests.kafka.certificates import Authority, Signed, authority

USER, PASSWORD = "vigil", "open-sesame-4711"
LISTENERS = ("sasl", "mutual", "elsewhere", "unencrypted")
CONFIG = """
listeners={plain},SASL://127.0.0.1:{sasl},MUTUAL://127.0.0.1:{mutual},ELSEWHERE://127.0.0.1:{elsewhere},\
UNENCRYPTED://127.0.0.1:{unencrypted}
advertised.listeners={plain},SASL://127.0.0.1:{sasl},MUTUAL://127.0.0.1:{mutual},\
ELSEWHERE://127.0.0.1:{elsewhere},UNENCRYPTED://127.0.0.1:{unencrypted}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_SSL,MUTUAL:SSL,ELSEWHERE:SSL,\
UNENCRYPTED:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
ssl.keystore.type=PEM
ssl.keystore.location={here}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
listener.name.mutual.ssl.client.auth=required
listener.name.elsewhere.ssl.keystore.location={there}
""" + "".join(
    f"listener.name.{name}.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required "
    f'user_{USER}="{PASSWORD}";\n'
    + "".join(
        f"listener.name.{name}.{mechanism}.sasl.jaas.config="
        "org.apache.kafka.common.security.scram.ScramLoginModule required;\n"
        for mechanism in ("scram-sha-256", "scram-sha-512")
    )
    for name in ("sasl", "unencrypted")
)


@dataclass(frozen=True, slots=True)
class SecureKafka:
    """One broker; `plain` lets everybody in, for what a test itself sends and reads."""

    child: Child
    plain: str
    addresses: dict[str, str]
    """Listener to host:port. `elsewhere` shows a certificate of another host."""
    ca: Authority
    client: Signed
    password_file: Path

    def settings(self, listener: str, **changed: str) -> dict[str, str]:
        """What a worker must be told to be let in, without VIGIL_; changes win, and an empty one takes away."""
        settings = {"BROKER": self.addresses[listener]}
        if listener != "unencrypted":
            settings |= {"BROKER_SECURITY": "ssl", "BROKER_CA_FILE": str(self.ca.certificate)}
        if listener in ("sasl", "unencrypted"):
            settings |= {"BROKER_USER": USER, "BROKER_PASSWORD_FILE": str(self.password_file)}
            settings["BROKER_SECURITY"] = "sasl_ssl" if listener == "sasl" else "sasl_plaintext"
        if listener == "mutual":
            settings |= {"BROKER_CERT_FILE": str(self.client.certificate), "BROKER_KEY_FILE": str(self.client.key)}
        return {name: value for name, value in (settings | changed).items() if value}


def start_secure_kafka(folder: Path) -> SecureKafka:
    """A broker that keeps everything in this empty folder, ready. UserError when there can be none."""
    ca = authority(folder, "ca")
    here, there = ca.sign("here", "IP:127.0.0.1"), ca.sign("there", "DNS:kafka.example.com")
    ports = {name: free_port() for name in LISTENERS}
    files = {"here": here.together(), "there": there.together(), "ca": ca.certificate}
    config = CONFIG.format(plain="{plain}", **ports, **files)
    scram = [word for kind in ("256", "512") for word in ("--add-scram", f"SCRAM-SHA-{kind}=[{_credential()}]")]
    child, plain = start_kafka(folder, config, *scram)
    password_file = folder / "password"
    password_file.write_text(f"{PASSWORD}\n")
    addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    return SecureKafka(child, plain, addresses, ca, ca.sign("client", "DNS:vigil"), password_file)


def _credential() -> str:
    return f"name={USER},password={PASSWORD}"
