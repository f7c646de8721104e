"""Topic ai.changes: what somebody deployed, so that an incident can name what came just before."""

from typing import Literal

from schemas.base import Contract, EventId, Identifier, Name, Pseudonym, Ratio, UtcTime
from schemas.vocabulary import ChangeKind


class Change(Contract):
    """One deploy, rollout step or flag flip. Without `feature` it concerns all of them."""

    kind: Literal["change"] = "change"
    schema_version: Literal[1] = 1
    event_id: EventId
    ts: UtcTime
    emitter: Name
    what: ChangeKind
    feature: Name | None = None
    subject: Identifier | None = None
    """What changed: a flag's, guardrail's or tool's name."""
    from_version: Identifier | None = None
    to_version: Identifier | None = None
    rollout: Ratio | None = None
    """Share of traffic that has it after this step."""
    region: Identifier | None = None
    author_ref: Pseudonym | None = None
    new_baseline: bool = False
    """What comes after it is meant to be so: what is normal is learned anew, from then on."""
