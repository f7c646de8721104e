"""Three features for a test of pages, in a process of its own: `python -m tests.e2e.feature_traffic WHAT TARGET START`.

WHAT is `history`, and TARGET a store; or `well` or `faulty`, and TARGET a broker. START is in Unix seconds. Of the
faulty ones the first refuses five times as often for a while, and the second falls silent.
"""

import sys
from dataclasses import replace
from datetime import UTC, datetime

from benchmarks.page_world import FACTOR, RATE, features, load, play, traffic
from monitor.producing import ensure_topics
from monitor.simulator.plan import Plan
from monitor.simulator.profiles import Profile
from monitor.simulator.scenarios import RefusalSpike
from monitor.simulator.traffic import Traffic
from schemas.topics import TOPICS

PROFILES = features(3)
SPIKING, SILENT, WELL = (profile.name for profile in PROFILES)
SPIKE_AT, SPIKE_LASTS, SILENT_FROM = 20.0, 60.0, 20.0
"""Seconds after the start."""
_HOURS, _FOR_LONG = 3, 3600.0


def plans(start: float, faulty: bool) -> list[Plan]:
    """One for each feature, so that each can end by itself."""
    return [_plan(start, number, profile, faulty) for number, profile in enumerate(PROFILES)]


def _plan(start: float, seed: int, profile: Profile, faulty: bool) -> Plan:
    spike = RefusalSpike(profile.name, SPIKE_AT, SPIKE_LASTS, FACTOR) if faulty and profile.name == SPIKING else None
    seconds = SILENT_FROM if faulty and profile.name == SILENT else _FOR_LONG
    flow = Traffic(RATE, swing=0.0, weekend=1.0)
    return Plan(datetime.fromtimestamp(start, UTC), seed, seconds, flow, (replace(profile, share=1.0),), spike)


def main(what: str, target: str, start: float) -> None:
    if what == "history":
        load(target, PROFILES, traffic(len(PROFILES)), start, _HOURS)
    else:
        ensure_topics(target, TOPICS, 4)  # not in the test's process: kafka-python leaves sockets behind
        play(target, plans(start, what == "faulty"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
