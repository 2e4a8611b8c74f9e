"""Health, readiness, metrics, the API's description."""

from aiohttp import web
from sqlalchemy import text

from server.platform.http import DATABASE
from server.platform.jobs import given_up
from server.platform.metrics import exposition, observe_dead_jobs

routes = web.RouteTableDef()


@routes.get("/healthz")
async def get_healthz(_asked: web.Request) -> web.Response:
    """The process answers."""
    return web.Response(text="ok\n")


@routes.get("/readyz")
async def get_readyz(asked: web.Request) -> web.Response:
    """The database answers too: a proxy may send people here."""
    async with asked.app[DATABASE].read() as connection:
        await connection.execute(text("SELECT 1"))
    return web.Response(text="ready\n")


@routes.get("/metrics")
async def get_metrics(asked: web.Request) -> web.Response:
    async with asked.app[DATABASE].system(writes=False) as session:
        observe_dead_jobs(await given_up(session))
    return web.Response(body=exposition(), headers={"Content-Type": "text/plain; version=0.0.4"})
