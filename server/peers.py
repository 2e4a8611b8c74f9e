"""The ports of the gateway, answered from our tables: which device is whose, and what it may."""

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Select, select, update

from dicom import tls
from dicom.gateway import Secure
from dicom.gateway.contexts import SERVICES
from dicom.gateway.ports import Caller, Reference, Stranger
from dicom.ingest import Committed, Quarantined, Received
from dicom.pacs.network import Destination
from server.devices import entries
from server.imaging import Imaging
from server.pacs import commitments, connections
from server.people.model import DicomPeer, Hospital
from server.platform.db import Database, now
from server.platform.events import audit
from server.platform.policy import Policy, Reach, Row
from server.platform.repeats import EVERY_S, Repeats
from server.platform.settings import Settings

log = logging.getLogger(__name__)
SEEN_EVERY = dt.timedelta(minutes=1)

# Who may use which DIMSE service: a known AE title at its address, for its own hospital alone, and Query/Retrieve
# only where the hospital said so of this device (`Peers.admit`).
DIMSE = Policy.join(
    [
        Row("dimse C-ECHO", Reach.SIGNED_IN),
        Row("dimse C-STORE", Reach.SIGNED_IN),
        Row("dimse N-ACTION", Reach.SIGNED_IN),
        Row("dimse C-FIND", Reach.SIGNED_IN),
        Row("dimse C-GET", Reach.SIGNED_IN),
        Row("dimse C-MOVE", Reach.SIGNED_IN),
    ]
)


@dataclass(frozen=True)
class Rejected:
    """An association that was refused. Address and reason make the source: titles may be made up by the thousand."""

    address: str
    reason: str
    calling: str = field(compare=False)  # of the first of many
    called: str = field(compare=False)


def secure_port(settings: Settings) -> Secure | None:
    """The port of DICOM over TLS, where there is to be one. Raises OSError for certificates that are none."""
    certificate, key, ca = settings.dimse_tls_certificate, settings.dimse_tls_key, settings.dimse_tls_ca
    if not (settings.dimse_tls_port and certificate and key and ca):
        return None
    return Secure(settings.dimse_tls_port, tls.server_context(Path(certificate), Path(key), Path(ca)))


class Peers:
    """The ports of the gateway: which hospital a calling AE title at an address belongs to, and what it does."""

    def __init__(
        self, settings: Settings, imaging: Imaging, database: Database, told_every_s: float = EVERY_S
    ) -> None:
        DIMSE.must_cover(f"dimse {service}" for service in SERVICES)
        self.store, self.sandbox = imaging.store, imaging.sandbox
        self._settings, self._imaging, self._database = settings, imaging, database
        self._rejected = Repeats(self._tell_rejected, Rejected("", "many", "", ""), told_every_s)

    async def close(self) -> None:
        await self._rejected.close()

    async def admit(self, calling: str, address: str, certificate: str) -> Caller | Stranger:
        """A device that was entered with a certificate calls with it; one that was not, without TLS."""
        async with self._database.system(writes=False) as session:
            known = await session.scalars(
                select(DicomPeer)
                .join(Hospital, Hospital.id == DicomPeer.hospital_id)
                .where(DicomPeer.ae_title == calling, Hospital.closed_at.is_(None))
            )
            at = {device.address: device for device in known}
        if not at:
            return Stranger.TITLE
        if address not in at:
            return Stranger.ADDRESS
        device = at[address]
        if device.certificate != certificate:
            return Stranger.CERTIFICATE
        await self._seen(device)
        return Caller(device.hospital_id, device.may_retrieve)

    async def _seen(self, device: DicomPeer) -> None:
        """For the hospital's page, once a minute, or at once behind a refusal; no association fails for it."""
        latest = device.seen_at
        is_mended = latest is not None and device.refused_at is not None and device.refused_at > latest
        if latest is not None and now() - latest < SEEN_EVERY and not is_mended:
            return
        try:
            async with self._database.system() as session:
                await session.execute(
                    update(DicomPeer).where(DicomPeer.id == device.id).values(seen_at=now())
                )
        except Exception:
            log.exception("that a device called could not be noted")

    async def rejected(self, calling: str, called: str, address: str, reason: str) -> None:
        await self._rejected.note(Rejected(address, reason, calling[:16], called[:16]))

    async def _tell_rejected(self, one: Rejected, count: int) -> None:
        async with self._database.system() as session:
            await audit(
                session,
                "reject-association",
                one.reason,
                by=None,
                hospital_id=0,
                calling=one.calling,
                called=one.called,
                address=one.address,
                count=count,
            )
            await entries.refused(session, one.calling, one.called, one.address, one.reason)

    async def commit(self, owner_id: int, received: Sequence[Received], sender: str) -> list[Committed]:
        return await self._imaging.receive(owner_id, received, "c-store")

    async def quarantine(self, owner_id: int, files: Sequence[Quarantined], source: str, sender: str) -> None:
        await self._imaging.quarantine(owner_id, files, source, sender)

    async def rows(self, statement: Select[Any]) -> Sequence[Any]:
        return await self._database.rows(statement)

    async def asked_for_commitment(
        self, owner_id: int, calling: str, transaction_uid: str, references: Sequence[Reference]
    ) -> int:
        async with self._database.system() as session:
            return await commitments.ask(session, owner_id, calling, transaction_uid, references)

    async def reported_commitment(self, request_id: int) -> None:
        async with self._database.system() as session:
            await commitments.taken(session, request_id)

    async def searched(self, owner_id: int, calling: str) -> None:
        async with self._database.system() as session:
            thing = f"hospital:{owner_id}"
            await audit(session, "list-studies", thing, by=None, hospital_id=owner_id, calling=calling)

    async def retrieved(self, owner_id: int, calling: str, study_id: int, destination: str) -> None:
        facts = {"calling": calling} | ({"destination": destination} if destination else {})
        async with self._database.system() as session:
            await audit(session, "view-study", f"study:{study_id}", by=None, hospital_id=owner_id, **facts)

    async def destination(self, owner_id: int, ae_title: str) -> Destination | None:
        async with self._database.system(writes=False) as session:
            return await connections.destination(session, self._settings, owner_id, ae_title)
