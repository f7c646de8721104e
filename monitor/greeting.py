"""The first words with a broker: is anybody there, does TLS work, may we come in? kafka-python hides why not."""

import asyncio
import socket
import ssl

from monitor.broker import Broker, kafka_arguments
from monitor.errors import UserError

_SECONDS = 5.0


def require_listener(broker: Broker) -> None:
    """Return when one of the bootstrap servers lets us in. Raises UserError that names the setting. Blocking.

    kafka-python keeps trying for its whole patience, leaks the sockets of every try, and then says that it gave up.
    aiokafka, on which the worker runs, says why; so it goes first where there is more to say than an address.
    """
    refusal: str | None = None
    for server in broker.servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS):
                pass
        except (OSError, ValueError):
            continue
        refusal = None if broker.protocol == "PLAINTEXT" else asyncio.run(_refusal(host.strip("[]"), int(port), broker))
        if refusal is None:
            return
    raise UserError(refusal or f"no Kafka broker answers at {broker}; is VIGIL_BROKER right, and is the broker up?")


async def _refusal(host: str, port: int, broker: Broker) -> str | None:
    """Why this server does not let us in, and what to do; None when it does."""
    # They take a quarter of a second to import, which an address alone need not wait for.
    from aiokafka import errors  # noqa: PLC0415  # as above
    from aiokafka.conn import create_conn  # noqa: PLC0415  # as above

    arguments = {name: value for name, value in kafka_arguments(broker).items() if name != "bootstrap_servers"}
    server = f"{host}:{port}"
    try:
        connection = await create_conn(host, port, request_timeout_ms=int(_SECONDS * 1000), **arguments)
    except errors.SaslAuthenticationFailed:
        return (
            f"{server} refused the user {broker.user}; is the password in VIGIL_BROKER_PASSWORD_FILE right, and has "
            f"the user one for {broker.sasl}?"
        )
    except (errors.UnsupportedSaslMechanismError, errors.IllegalSaslStateError):
        return (
            f"{server} does not let anybody in by {broker.sasl}; is VIGIL_BROKER_SASL a mechanism that it has, and "
            "VIGIL_BROKER_SECURITY that of its listener?"
        )
    except (errors.KafkaError, OSError, TimeoutError) as error:
        return f"{server} does not speak {broker.protocol} with us ({_reason(error)}); {_advice(error)}"
    await asyncio.wait([connection.close()], timeout=_SECONDS)
    return None


def _tls_error(error: BaseException) -> ssl.SSLError | None:
    """The error of TLS, itself or under aiokafka's."""
    cause = error if isinstance(error, ssl.SSLError) else error.__cause__
    return cause if isinstance(cause, ssl.SSLError) else None


def _reason(error: BaseException) -> str:
    found = _tls_error(error)
    if isinstance(found, ssl.SSLCertVerificationError):
        return found.verify_message.rstrip(".")
    if found is not None and found.reason:
        return found.reason.lower().replace("_", " ")
    return "it closed the connection" if isinstance(error, ConnectionError) else type(error).__name__


def _advice(error: BaseException) -> str:
    found = _tls_error(error)
    if isinstance(found, ssl.SSLCertVerificationError):
        if "match" in found.verify_message:
            return "name the broker in VIGIL_BROKER as its certificate does"
        return "is VIGIL_BROKER_CA_FILE the authority that signed its certificate?"
    if found is not None and "ALERT" in (found.reason or ""):
        return "does it want a certificate, and does it know the authority of the one in VIGIL_BROKER_CERT_FILE?"
    return "is VIGIL_BROKER_SECURITY that of its listener?"
