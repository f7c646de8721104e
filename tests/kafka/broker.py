"""One Apache Kafka broker on loopback, controller included. Its jars are fetched once by Maven, then kept."""

import base64
import hashlib
import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import UnknownTopicOrPartitionError

from monitor.errors import UserError
from monitor.leash import Child, start
from monitor.ports import free_port, wait_for_port
from monitor.producing import ensure_topics
from schemas.topics import OTLP_TOPIC, TOPICS

HERE = Path(__file__).parent
TARGET = HERE / "target"
CONFIG = """
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=16777216
log.message.timestamp.after.max.ms=9223372036854775807
log.retention.check.interval.ms=86400000
message.max.bytes=10000000
num.network.threads=2
num.io.threads=4
"""


def jars() -> Path:
    """The folder of the broker's jars, fetched when they are not there. UserError when they cannot be."""
    pom = (HERE / "pom.xml").read_bytes()
    stamp = TARGET / "fetched"
    wanted = hashlib.sha256(pom).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return TARGET / "libs"
    if shutil.which("mvn") is None:
        raise UserError("install Maven, which fetches the jars of Apache Kafka")
    shutil.rmtree(TARGET, ignore_errors=True)
    fetch = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
    try:
        done = subprocess.run(fetch, capture_output=True, text=True, check=False, timeout=300)
    except subprocess.TimeoutExpired as error:
        raise UserError("Maven fetched no jars of Apache Kafka in 5 minutes; is there a network?") from error
    if done.returncode:
        words = (done.stdout + done.stderr).strip().splitlines()
        raise UserError(f"Maven fetched no jars of Apache Kafka: {words[0][:200] if words else done.returncode}")
    stamp.write_text(wanted)
    return TARGET / "libs"


def start_kafka(folder: Path, more: str = "", *formatting: str) -> tuple[Child, str]:
    """A broker that keeps its data in this empty folder, ready; and its address. UserError when there can be none.

    `more` is configuration beside ours, in which {plain} is our two listeners; `formatting` is for StorageTool.
    """
    if shutil.which("java") is None:
        raise UserError("install a Java runtime, 17 or newer, which runs Apache Kafka")
    java = ["java", "-Xms256m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{jars()}/*"]
    java.append(f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}")
    port, config, log = free_port(), folder / "server.properties", folder / "broker.log"
    ours = CONFIG.format(port=port, controller=free_port(), folder=folder)
    plain = next(line for line in ours.splitlines() if line.startswith("listeners=")).removeprefix("listeners=")
    config.write_text(ours + more.replace("{plain}", plain))  # of two lines for one setting Kafka takes the last
    cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=").replace("-", "x")  # no leading dash
    storage = ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(config), *formatting]
    done = subprocess.run([*java, *storage], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise UserError(f"Apache Kafka formats no storage: {(done.stdout + done.stderr).strip()[-300:]}")
    child = start("Apache Kafka", [*java, "kafka.Kafka", str(config)], log)
    wait_for_port(child, port, log, 60.0)
    return child, f"127.0.0.1:{port}"


def admin_of(broker: str) -> KafkaAdminClient:
    return KafkaAdminClient(bootstrap_servers=[broker], bootstrap_timeout_ms=10_000)


def remove_topics(broker: str) -> None:
    """Delete all of our topics that exist, and return when the broker has forgotten them."""
    admin = admin_of(broker)
    names = {OTLP_TOPIC.name, *(topic.name for topic in TOPICS)}  # a worker told to read the first makes it
    try:
        give_up = time.monotonic() + 30
        while left := names & set(admin.list_topics()):
            assert time.monotonic() < give_up, f"the broker does not forget {left}"
            with suppress(UnknownTopicOrPartitionError):  # on its way out
                admin.delete_topics(sorted(left))
            time.sleep(0.05)
    finally:
        admin.close()


def renew_topics(broker: str, partitions: int) -> None:
    """Our topics, empty, with this many partitions each."""
    remove_topics(broker)
    assert len(ensure_topics(broker, TOPICS, partitions)) == len(TOPICS)
