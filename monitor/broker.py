"""How Kafka lets us in: the settings, judged, and turned into what the Kafka libraries take. Opens no connection."""

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from monitor.addresses import host_of, is_loopback
from monitor.errors import UserError
from monitor.settings import Settings

_SCRAM_USER = re.compile(r"[^\s,=]+")
"""SCRAM writes a comma and an equals sign as something else, which not every client does."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where Kafka is, and how it lets us in. Without more than an address: plaintext. Prints as its address."""

    servers: str
    """host:port, with commas between."""
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    sasl: str | None = None
    """The mechanism as Kafka writes it, SCRAM-SHA-512; None without SASL."""
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return self.servers

    @property
    def protocol(self) -> str:
        """The security protocol as Kafka writes it."""
        if self.sasl is None:
            return "PLAINTEXT" if self.tls is None else "SSL"
        return "SASL_PLAINTEXT" if self.tls is None else "SASL_SSL"


def as_broker(broker: Broker | str) -> Broker:
    """A bare address is one of a broker in plaintext."""
    return Broker(broker) if isinstance(broker, str) else broker


def kafka_arguments(broker: Broker) -> dict[str, Any]:
    """What every client of kafka-python is given."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in broker.servers.split(",")],
        "security_protocol": broker.protocol,
    }
    if broker.tls is not None:
        arguments["ssl_context"] = broker.tls
    if broker.sasl is not None:
        arguments |= {
            "sasl_mechanism": broker.sasl,
            "sasl_plain_username": broker.user,
            "sasl_plain_password": broker.password,
        }
    return arguments


def refusal(settings: Settings) -> str | None:
    """Why these settings must not be used for Kafka, and what to do; None when they may."""
    return _tls_refusal(settings) or _sasl_refusal(settings)


def broker_of(settings: Settings) -> Broker:
    """The broker that the settings name; reads their files. Raises UserError, with the setting in it."""
    if why := refusal(settings):
        raise UserError(why)
    tls = _tls(settings) if _is_tls(settings) else None
    if not _is_sasl(settings):
        return Broker(settings.broker, tls)
    return Broker(settings.broker, tls, settings.broker_sasl.upper(), str(settings.broker_user), _password(settings))


def _is_tls(settings: Settings) -> bool:
    return settings.broker_security in ("ssl", "sasl_ssl")


def _is_sasl(settings: Settings) -> bool:
    return settings.broker_security.startswith("sasl_")


def _tls_refusal(settings: Settings) -> str | None:
    said = settings.broker_security
    if not _is_tls(settings):
        for name in ("broker_ca_file", "broker_cert_file", "broker_key_file"):
            if getattr(settings, name) is not None:
                return f"VIGIL_{name.upper()} is for TLS, and VIGIL_BROKER_SECURITY is {said}; say ssl or sasl_ssl"
        return None
    if (settings.broker_cert_file is None) != (settings.broker_key_file is None):
        return "VIGIL_BROKER_CERT_FILE and VIGIL_BROKER_KEY_FILE belong together; give both, or neither"
    return None


def _sasl_refusal(settings: Settings) -> str | None:
    said, user = settings.broker_security, settings.broker_user
    if not _is_sasl(settings):
        for name in ("broker_user", "broker_password_file"):
            if getattr(settings, name) is not None:
                return (
                    f"VIGIL_{name.upper()} is for SASL, and VIGIL_BROKER_SECURITY is {said}; "
                    "say sasl_ssl, or sasl_plaintext"
                )
        return None
    if not user or settings.broker_password_file is None:
        return f"VIGIL_BROKER_SECURITY is {said}; give VIGIL_BROKER_USER and VIGIL_BROKER_PASSWORD_FILE"
    if settings.broker_sasl != "plain" and not _SCRAM_USER.fullmatch(user):
        return "VIGIL_BROKER_USER has a blank, a comma or an equals sign, which SCRAM cannot send; rename the user"
    abroad = [server for server in settings.broker.split(",") if not is_loopback(host_of(server))]
    if said == "sasl_plaintext" and abroad and not settings.cleartext_passwords:
        return (
            f"VIGIL_BROKER_SECURITY is sasl_plaintext, and the password would go unencrypted to {abroad[0].strip()}; "
            "say sasl_ssl, or VIGIL_CLEARTEXT_PASSWORDS=true where nobody else listens"
        )
    return None


def _tls(settings: Settings) -> ssl.SSLContext:
    """Certificates are verified, and so are host names: both are Python's default, and there is no setting."""
    try:
        context = ssl.create_default_context(cafile=settings.broker_ca_file)
    except OSError as error:
        _unusable("VIGIL_BROKER_CA_FILE", settings.broker_ca_file, error, "it must hold certificates in PEM")
    if settings.broker_cert_file is None:
        return context
    both = f"{settings.broker_cert_file} or VIGIL_BROKER_KEY_FILE {settings.broker_key_file}"
    try:
        context.load_cert_chain(settings.broker_cert_file, settings.broker_key_file, _no_passphrase)
    except OSError as error:
        _unusable("VIGIL_BROKER_CERT_FILE", both, error, "they must hold a certificate and its own key in PEM")
    return context


def _no_passphrase() -> str:
    # Without this OpenSSL asks at the terminal, and a worker would wait for ever.
    raise UserError("VIGIL_BROKER_KEY_FILE is encrypted; give a key without a passphrase, readable by Vigil alone")


def _password(settings: Settings) -> str:
    path = settings.broker_password_file
    try:
        password = path.read_text().strip() if path is not None else ""
    except (OSError, UnicodeDecodeError) as error:
        _unusable("VIGIL_BROKER_PASSWORD_FILE", path, error, "it must hold the password and nothing else")
    if not password:
        raise UserError(f"VIGIL_BROKER_PASSWORD_FILE {path} is empty; write the password into it")
    return password


def _unusable(name: str, path: Path | str | None, error: Exception, wanted: str) -> NoReturn:
    why = (error.reason if isinstance(error, ssl.SSLError) else getattr(error, "strerror", None)) or "no text"
    raise UserError(f"cannot use {name} {path} ({why}); {wanted}") from error
