"""The published JSON Schemas as validators, for tests that hold them against the models."""

import json
from datetime import datetime
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from schemas.publish import JSON_SCHEMAS
from schemas.topics import TOPICS, Topic


def _is_date_time(value: object) -> bool:
    # jsonschema checks "date-time" only with a further package; the pattern does the rest.
    if not isinstance(value, str):
        return True
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


FORMATS = FormatChecker(())
FORMATS.checks("date-time")(_is_date_time)


def validator(topic: Topic) -> Any:
    """A validator of the committed schema of this topic, date-time format included."""
    schema = json.loads((JSON_SCHEMAS / f"{topic.stem}.schema.json").read_text())
    return Draft202012Validator(schema, format_checker=FORMATS)


VALIDATORS = {topic.name: validator(topic) for topic in TOPICS}
