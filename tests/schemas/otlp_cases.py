"""Attributes as instrumentations of both generations and other houses send them."""

from schemas.otlp import OtlpBatch, OtlpOptions, decode_otlp
from schemas.telemetry import TELEMETRY, Evaluation, Interaction
from tests.schemas.otlp_producer import Producer

NEW = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 34,
}
OLD = {
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.prompt_tokens": 12,
    "gen_ai.usage.completion_tokens": 34,
}
OPENLLMETRY = {
    "llm.request.type": "chat",
    "gen_ai.system": "OpenAI",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.completion.0.finish_reason": "stop",
    "gen_ai.usage.prompt_tokens": 12,
    "gen_ai.usage.completion_tokens": 34,
}
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.provider": "openai",
    "llm.model_name": "gpt-4o-2024-08-06",
    "llm.finish_reason": "stop",
    "llm.token_count.prompt": 12,
    "llm.token_count.completion": 34,
}
GENERATIONS = {"new": NEW, "old": OLD, "openllmetry": OPENLLMETRY, "openinference": OPENINFERENCE}
OPTIONS = OtlpOptions(reference_key=b"0123456789abcdef")


def decoded(producer: Producer, options: OtlpOptions = OPTIONS) -> OtlpBatch:
    """The batch of all spans, after it was seen to be the same in both encodings and to survive the wire."""
    batch = decode_otlp(producer.traces(), options)
    assert decode_otlp(producer.traces_json(), options) == batch
    return checked(batch)


def decoded_logs(producer: Producer, options: OtlpOptions = OPTIONS) -> OtlpBatch:
    """The same for the log records."""
    batch = decode_otlp(producer.logs(), options)
    assert decode_otlp(producer.logs_json(), options) == batch
    return checked(batch)


def checked(batch: OtlpBatch) -> OtlpBatch:
    """The batch, after its events were written and read back through their contract."""
    for event in batch.events:
        assert TELEMETRY.validate_json(TELEMETRY.dump_json(event, exclude_none=True)) == event
    return batch


def only(batch: OtlpBatch) -> Interaction:
    """The one interaction of a batch that has nothing else."""
    assert len(batch.events) == 1, batch
    assert isinstance(batch.events[0], Interaction)
    return batch.events[0]


def evaluations(batch: OtlpBatch) -> list[Evaluation]:
    """The evaluations of a batch."""
    return [event for event in batch.events if isinstance(event, Evaluation)]


def chat(**attributes: object) -> Interaction:
    """The interaction of one chat span with some attributes more; `__` stands for a dot."""
    producer = Producer()
    producer.leaf("chat gpt-4o", NEW | {name.replace("__", "."): value for name, value in attributes.items()})
    return only(decoded(producer))
