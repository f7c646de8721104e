"""`vigil probe`: what it sends, where it looks, and what it says when nothing comes out."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from aiohttp import web
from click.testing import CliRunner
from prometheus_client import generate_latest

import monitor.probe
from monitor.broker import Broker
from monitor.errors import UserError
from monitor.metrics import Metrics
from monitor.probe import Exit, come_out, exit_of, known_bad, newest_in_answer, newest_in_metrics, probe_command
from monitor.settings import load
from schemas.outcomes import interaction_mask
from schemas.probes import PROBE_FEATURE, is_probe, probe_outcome
from schemas.telemetry import TELEMETRY

NOON = datetime(2026, 11, 20, 12, 0, 0, 123457, tzinfo=UTC)


def answer(value: float | None) -> str:
    result = [] if value is None else [{"metric": {}, "value": [1.0, repr(value)]}]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}})


def said(bodies: list[tuple[int, str]], sent: float, give_up: float = 0.0) -> tuple[str | None, list[str]]:
    """What waiting says when these are the answers, the last one for ever; and what was asked."""
    asked: list[str] = []

    async def tell(request: web.Request) -> web.Response:
        status, body = bodies[min(len(asked), len(bodies) - 1)]
        asked.append(f"{request.path} {request.query['query']}")
        return web.Response(status=status, text=body)

    async def run() -> str | None:
        app = web.Application()
        app.add_routes([web.get("/{path:.*}", tell)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            out = exit_of(load({}), f"http://user:secret@127.0.0.1:{runner.addresses[0][1]}/")
            return await come_out(out, sent, give_up, timer=lambda: len(asked))
        finally:
            await runner.cleanup()

    return asyncio.run(run()), asked


def test_what_is_sent_is_a_probe_that_was_caught() -> None:
    sent = TELEMETRY.validate_json(known_bad("probe-00000001", NOON).model_dump_json(exclude_none=True))
    assert sent.kind == "interaction"
    assert is_probe(interaction_mask(sent))
    assert probe_outcome(interaction_mask(sent)) == "caught"
    assert (sent.feature, sent.synthetic, sent.ts) == (PROBE_FEATURE, "probe-00000001", NOON)


def test_it_waits_for_a_probe_as_new_as_its_own() -> None:
    sent = NOON.timestamp()
    problem, asked = said([(200, answer(None)), (200, answer(sent - 60)), (200, answer(sent))], sent, give_up=10)
    assert (problem, len(asked)) == (None, 3)
    assert asked[0] == '/api/v1/query max(vigil_probe_last_timestamp_seconds{feature="vigil-probe"})'


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (200, answer(None), "shows no probe; does a worker run"),
        (200, answer(NOON.timestamp() - 61.5), "shows none newer than 61.5 s before it"),
        (200, "<html>", "gives no answer that is one (JSONDecodeError)"),
        (200, '{"data": 1}', "gives no answer that is one (ValueError)"),
        (404, "no", "answers with status 404; is that its address?"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_shows_no_password(status: int, body: str, sentence: str) -> None:
    problem, asked = said([(status, body)], NOON.timestamp())
    assert problem is not None
    assert sentence in problem
    assert problem.startswith("Prometheus at http://127.0.0.1:")
    assert "secret" not in problem
    assert len(asked) == 1


def test_a_prometheus_that_is_down_is_told_from_a_lost_probe() -> None:
    out = Exit("Prometheus at http://127.0.0.1:9", "http://127.0.0.1:9/x", newest_in_answer)
    problem = asyncio.run(come_out(out, 1.0, 0.0))
    assert problem is not None
    assert "gives no answer that is one (ClientConnectorError)" in problem


def test_the_time_that_a_worker_shows_is_the_time_that_was_sent() -> None:
    metrics = Metrics()
    metrics.last_probe.labels("chat").set(9e9)
    assert newest_in_metrics(generate_latest(metrics.registry).decode()) is None
    metrics.last_probe.labels(PROBE_FEATURE).set(NOON.timestamp())
    assert newest_in_metrics(generate_latest(metrics.registry).decode()) == NOON.timestamp()


def test_without_a_prometheus_a_worker_is_asked_and_an_option_wins() -> None:
    assert exit_of(load({}), None).url == "http://127.0.0.1:9108/metrics"
    assert exit_of(load({"VIGIL_METRICS_HOST": "::1"}), None).url == "http://[::1]:9108/metrics"
    settings = load({"VIGIL_PROMETHEUS": "https://a.example/prometheus/"})
    assert exit_of(settings, None).url.startswith("https://a.example/prometheus/api/v1/query?")
    assert exit_of(settings, "http://b:9090").name == "Prometheus at http://b:9090"
    for nonsense in ("prometheus:9090", "ftp://a", "http://"):
        with pytest.raises(UserError, match="write it like"):
            exit_of(load({}), nonsense)


@pytest.fixture
def lost_then_found(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sending replaced: the first probe is lost, the second comes out, the third is Ctrl-C."""
    tries: list[int] = []

    def send_one(broker: Broker, deadline: int, out: Exit) -> float:
        tries.append(deadline)
        if len(tries) == 1:
            raise UserError("the probe was sent and did not come out")
        if len(tries) == 3:
            raise KeyboardInterrupt
        return 2.34

    monkeypatch.setattr(monitor.probe, "send_one", send_one)
    monkeypatch.setattr(monitor.probe, "time", Stopped())
    return tries


class Stopped:
    """A clock's sleep that takes no time."""

    sleep: Callable[[float], None] = staticmethod(lambda _: None)


def test_a_loop_goes_on_when_a_probe_is_lost(lost_then_found: list[int]) -> None:
    from monitor.cli import main  # noqa: PLC0415  # the command as it is called

    result = CliRunner().invoke(main, ["probe", "--prometheus", "http://p:9090", "--every", "1m", "--deadline", "30s"])
    assert result.exit_code == 0
    assert lost_then_found == [30, 30, 30]
    assert "Error: the probe was sent and did not come out" in result.output
    assert "the probe came out of Prometheus at http://p:9090 after 2.3 s" in result.output
    assert result.output.endswith("stopped\n")


def test_one_probe_that_is_lost_is_exit_code_1(lost_then_found: list[int]) -> None:
    from monitor.cli import main  # noqa: PLC0415  # as above

    result = CliRunner().invoke(main, ["probe"])
    assert result.exit_code == 1
    assert "which does not prove that Prometheus scrapes it" in result.output
    assert "Error: the probe was sent" in result.output
    assert CliRunner().invoke(main, ["probe"]).exit_code == 0


def test_the_command_has_help_with_an_example() -> None:
    result = CliRunner().invoke(probe_command, ["--help"])
    assert result.exit_code == 0
    assert "vigil probe --prometheus http://prometheus:9090 --every 60s" in result.output
