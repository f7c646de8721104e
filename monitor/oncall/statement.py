"""What somebody says of an incident, as a record of ai.reviews. No I/O: time and chance are arguments."""

from datetime import datetime, timedelta
from typing import get_args

from pydantic import ValidationError

from monitor.errors import UserError
from monitor.oncall.lookup import Row
from schemas.review import Review
from schemas.vocabulary import IncidentStep, IncidentVerdict

_EMITTER = "vigil"


def statement(
    incident: Row, word: IncidentStep | IncidentVerdict, by: str | None, at: datetime, event_id: str
) -> Review:
    """A step or a verdict of `by`, a pseudonym or nobody. Raises UserError when `by` is neither."""
    is_step = word in get_args(IncidentStep)
    before = incident["said_at" if is_step else "verdict_at"]
    # The newest holds: what is said in answer to a colleague is newer, though the colleague's clock may be ahead.
    moment = at if before is None else max(at, before + timedelta(seconds=1))
    try:
        return Review(
            event_id=event_id,
            ts=moment,
            emitter=_EMITTER,
            source="incident_response" if is_step else "incident_verdict",
            verdict=word,
            feature=incident["feature"],
            incident_id=incident["incident_id"],
            reviewer_ref=by,
        )
    except ValidationError as error:  # of the fields only `by` was typed by somebody; it may be a name, and is not told
        raise UserError("a pseudonym is 32 to 64 hexadecimal digits; put yours into --by or VIGIL_REVIEWER") from error


def consequence(incident: Row, word: IncidentStep | IncidentVerdict) -> str:
    """What comes of it, for whoever said it, in one sentence."""
    if incident["recovered_at"] is not None and word in get_args(IncidentStep):
        return "it had ended by itself before; this is kept beside it"
    if word == "resolved":
        return "its page ends in a few seconds; after the KPI has come back, the next alarm is a new incident"
    if incident["state"] == "resolved" and word in ("acknowledged", "mitigated"):
        return "somebody had resolved it: that is taken back, and it pages again"
    if word in ("noise", "expected") and incident["state"] != "resolved":
        return "it goes on paging until it ends or is resolved"
    return "it is stored as soon as a worker has read it"
