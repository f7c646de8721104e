"""The Faust application and its settings."""

import tempfile
from pathlib import Path

import faust
from faust.types.auth import CredentialsT

from monitor.broker import Broker, broker_of
from monitor.letters import BATCH_BYTES
from monitor.settings import Settings


def faust_app(settings: Settings) -> faust.App:
    """The Faust application, tuned for batches. No tables: nothing that matters lives in Faust.

    Raises UserError when the settings do not say how the broker lets us in.
    """
    broker = broker_of(settings)
    return faust.App(
        settings.group,
        broker=[f"kafka://{server.strip()}" for server in broker.servers.split(",")],
        broker_credentials=credentials(broker),
        store="memory://",
        datadir=str(Path(tempfile.gettempdir()) / "vigil-faust"),  # for tables, of which there are none
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=5000,  # a topic that was recreated is noticed this soon
        consumer_max_fetch_size=4 * 2**20,
        broker_session_timeout=settings.session_timeout,
        broker_heartbeat_interval=settings.session_timeout / 4,
        broker_commit_interval=1.0,
        broker_max_poll_records=20_000,
        stream_buffer_maxsize=8,
        stream_wait_empty=False,
        producer_acks=-1,
        producer_max_batch_size=BATCH_BYTES,
        loglevel=settings.log_level.upper(),
    )


def credentials(broker: Broker) -> CredentialsT | None:
    """What Faust hands to aiokafka; None is plaintext."""
    if broker.sasl is not None:
        return faust.SASLCredentials(
            username=broker.user, password=broker.password, mechanism=broker.sasl, ssl_context=broker.tls
        )
    return faust.SSLCredentials(broker.tls) if broker.tls is not None else None
