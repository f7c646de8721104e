"""Every setting, once: VIGIL_<NAME> in the environment, read at the start and never again."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from monitor.addresses import broker_fault, store_fault
from monitor.errors import UserError

PREFIX = "VIGIL_"
Port = Annotated[int, Field(ge=0, le=65_535)]
Seconds = Annotated[float, Field(gt=0.0)]


class StoreLogin(NamedTuple):
    """How a ClickHouse server lets us in: what `connect`, `open_reader` and `open_writer` take after the DSN."""

    password: str
    ca_file: Path | None
    cleartext: bool
    """Whether the password may travel unencrypted."""


class Settings(BaseSettings):
    """How one process runs. The defaults are for one machine."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    broker: str = Field("127.0.0.1:9092", description="Kafka bootstrap servers, comma-separated.")
    broker_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="How the broker's listener is secured; host names are always checked."
    )
    broker_ca_file: Path | None = Field(
        None, description="PEM file of the authorities that sign brokers' certificates; the system's without it."
    )
    broker_cert_file: Path | None = Field(None, description="PEM file of our own certificate, for mutual TLS.")
    broker_key_file: Path | None = Field(None, description="PEM file of its key, not encrypted.")
    broker_sasl: Literal["scram-sha-512", "scram-sha-256", "plain"] = Field(
        "scram-sha-512", description="SASL mechanism, where `VIGIL_BROKER_SECURITY` begins with sasl."
    )
    broker_user: str | None = Field(None, description="SASL user.")
    broker_password_file: Path | None = Field(None, description="File with the SASL user's password.")
    store: str = Field(
        "chdb:///var/lib/vigil",
        description="ClickHouse: `chdb:///path` embedded, `http(s)://user@host:8123/database` a server.",
    )
    store_password_file: Path | None = Field(None, description="File with the ClickHouse user's password.")
    store_ca_file: Path | None = Field(
        None, description="PEM file of the authorities that sign ClickHouse's certificate; the system's without it."
    )
    cleartext_passwords: bool = Field(
        False, description="Whether passwords may leave this machine unencrypted: `sasl_plaintext`, `http://`."
    )
    group: str = Field("vigil", description="Kafka consumer group.")
    partitions: Annotated[int, Field(ge=1, le=1024)] = Field(
        4, description="Partitions of a topic that Vigil creates. Existing topics keep theirs."
    )
    replication: Annotated[int, Field(ge=-1, le=32)] = Field(
        1, description="Replicas of a topic that Vigil creates; -1 takes the broker's `default.replication.factor`."
    )
    create_topics: bool = Field(True, description="Create missing topics at the start of a worker.")

    metrics_host: str = Field("127.0.0.1", description="Address of `/metrics` and `/healthz`.")
    metrics_port: Port = Field(9108, description="Port of `/metrics` and `/healthz`; 0 takes a free one.")
    sql_port: Port = Field(8124, description="Loopback port on which an embedded store is reached over HTTP.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")

    flush_interval: Seconds = Field(0.5, description="Seconds between two writes to the store.")
    inserts_per_second: Annotated[float, Field(gt=0.0)] = Field(
        8.0, description="Claims written per second at most, one per busy partition and flush; stretches the interval."
    )
    flush_rows: Annotated[int, Field(ge=1, le=500_000)] = Field(
        200_000, description="Rows after which a write does not wait; bounds memory."
    )
    flush_bytes: Annotated[int, Field(ge=1_000_000)] = Field(
        128 * 2**20, description="Bytes of event rows after which a write does not wait; bounds memory."
    )
    session_timeout: Seconds = Field(6.0, description="Seconds without a heartbeat until Kafka gives partitions away.")
    grace: Seconds = Field(5.0, description="Seconds a window waits for stragglers.")
    idle_after: Seconds = Field(15.0, description="Seconds without records until a partition follows the wall clock.")
    otlp: bool = Field(True, description="Whether to read `ai.telemetry.otlp`, written by OpenTelemetry Collectors.")
    otlp_feature: str | None = Field(None, description="Feature of OTLP spans that name none; else they are refused.")
    otlp_key_file: Path | None = Field(
        None, description="File with the key, 16 bytes or more, that turns response ids into `request_ref`."
    )
    max_skew: Seconds = Field(300.0, description="Seconds an event may lie in the future.")
    max_age_days: Annotated[int, Field(ge=1, le=3650)] = Field(400, description="Days an event may lie in the past.")
    dedup_horizon: Seconds = Field(600.0, description="Seconds an event id is remembered, at least.")
    dedup_ids: Annotated[int, Field(ge=1000)] = Field(
        500_000, description="Event ids a partition remembers, at least; bounds memory."
    )
    slice_values: Annotated[int, Field(ge=1, le=10_000)] = Field(
        256, description="Distinct values of a dimension per feature and window; the rest is `other`."
    )
    features: Annotated[int, Field(ge=1, le=100_000)] = Field(
        1000, description="Features with metrics of their own; the rest is `other` in Prometheus, never in the store."
    )
    scored_features: Annotated[int, Field(ge=10, le=100_000)] = Field(
        1000, description="Features one worker scores; the rest is counted in `vigil_features_not_scored`."
    )
    policy: Path | None = Field(
        None, description="Policy by which is scored, read again when it changes; the shipped one without it."
    )
    history_hours: Annotated[int, Field(ge=1, le=24 * 35)] = Field(
        24, description="Hours after which a window that nobody scored, as all workers were away, is left unscored."
    )
    opinions: str = Field(
        "river.drift.PageHinkley,river.drift.ADWIN",
        description="River's detectors whose opinion is stored beside each score, and never pages; comma between.",
    )
    prometheus: str | None = Field(None, description="Address of the Prometheus that `vigil probe` asks.")
    pagerduty_key_file: Path | None = Field(
        None, description="File with a PagerDuty routing key: each change becomes a change event. None: no events."
    )
    pagerduty_url: str = Field(
        "https://events.pagerduty.com", description="Where PagerDuty's Events API v2 is, without a path."
    )
    pagerduty_link: str | None = Field(
        None, description="Address that each change event links to, such as a dashboard."
    )
    reviewer: Annotated[str, Field(pattern=r"^[0-9a-f]{32,64}$")] | None = Field(
        None, description="Who you are in `vigil incidents`: a pseudonym, 32 to 64 hexadecimal digits."
    )

    @field_validator("broker")
    @classmethod
    def _broker_is_an_address(cls, value: str) -> str:
        if fault := broker_fault(value):
            raise ValueError(fault)
        return value

    @field_validator("store")
    @classmethod
    def _store_is_an_address(cls, value: str) -> str:
        if fault := store_fault(value):
            raise ValueError(fault)
        return value

    @field_validator("replication")
    @classmethod
    def _replicas_are_some(cls, value: int) -> int:
        if value == 0:
            raise ValueError("VIGIL_REPLICATION is 0: a topic has one replica at least; -1 takes the broker's default")
        return value

    def store_login(self) -> StoreLogin:
        """How the ClickHouse server lets us in. Raises UserError when the password's file cannot be read."""
        return StoreLogin(self.password(), self.store_ca_file, self.cleartext_passwords)

    def otlp_key(self) -> bytes | None:
        """The key of `request_ref`, or None. Raises UserError when the file cannot be read or is too short."""
        if self.otlp_key_file is None:
            return None
        try:
            key = self.otlp_key_file.read_bytes().strip()
        except OSError as error:
            raise UserError(f"cannot read VIGIL_OTLP_KEY_FILE {self.otlp_key_file}") from error
        if len(key) < 16:
            raise UserError("VIGIL_OTLP_KEY_FILE holds fewer than 16 bytes; write a longer random key into it")
        return key

    def pagerduty_key(self) -> str | None:
        """The routing key of change events, or None. Raises UserError when the file holds none."""
        if self.pagerduty_key_file is None:
            return None
        try:
            key = self.pagerduty_key_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read VIGIL_PAGERDUTY_KEY_FILE {self.pagerduty_key_file}") from error
        if len(key) != 32:
            raise UserError(f"VIGIL_PAGERDUTY_KEY_FILE holds {len(key)} characters; a routing key of PagerDuty has 32")
        return key

    def password(self) -> str:
        """The ClickHouse password from its file, or "". Raises UserError when the file cannot be read."""
        if self.store_password_file is None:
            return ""
        try:
            return self.store_password_file.read_text().strip()
        except OSError as error:
            raise UserError(f"cannot read VIGIL_STORE_PASSWORD_FILE {self.store_password_file}") from error


def environment() -> Mapping[str, str]:
    """The environment of this process, to hand on to a child."""
    return os.environ


def load(environment: Mapping[str, str] | None = None, broker: str | None = None) -> Settings:
    """The settings from the environment; a broker that is given wins over VIGIL_BROKER.

    Raises UserError for a value that does not fit, and for a name that does not exist.
    """
    given = os.environ if environment is None else environment
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    ours = {name: value for name, value in given.items() if name.startswith(PREFIX)}
    if unknown := sorted(set(ours) - known):
        raise UserError(f"there is no setting {unknown[0]}; `vigil settings` lists all of them")
    try:
        values = {name.removeprefix(PREFIX).lower(): value for name, value in ours.items()}
        values |= {} if broker is None else {"broker": broker}
        return Settings(**values)  # type: ignore[arg-type]  # pydantic parses the strings
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "value_error":  # a sentence of ours
            raise UserError(str(first["ctx"]["error"])) from error
        name = PREFIX + str(first["loc"][0]).upper()
        raise UserError(f"{name}: {first['msg'].lower()}; `vigil settings` says what it takes") from error
