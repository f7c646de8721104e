"""The policy as a model: what pages whom, at which target, with which budget of false pages. No I/O."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal, get_args
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from alerts.pool_policy import PoolPolicy
from alerts.written import Address, Budget, Folder, Key, Span, Target, Version
from schemas.base import Name
from schemas.finding import Direction, IncidentSeverity
from schemas.kpis import ARRIVALS, CATALOGUE, KPIS, PROMPT_MIX, TELEMETRY_COMPLETENESS
from schemas.probes import PROBE_FEATURE
from schemas.vocabulary import RiskTier

Directions = Literal["up", "down", "both"]
Severity = Literal["critical", "warning"]
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DAYS: tuple[Day, ...] = get_args(Day)
TIERS: tuple[RiskTier, ...] = ("internal", "beta", "ga", "regulated")
"""From the loosest to the strictest."""
COUNTED = (
    "pii_leak_rate", "jailbreak_success_rate", "injection_success_rate", "unsafe_tool_call_rate",
    "guardrail_bypass_rate", "redaction_compliance",
)  # fmt: skip
"""KPIs whose single events can alert; each has a rule and a runbook of its own."""
REFUSALS = "refusal_rate"
EXTRA_SERIES = (TELEMETRY_COMPLETENESS, ARRIVALS)
"""Scored, but without counters of their own."""


class _Closed(BaseModel):
    # The texts below keys are what the JSON Schema says of them.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Targets(_Closed):
    """The allowed share of bad events in each risk tier; a stricter tier never allows more."""

    internal: Target
    beta: Target
    ga: Target
    regulated: Target

    @model_validator(mode="after")
    def _stricter_is_never_looser(self) -> "Targets":
        if not self.internal >= self.beta >= self.ga >= self.regulated:
            raise ValueError("targets must fall, or stay, from internal over beta and ga to regulated")
        return self


class Count(_Closed):
    """So many bad events within this time alert, whatever the rate."""

    at_least: Annotated[int, Field(ge=1)]
    """From so many on."""
    within: Literal["5m", "15m", "1h"]
    """In so long a time."""


class KpiPolicy(_Closed):
    """What is different for one KPI."""

    budget: Budget | None = None
    """False pages of this KPI of one feature. None: its share of the feature's."""
    directions: Directions | None = None
    """Which of its changes alert. None: as of the others."""
    pages: bool = True
    """False: its incidents are found and stored, and none of them alerts."""
    severity: Severity | None = None
    """Of its incidents and of a burnt target. None: the catalogue's."""
    coverage_floor: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    """Below it the KPI is unknown, which alerts. None: the policy's, or else the catalogue's."""
    targets: Targets | None = None
    """The share of bad events that is allowed for good, by tier. None: it is not held against any."""
    count: Count | None = None
    """Of classes of which a single event is too many. None: single events do not alert."""


class FeaturePolicy(_Closed):
    """What is known of one feature."""

    tier: RiskTier
    """Its risk tier: which targets hold, and whether single severe events page."""
    owner: Key | None = None
    """A team. None: the owner of everything else."""
    guardrails: bool = True
    """False: it has none, on purpose, so traffic without evaluations is no news."""
    heartbeats: bool = True
    """False: it runs now and then, as a batch does, so that none comes is no news."""
    arrivals: bool = True
    """False: how many interactions come is no news, as of a batch, so no incident on arrivals alerts."""


class Team(_Closed):
    """Where a team is told. Names of secret files, never secrets."""

    pagerduty_key: Key
    """File with the routing key, in Alertmanager's folder of secrets."""
    tickets_key: Key | None = None
    """File with the routing key of a PagerDuty service that wakes nobody: tickets go there."""
    slack_channel: Annotated[str, StringConstraints(pattern=r"^#[a-z0-9_-]{1,79}$")] | None = None
    """Where tickets go, too. Without both they stay in Alertmanager's list."""


class Probe(_Closed):
    """How often `vigil probe` sends a known-bad interaction, and after how long without one that is a page."""

    every: Span
    """How often one is sent."""
    deadline: Span
    """After so long without one that came through it pages; three times `every` or more."""

    @model_validator(mode="after")
    def _one_may_be_late(self) -> "Probe":
        if seconds_of(self.deadline) < 3 * seconds_of(self.every):
            raise ValueError("deadline must be three times every at least, or a single probe that is late would page")
        return self


class QuietHours(_Closed):
    """When warnings wait. What is critical is never silenced, by construction: its routes have no such entry."""

    begin: Annotated[str, StringConstraints(pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$")]
    """HH:MM, such as 22:00."""
    end: Annotated[str, StringConstraints(pattern=r"^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
    """HH:MM; of the day after where it is not later than `begin`. 24:00 is midnight."""
    days: Annotated[list[Day], Field(min_length=1)] = Field(default_factory=lambda: list(DAYS))
    """Days on which it begins."""
    zone: str = "UTC"
    """Time zone of both, such as Europe/Berlin."""

    @field_validator("zone")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value != "UTC" and value not in available_timezones():  # a small image may hold no zones
            raise ValueError(f"{value!r} is no time zone; write one such as UTC or Europe/Berlin")
        return value

    @model_validator(mode="after")
    def _takes_time(self) -> "QuietHours":
        if self.begin == self.end:
            raise ValueError("begin and end are the same; for a whole day write 00:00 to 24:00")
        return self


class Policy(_Closed):
    """A KPI without an entry pages by the defaults."""

    version: Version
    """A name of your own, which stands in every score and incident."""
    budget: Budget = "1/week"
    """False pages of one feature. Its KPIs share it evenly; one with a budget of its own leaves its share unused."""
    directions: Directions = "both"
    """Which changes alert."""
    coverage_floor: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    """Below it a KPI is unknown, unless it has a floor of its own. None: the catalogue's."""
    kpis: dict[str, KpiPolicy] = Field(default_factory=dict)
    """What is different for a KPI, by its name."""
    least_bad: Annotated[int, Field(ge=1)] = 20
    """A rate alerts only when it rests on so many bad events: 1 of 2 is no rate."""
    count_pages_in: list[RiskTier] = ["ga", "regulated"]
    """Tiers in which single severe events page; elsewhere they are tickets."""
    default_tier: RiskTier = "beta"
    """Of a feature that is not named below."""
    features: dict[Name, FeaturePolicy] = Field(default_factory=dict)
    """Your features by name."""
    owner: Key = "safety"
    """The team of everything that has no owner of its own, Vigil itself included."""
    teams: dict[Key, Team] = Field(
        default_factory=lambda: {"safety": Team(pagerduty_key="pagerduty-routing-key")}, min_length=1
    )
    """Where each team is told."""
    quiet_hours: list[QuietHours] = Field(default_factory=list)
    """When warnings wait. Critical never does."""
    probe: Probe | None = None
    """None: nobody sends any, so that none comes through is no news."""
    dead_man: Address | None = None
    """What pages when Watchdog does not come any more, outside this cluster. None: nobody misses it."""
    pools: Annotated[PoolPolicy, Field(description="Features that are scored together.")] = PoolPolicy()
    missed_probes: Count = Count(at_least=1, within="15m")
    """So many known-bad interactions that the filters looked at and let pass alert."""
    runbooks: Folder = "https://runbooks.example.com/vigil/"
    """Where you serve alerts/runbooks, with a slash at the end."""
    grafana: Folder | None = None
    """Where your Grafana is, with a slash at the end; pages then link to its dashboards. None: no links."""

    @field_validator("version", mode="before")
    @classmethod
    def _is_text(cls, value: object) -> object:
        # YAML reads 7 as a number and 2026-11-21 as a date.
        return str(value) if isinstance(value, int | float | date) else value

    def pages(self, kpi: str, direction: Direction, feature: str = "") -> bool:
        """Whether a change of this KPI in this direction pages. What is asked is told, and pages nobody.

        Without a feature: of one that is not named.
        """
        one = self.of(kpi)
        if kpi == ARRIVALS and feature in self.without("arrivals"):
            return False
        return kpi != PROMPT_MIX and one.pages and (one.directions or self.directions) in (direction, "both")

    def of(self, kpi: str) -> KpiPolicy:
        """What is said of a KPI; the defaults where nothing is."""
        return self.kpis.get(kpi, KpiPolicy())

    def floor(self, kpi: str, otherwise: float) -> float:
        """Coverage below which a KPI is unknown; `otherwise` where the policy does not say."""
        said = self.of(kpi).coverage_floor
        return next((one for one in (said, self.coverage_floor) if one is not None), otherwise)

    def severity(self, kpi: str) -> Severity:
        """How bad a change of this KPI is."""
        known = CATALOGUE.get(kpi)
        return self.of(kpi).severity or (known.severity if known else "warning")

    def incident_severity(self, kpi: str, direction: Direction) -> IncidentSeverity:
        """How bad an incident is, in the store and in its alert.

        A fall is a change to look into, and nothing that harms anybody tonight: a warning. Of arrivals it is the fall
        that may be an outage, and more traffic is no harm. What is asked is not ours. A wave of refusals is an outage
        for those who are refused, whatever a slow drift of the rate is.
        """
        if kpi == PROMPT_MIX or (kpi == ARRIVALS and direction == "up"):
            return "info"
        if kpi == REFUSALS and direction == "up":
            return self.of(kpi).severity or "critical"
        return "warning" if direction == "down" and kpi != ARRIVALS else self.severity(kpi)

    def without(self, what: Literal["guardrails", "heartbeats", "arrivals"]) -> list[str]:
        """The features of which the policy says that this is no news, in order of their names."""
        return sorted(name for name, feature in self.features.items() if not getattr(feature, what))

    def tier_features(self, tier: RiskTier) -> list[str]:
        """The features named for a tier, in order of their names."""
        return sorted(name for name, feature in self.features.items() if feature.tier == tier)


def mistakes(policy: Policy) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where, as a path of keys, and what: things that a backtest may ignore, and that alerts cannot be built from or
    that nothing would come of.
    """
    for kpi, one in policy.kpis.items():
        yield from _mistakes_of(kpi, one)
    yield from _idle(policy)
    for name, feature in policy.features.items():
        if feature.owner is not None and feature.owner not in policy.teams:
            yield ("features", name, "owner"), f"there is no team {feature.owner!r}; add it to teams"
    if policy.owner not in policy.teams:
        yield ("owner",), f"there is no team {policy.owner!r}; add it to teams"


def _idle(policy: Policy) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is said beside the KPIs and has no effect."""
    if "least_bad" in policy.model_fields_set and not any(one.targets for one in policy.kpis.values()):
        yield ("least_bad",), "no KPI has targets, so no rate is held against anything; give targets, or remove it"
    owners = {policy.owner, *(feature.owner for feature in policy.features.values())}
    for name in policy.teams if "teams" in policy.model_fields_set else ():
        if name not in owners:
            yield ("teams", name), "this team owns nothing, so it is told nothing; name it as an owner, or remove it"
    for name in policy.without("arrivals"):
        if not (policy.pages(ARRIVALS, "up") or policy.pages(ARRIVALS, "down")):
            yield ("features", name, "arrivals"), "no incident on arrivals alerts anyway; remove it"
    if PROBE_FEATURE in policy.features:
        yield ("features", PROBE_FEATURE), "this is the feature of `vigil probe`, which is in no KPI; remove it"


def _mistakes_of(kpi: str, one: KpiPolicy) -> Iterator[tuple[tuple[str, ...], str]]:
    known = [found.name for found in KPIS]
    if kpi not in CATALOGUE and kpi not in EXTRA_SERIES:
        yield ("kpis", kpi), f"there is no such KPI; known are {', '.join([*known, *EXTRA_SERIES])}"
    elif kpi in CATALOGUE and kpi not in known:
        whole = kpi.partition(".")[0]
        yield ("kpis", kpi), f"a category is counted and shown, and neither scored nor watched; say it of {whole}"
    elif kpi not in known:
        for key in ("targets", "count", "coverage_floor"):
            if getattr(one, key) is not None:
                yield ("kpis", kpi, key), f"{kpi} has no counters from which this could be watched; remove it"
    elif one.count is not None and kpi not in COUNTED:
        yield ("kpis", kpi, "count"), f"single events are watched of {', '.join(COUNTED)} only; use targets"
    if not one.pages and one.directions is not None:
        yield ("kpis", kpi, "directions"), "pages is false, so no direction pages; remove one of the two"


def notes(policy: Policy) -> Iterator[str]:
    """What is right and may yet surprise."""
    if not policy.features:
        paging = policy.default_tier in policy.count_pages_in
        what = "page" if paging else "make tickets and do not page"
        yield f"no feature is named, so all are of tier {policy.default_tier}: single severe events {what}"
    if policy.dead_man is None:
        yield "dead_man is not said, so nobody is told when no alert comes out of Prometheus or Alertmanager any more"


def seconds_of(span: str) -> int:
    """A Span in seconds."""
    return int(span[:-1]) * {"s": 1, "m": 60, "h": 3600}[span[-1]]
