"""Who calls from where with which certificate: admitted or not, and what the hospital's page says of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from dicom.gateway.ports import Caller, Stranger, TooManyOpen
from server.devices import entries
from server.devices.entries import Typed
from server.imaging import Imaging
from server.pacs import commitments
from server.pacs.model import StorageCommitment
from server.peers import Peers
from server.people.model import DicomPeer
from server.platform.errors import Invalid
from tests import certificates
from tests.dicom.builders import CT_IMAGE
from tests.server.house import House

HERE, ELSEWHERE = "10.1.0.5", "10.1.0.6"


@pytest.fixture
async def peers(own_house: House) -> AsyncIterator[Peers]:
    found = Peers(own_house.settings, Imaging(own_house.settings, own_house.database), own_house.database)
    yield found
    await found.close()


@pytest.fixture
async def shown(own_house: House, tmp_path: Path) -> dict[str, str]:
    """Devices of L: one without a certificate, one with; fingerprints by name."""
    ca = certificates.authority(tmp_path, "ca")
    ct, mr = (certificates.signed(ca, name) for name in ("ct", "mr"))
    async with own_house.database.system() as session:
        for title, certificate in (("PLAIN", b""), ("SECURE", ct.pem.encode())):
            typed = Typed(ae_title=title, address=HERE, certificate=certificate)
            await entries.add(session, own_house.hospitals["L"], typed, None)
    return {"": "", "ct": ct.fingerprint, "mr": mr.fingerprint}


ANSWERS = {
    # title, address, certificate: whether it is served, or why not
    ("PLAIN", HERE, ""): None,
    ("PLAIN", HERE, "ct"): Stranger.CERTIFICATE,
    ("SECURE", HERE, "ct"): None,
    ("SECURE", HERE, "mr"): Stranger.CERTIFICATE,
    ("SECURE", HERE, ""): Stranger.CERTIFICATE,
    ("SECURE", ELSEWHERE, "ct"): Stranger.ADDRESS,
    ("PLAIN", ELSEWHERE, ""): Stranger.ADDRESS,
    ("NOBODY", HERE, "ct"): Stranger.TITLE,
}


async def test_title_address_and_certificate_belong_together(
    own_house: House, peers: Peers, shown: dict[str, str]
) -> None:
    for (title, address, certificate), expected in ANSWERS.items():
        answer = await peers.admit(title, address, shown[certificate])
        got = None if isinstance(answer, Caller) else answer
        assert got == expected, (title, address, certificate)
    async with own_house.database.system(writes=False) as session:
        seen = {one.ae_title: one.seen_at for one in await session.scalars(select(DicomPeer))}
    assert seen["PLAIN"] is not None
    assert seen["SECURE"] is not None


async def test_the_hospital_is_told_why_its_device_was_refused(
    own_house: House, peers: Peers, shown: dict[str, str]
) -> None:
    async def told() -> dict[str, tuple[str, str]]:
        async with own_house.database.system(writes=False) as session:
            known = await session.scalars(select(DicomPeer).where(DicomPeer.address == HERE))
            return {one.ae_title: (one.refused_why, one.refused_what) for one in known}

    await peers.rejected("SECURE", "HOICHAN", ELSEWHERE, Stranger.ADDRESS)
    assert await told() == {"PLAIN": ("", ""), "SECURE": ("address", ELSEWHERE)}
    await peers.rejected("PLAIN", "WRONG", HERE, "called-title")
    assert (await told())["PLAIN"] == ("called-title", "WRONG")
    await peers.rejected("", "", HERE, Stranger.CERTIFICATE)  # in the handshake: any of those there
    assert {why for why, _ in (await told()).values()} == {"certificate"}
    await peers.rejected("PLIAN", "HOICHAN", HERE, Stranger.TITLE)
    assert {what for _, what in (await told()).values()} == {"PLIAN"}


async def test_where_a_title_is_anothers_too_no_address_is_told(
    own_house: House, peers: Peers, shown: dict[str, str]
) -> None:
    async with own_house.database.system() as session:
        typed = Typed(ae_title="PLAIN", address="10.2.0.1")
        await entries.add(session, own_house.hospitals["T"], typed, None)
    await peers.rejected("PLAIN", "HOICHAN", ELSEWHERE, Stranger.ADDRESS)
    async with own_house.database.system(writes=False) as session:
        query = select(func.count()).select_from(DicomPeer).where(DicomPeer.refused_why != "")
        assert await session.scalar(query) == 0


async def test_a_certificate_that_ended_or_is_none_is_not_entered(own_house: House, tmp_path: Path) -> None:
    old = certificates.signed(certificates.authority(tmp_path, "ca"), "ct", days=-1)
    for given in (old.pem.encode(), b"-----BEGIN CERTIFICATE-----\nno\n", b"\0\1\2"):
        typed = Typed(ae_title="CT", address=HERE, certificate=given)
        async with own_house.database.system() as session:
            with pytest.raises(Invalid) as refused:
                await entries.add(session, own_house.hospitals["L"], typed, None)
        assert set(refused.value.fields) == {"certificate"}


async def test_a_hospital_waits_for_so_many_reports_and_no_more(
    own_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commitments, "MOST_OPEN", 2)

    async def ask(letter: str) -> int:
        async with own_house.database.system() as session:
            hospital = own_house.hospitals[letter]
            return await commitments.ask(session, hospital, "CT", "2.25.8", [(CT_IMAGE, "2.25.9")])

    first, _ = await ask("L"), await ask("L")
    with pytest.raises(TooManyOpen):
        await ask("L")
    await ask("T")  # another's is not in the way
    async with own_house.database.system() as session:
        await commitments.taken(session, first)
    await ask("L")
    async with own_house.database.system(writes=False) as session:
        assert await session.scalar(select(func.count()).select_from(StorageCommitment)) == 4


def test_each_reason_of_the_gateway_has_its_sentence() -> None:
    assert set(entries.REFUSALS) == {*Stranger, "called-title", "tls"}
