"""The JSON of a later evaluation, and what it adds to a mask."""

from functools import lru_cache

from monitor.simulator.profiles import Judge
from schemas.outcomes import evaluation_mask
from schemas.telemetry import TELEMETRY, Evaluation


def verdict_text(judge: Judge, bad: bool | None) -> str:
    """The members of an evaluation that say what was found; None: the evaluator failed."""
    outcome = '"error"' if bad is None else f'"evaluated","bad":{"true" if bad else "false"}'
    return (
        f',"signal":"{judge.signal}","outcome":{outcome},"evaluator":"judge-{judge.signal}","evaluator_version":"2"}}'
    )


@lru_cache(maxsize=64)
def verdict_mask(judge: Judge, bad: bool) -> int:
    """The mask of that evaluation; 0 when no KPI counts it."""
    head = (
        '{"kind":"evaluation","event_id":"judgeprobe","ts":"2026-01-01T00:00:00Z","emitter":"probe","feature":"probe"'
    )
    event = TELEMETRY.validate_json(head + verdict_text(judge, bad))
    if not isinstance(event, Evaluation):
        raise TypeError("a verdict is an evaluation")
    return evaluation_mask(event)
