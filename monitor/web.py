"""What a worker shows over HTTP: /metrics for Prometheus, /healthz for whoever restarts it."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from monitor.errors import UserError


async def serve(
    registry: CollectorRegistry, healthy: Callable[[], str | None], host: str, port: int
) -> tuple[web.AppRunner, int]:
    """Serve until the runner is cleaned up; returns it and the port. `healthy` says what is wrong, or None."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def health(_: web.Request) -> web.Response:
        problem = healthy()
        return web.json_response({"status": "ok" if problem is None else problem}, status=503 if problem else 200)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", health)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise UserError(f"cannot listen on {host}:{port}; set VIGIL_METRICS_PORT to another port, or to 0") from error
    return runner, int(runner.addresses[0][1])
