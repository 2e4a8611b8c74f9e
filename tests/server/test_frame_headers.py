"""A frame's head is made past aiohttp: whoever asks gets the headers that every other answer has."""

from __future__ import annotations

import pytest

from tests.server.house import House

VARYING = {"Date", "Connection"}
ADDRESS = "/dicom-web/studies/{uid}/series/{uid}.1/instances/{uid}.1.1/frames/1"


@pytest.mark.parametrize("accept", ["application/octet-stream", "multipart/related"])
async def test_a_frame_has_the_same_headers_whichever_way_it_goes(house: House, accept: str) -> None:
    uid = f"2.25.98{next(house.numbers)}"
    await house.a_study("L", uid)
    doctor = await house.a_browser("doctor.L")
    at_once, in_turn = [
        await doctor.get(ADDRESS.format(uid=uid), headers={"Accept": accept, "Connection": connection})
        for connection in ("keep-alive", "close")
    ]
    assert at_once.status == in_turn.status == 200
    heads = [
        {name: value for name, value in got.headers.items() if name not in VARYING}
        for got in (at_once, in_turn)
    ]
    bodies = [got.body for got in (at_once, in_turn)]
    if accept == "multipart/related":
        for head, body in zip(heads, bodies, strict=True):
            boundary = head.pop("Content-Type").rpartition("boundary=")[2].encode()
            bodies[bodies.index(body)] = body.replace(boundary, b"edge")
    assert heads[0] == heads[1]
    assert bodies[0] == bodies[1]
    for name in ("Content-Security-Policy", "Cross-Origin-Resource-Policy", "X-Content-Type-Options", "Vary"):
        assert list(at_once.headers).count(name) == 1
    assert "private" in at_once.headers["Cache-Control"]
