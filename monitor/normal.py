"""The command `vigil normal`: what comes after a change is meant to be so."""

import secrets
from typing import get_args

import click
from pydantic import ValidationError

from monitor.broker import broker_of
from monitor.clock import now
from monitor.errors import UserError
from monitor.moments import zoned_moment_of_option
from monitor.producing import sender
from monitor.settings import load
from schemas.change import Change
from schemas.topics import CHANGES_TOPIC
from schemas.vocabulary import ChangeKind


@click.command("normal")
@click.option("--broker", show_default="VIGIL_BROKER", help="Kafka bootstrap servers.")
@click.option("--feature", help="Whose normal is learned anew.")
@click.option("--all-features", is_flag=True, help="In the place of --feature: that of every feature is learned anew.")
@click.option("--what", type=click.Choice(get_args(ChangeKind)), required=True, help="What was changed on purpose.")
@click.option("--at", help="When, RFC 3339 with a zone; now without it. What was before is not learned from any more.")
@click.option("--to", "to_version", help="The new version.")
@click.option("--author", "author_ref", help="Who says so, as a pseudonym.")
def normal_command(  # noqa: PLR0913  # one argument per option
    broker: str | None,
    feature: str | None,
    all_features: bool,
    what: str,
    at: str | None,
    to_version: str | None,
    author_ref: str | None,
) -> None:
    """Say that a feature behaves differently from now on, and that this is meant.

    It sends a record to ai.changes; a deployment that sends such records itself sets `new_baseline` in them.
    The open incidents of the feature end, and it is WARMING until there is an hour of the new to learn from.

    \b
    Example:
      vigil normal --feature support-chat --what prompt --to v7
    """
    if all_features == (feature is not None):
        raise UserError("give --feature NAME, or --all-features, which ends every open incident: one of the two")
    said = {
        "kind": "change",
        "event_id": f"normal-{secrets.token_hex(12)}",
        "ts": now() if at is None else zoned_moment_of_option("--at", at),
        "emitter": "vigil",
        "what": what,
        "feature": feature,
        "to_version": to_version,
        "author_ref": author_ref,
        "new_baseline": True,
    }
    try:
        change = Change.model_validate(said)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise UserError(f"--{field.replace('_', '-')}: {error.errors()[0]['msg']}") from error
    with sender(broker_of(load(broker=broker)), "vigil-normal") as out:
        out.send(CHANGES_TOPIC.name, change.model_dump_json(exclude_none=True).encode(), feature or "")
    whom = feature or "every feature"
    click.echo(f"{whom} learns what is normal from {change.ts.isoformat()} on; in a minute its incidents end")
