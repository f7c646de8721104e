"""`vigil incidents`: list, show, ack, mitigate, resolve, verdict."""

import json
import secrets
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import click

from monitor.broker import broker_of
from monitor.clock import now
from monitor.durations import seconds_of
from monitor.errors import UserError
from monitor.moments import moment_of_option
from monitor.oncall.lookup import SHORT, count_quiet, find_incident, read_incidents
from monitor.oncall.paste import commands
from monitor.oncall.statement import consequence, statement
from monitor.oncall.story import read_story
from monitor.oncall.text import freshness, quiet_ones, story_text, table
from monitor.producing import sender
from monitor.reading import reader
from monitor.settings import load
from monitor.store.findings import read_scored_until
from schemas.topics import REVIEWS_TOPIC
from schemas.vocabulary import IncidentStep, IncidentVerdict

_IDS = click.argument("ids", nargs=-1, required=True, metavar="ID...")
_STORE = click.option("--store", "dsn", metavar="DSN", help="The store; VIGIL_STORE by default.")
_BROKER = click.option("--broker", show_default="VIGIL_BROKER", help="Kafka bootstrap servers.")
_BY = click.option("--by", metavar="PSEUDONYM", help="Who says so, 32 to 64 hexadecimal digits; VIGIL_REVIEWER else.")
_JSON = click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")


@click.group("incidents")
def incidents_group() -> None:
    """What is wrong now, what is known of it, and what people did about it.

    ID is an incident's id, or its first 6 digits or more.

    \b
    vigil incidents list
    vigil incidents show 3fa2c1
    vigil incidents ack 3fa2c1
    vigil incidents verdict 3fa2c1 actionable
    """


@incidents_group.command("list")
@click.option("--all", "ended", is_flag=True, help="Those that have ended too.")
@click.option("--feature", help="Only this feature.")
@click.option("--since", metavar="TIME", help="Leave out what had ended by then: ISO 8601, Unix seconds, or 24h.")
@_JSON
@_STORE
def list_command(ended: bool, feature: str | None, since: str | None, as_json: bool, dsn: str | None) -> None:
    """List the incidents that are open, the newest first.

    \b
    vigil incidents list --all --since 24h --feature support-chat
    """
    moment = now()
    begin = None if since is None else _since(since, moment)
    with reader(dsn) as client:
        found = read_incidents(client, ended, feature, begin)
        scored_until, quiet = read_scored_until(client), count_quiet(client, feature)
    if as_json:
        click.echo(_as_json(found))
        return
    click.echo(table(found, moment), nl=False)
    click.echo(freshness(scored_until, moment), err=True)
    if quiet and not ended:
        click.echo(quiet_ones(quiet), err=True)


@incidents_group.command("show")
@click.argument("incident_id", metavar="ID")
@_JSON
@_STORE
def show_command(incident_id: str, as_json: bool, dsn: str | None) -> None:
    """Tell all that is known of one incident, and what to look at next.

    \b
    vigil incidents show 3fa2c1
    """
    moment = now()
    with reader(dsn) as client:
        story = read_story(client, find_incident(client, incident_id), moment)
    next_lines = commands(story.incident, moment, dsn)
    if as_json:
        click.echo(_as_json(asdict(story) | {"commands": next_lines}))
        return
    click.echo(story_text(story, next_lines, moment), nl=False)


@incidents_group.command("ack")
@_IDS
@_BY
@_BROKER
@_STORE
def ack_command(ids: tuple[str, ...], by: str | None, broker: str | None, dsn: str | None) -> None:
    """Say that somebody is looking. It also takes back a `resolve`.

    \b
    vigil incidents ack 3fa2c1 b04e77
    """
    _say(ids, "acknowledged", by, broker, dsn)


@incidents_group.command("mitigate")
@_IDS
@_BY
@_BROKER
@_STORE
def mitigate_command(ids: tuple[str, ...], by: str | None, broker: str | None, dsn: str | None) -> None:
    """Say that it harms nobody any more. It goes on paging while its cause is being mended.

    \b
    vigil incidents mitigate 3fa2c1
    """
    _say(ids, "mitigated", by, broker, dsn)


@incidents_group.command("resolve")
@_IDS
@_BY
@_BROKER
@_STORE
def resolve_command(ids: tuple[str, ...], by: str | None, broker: str | None, dsn: str | None) -> None:
    """Say that it is over. Its page ends, even if the KPI is not back yet.

    Only this incident: when the KPI has come back and leaves again, that is a new one, and it pages.

    \b
    vigil incidents resolve 3fa2c1
    """
    _say(ids, "resolved", by, broker, dsn)


@incidents_group.command("verdict")
@click.argument("incident_id", metavar="ID")
@click.argument("word", type=click.Choice(get_args(IncidentVerdict)))
@_BY
@_BROKER
@_STORE
def verdict_command(
    incident_id: str, word: IncidentVerdict, by: str | None, broker: str | None, dsn: str | None
) -> None:
    """Judge an incident: that is how the precision of alerts is known. The newest verdict counts; none ends a page.

    actionable: real, and worth waking somebody (a true positive). noise: nothing was wrong (a false positive).
    expected: real, and meant; `vigil normal` stops its like. unsure: nobody knows yet.

    \b
    vigil incidents verdict 3fa2c1 noise
    """
    _say((incident_id,), word, by, broker, dsn)


def _say(
    ids: tuple[str, ...], word: IncidentStep | IncidentVerdict, by: str | None, broker: str | None, dsn: str | None
) -> None:
    """Send what is said of these incidents; all of them are found first, or nothing is sent."""
    settings, moment = load(broker=broker), now()
    with reader(dsn) as client:
        found = {one["incident_id"]: one for one in (find_incident(client, given) for given in ids)}
    said = [
        statement(one, word, by or settings.reviewer, moment, f"incident-{secrets.token_hex(12)}")
        for one in found.values()
    ]
    with sender(broker_of(settings), "vigil-incidents") as out:
        for review in said:
            out.send(REVIEWS_TOPIC.name, review.model_dump_json(exclude_none=True).encode(), review.emitter)
    for one in found.values():
        name = f"{one['feature']} {one['kpi']} ({one['incident_id'][:SHORT]})"
        click.echo(f"{name} is {word}: {consequence(one, word)}")


def _since(text: str, moment: datetime) -> datetime:
    try:
        return moment - timedelta(seconds=seconds_of(text))
    except UserError:  # no length, so a time
        return datetime.fromtimestamp(moment_of_option("--since", text), UTC)


def _as_json(value: Any) -> str:
    return json.dumps(value, indent=1, default=_text_of)


def _text_of(value: Any) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)
