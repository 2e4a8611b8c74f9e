"""The servers that tests stand on are real and answer."""

from __future__ import annotations

import aiohttp
from playwright.async_api import Page
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.services import Orthanc, PostgreSQL, Turn, is_open


async def test_redis_answers(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client:
        assert await client.ping()


async def test_postgresql_answers(postgresql: PostgreSQL) -> None:
    engine = create_async_engine(postgresql.url("postgres"))
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    await engine.dispose()


async def test_orthanc_speaks_dicomweb(orthanc: Orthanc) -> None:
    async with aiohttp.ClientSession() as client, client.get(f"{orthanc.dicomweb_url}/studies") as answer:
        assert answer.status == 200
        assert await answer.json(content_type=None) == []
    assert is_open(orthanc.dimse_port)


def test_coturn_listens(turn: Turn) -> None:
    assert is_open(turn.port)


async def test_the_browser_has_a_camera_and_a_microphone(page: Page) -> None:
    await page.route("http://localhost/", lambda route: route.fulfill(body="<title>x</title>"))
    await page.goto("http://localhost/")

    kinds = await page.evaluate(
        "async () => (await navigator.mediaDevices.getUserMedia({audio: true, video: true}))"
        ".getTracks().map(track => track.kind).sort()"
    )

    assert kinds == ["audio", "video"]
