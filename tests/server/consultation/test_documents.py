"""PDFs and photos of a case: known by their first bytes, fixed once somebody rests on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.server.house import PNG, House, Walk


@pytest.mark.parametrize("act", ["sign_two", "follow", "decline", "cancel"])
async def test_a_case_that_is_signed_or_closed_takes_and_loses_no_document(house: House, act: str) -> None:
    walk = Walk(house)
    held = ("accept", "book", "come", "join", "end", "conclude", "sign_one", "sign_two", "follow")
    way = held[: held.index(act) + 1] if act in held else (act,)
    for step in ("draft", "add_document", "send", *way):
        await getattr(walk, step)()
    doctor, path = await house.by("doctor.L"), f"/consultations/{walk.id}/documents"
    got = await doctor.ask("POST", path, data=PNG)
    assert (got.status, got.code) == (409, "documents-fixed")
    got = await doctor.ask("DELETE", f"{path}/{walk.document}")
    assert (got.status, got.code) == (409, "documents-fixed")
    assert (await doctor.get(f"{path}/{walk.document}")).status == 200


@pytest.mark.parametrize("body", [PNG, b"RIFF\x10\0\0\0WEBPVP8 ", b"%PDF-1.7"])
async def test_a_file_that_comes_byte_by_byte_is_known(house: House, body: bytes) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for n in range(0, len(body), 4):
            yield body[n : n + 4]
            await asyncio.sleep(0.01)

    case = await house.a_consultation("draft")
    got = await (await house.by("doctor.L")).ask("POST", f"/consultations/{case}/documents", data=slowly())
    assert got.status == 201, got.text


@pytest.mark.parametrize("body", [b"", b"%PD", b"MZ", b"RIFF\x10\0\0\0AVI LIST"])
async def test_what_is_no_document_is_refused(house: House, body: bytes) -> None:
    case = await house.a_consultation("draft")
    got = await (await house.by("doctor.L")).ask("POST", f"/consultations/{case}/documents", data=body)
    assert (got.status, got.code) == (415, "not-a-document")
