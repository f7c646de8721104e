"""Engines on equal work, each in a process of its own that measures itself; their counts must agree."""

import json
import secrets
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import PEERS_PYTHON, PYTHON, child_environment, say
from benchmarks.peers.work import digest, key_of
from monitor.errors import UserError
from monitor.leash import start
from schemas.topics import TELEMETRY_TOPIC

OURS = "vigil"
MODULES = {
    OURS: "ours",
    "bare": "bare",
    "bytewax": "bytewax",
    "quixstreams": "quixstreams",
    "arroyo": "arroyo",
    "faust": "faust",
}
"""Engine to module in benchmarks/peers."""
_PATIENCE = 240.0


@dataclass(frozen=True, slots=True)
class Topic:
    """What there is to read: `total` records in `partitions`, whose counts have this digest."""

    broker: str
    partitions: int
    total: int
    digest: str


def expected_digest(records: Sequence[bytes]) -> str:
    """The digest of the counts, from the records themselves. Raises KeyError or ValueError for a bad one."""
    counts: dict[tuple[str, str], int] = {}
    for record in records:
        key = key_of(json.loads(record))
        counts[key] = counts.get(key, 0) + 1
    return digest(counts)


def consume(engine: str, topic: Topic, log: Path) -> dict[str, Any]:
    """Let one engine read the topic from its start; its report, see benchmarks/peers/work.py.

    Raises UserError when it fails, takes over 4 minutes, or counted something else than the others.
    """
    python = PYTHON if engine == OURS else str(PEERS_PYTHON)
    where = [topic.broker, TELEMETRY_TOPIC.name, str(topic.partitions), str(topic.total)]
    command = [python, "-m", f"benchmarks.peers.{MODULES[engine]}", *where, f"bench-{secrets.token_hex(4)}"]
    log.unlink(missing_ok=True)
    child = start(engine, command, log, child_environment())
    try:
        child.process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        raise UserError(f"{engine} did not finish {topic.total:,} records in {_PATIENCE:.0f} s; see {log}") from None
    finally:
        child.stop()
    report = parse_report(log.read_text(errors="replace"))
    if report is None:
        raise UserError(f"{engine} ended without a report; is its environment there (make bench-peers-env)? See {log}")
    if report["digest"] != topic.digest or report["records"] != topic.total:
        raise UserError(f"{engine} did other work: {report['records']:,} records, digest {report['digest']}")
    say(f"  {engine}: {report['records'] / report['cpu_s']:,.0f} events per CPU second")
    return report


def parse_report(text: str) -> dict[str, Any] | None:
    """The last JSON object in what an engine printed; control sequences of a terminal may stand before it."""
    for line in reversed(text.splitlines()):
        if '{"engine"' in line:
            found: dict[str, Any] = json.loads(line[line.index('{"engine"') :])
            return found
    return None
