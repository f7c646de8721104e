"""What PagerDuty is yet to be told of, and what it was told."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from schemas.change import Change
from schemas.topics import CHANGES_TOPIC

_FIELDS = ("what", "feature", "subject", "from_version", "to_version", "rollout", "region")
_MEMORY = timedelta(days=1)
"""How much earlier than its own time a change may have been told of; producers' clocks run ahead by minutes at most."""
_MOST = 100


def read_untold(client: Client, partitions: Sequence[int], since: datetime) -> list[Change]:
    """Changes of these partitions that happened after `since` and were not told, in order of time, 100 at most.

    Each event id once, wherever it stands in the topic. Blocking.
    """
    found = client.query(
        f"SELECT event_id, toUnixTimestamp64Micro(ts) AS at, emitter, new_baseline, {', '.join(_FIELDS)} FROM changes "  # noqa: S608  # our own names
        "WHERE topic = {topic:String} AND partition IN {partitions:Array(UInt32)} AND ts > {since:DateTime('UTC')} "
        "AND event_id NOT IN (SELECT event_id FROM change_events WHERE told_at > {told_since:DateTime('UTC')}) "
        f"ORDER BY at, event_id LIMIT 1 BY event_id LIMIT {_MOST}",
        {
            "topic": CHANGES_TOPIC.name,
            "partitions": list(partitions),
            "since": since,
            "told_since": since - _MEMORY,
        },
    )
    return [_change(*row) for row in found.result_rows]


def insert_told(client: Client, event_id: str, result: str, told_at: datetime) -> None:
    """Remember that PagerDuty was told. Blocking."""
    client.insert("change_events", [[event_id, result, told_at]], column_names=("event_id", "result", "told_at"))


def _change(event_id: str, at: int, emitter: str, new_baseline: bool, *said: object) -> Change:
    """What the store has, as a model again: what was not said is empty there."""
    fields = {name: value for name, value in zip(_FIELDS, said, strict=True) if value not in ("", None)}
    moment = datetime.fromtimestamp(at // 1_000_000, UTC) + timedelta(microseconds=at % 1_000_000)
    return Change.model_validate(
        {"event_id": event_id, "ts": moment, "emitter": emitter, "new_baseline": bool(new_baseline), **fields}
    )
