"""The published form of every contract: `python -m schemas.publish` writes schemas/json; a test compares."""

import json
from pathlib import Path

from schemas.topics import TOPICS

JSON_SCHEMAS = Path(__file__).parent / "json"
EXAMPLES = Path(__file__).parent / "examples"


def json_schemas() -> dict[str, str]:
    """File name to text of each topic's JSON Schema, in draft 2020-12."""
    return {
        f"{topic.stem}.schema.json": json.dumps(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "title": topic.stem,
                "x-key": topic.key,
                "x-retention-days": topic.retention_days,
            }
            | topic.adapter.json_schema(),
            indent=2,
        )
        + "\n"
        for topic in TOPICS
    }


if __name__ == "__main__":
    for name, text in json_schemas().items():
        (JSON_SCHEMAS / name).write_text(text)
