"""C-STORE as the user (PS3.4 B), of C-GET and C-MOVE: the stored bytes behind the file meta, as they lie."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Final

from dicom.gateway import command as commands
from dicom.gateway import pdu
from dicom.gateway.command import Command, Field, Status, Tag, Value
from dicom.gateway.link import Link
from dicom.gateway.part10 import data_set_offset
from dicom.gateway.pdu import AbortReason, BadPDU
from dicom.instance import BadInstance

_VALUES_AT_ONCE: Final = 4  # read from the disk at once
_HEAD_BYTES: Final = 64 << 10  # file meta information ends before
WARNINGS: Final = frozenset({0xB000, 0xB006, 0xB007})
_MEDIUM: Final = 0  # Priority


@dataclass(frozen=True, slots=True)
class Instance:
    """What is to be sent, and where it lies."""

    study_id: int
    sop_class_uid: str
    sop_uid: str
    transfer_syntax_uid: str
    path: Path


def context_for(link: Link, one: Instance) -> int | None:
    """Where it can go as it is; None: the other side has not agreed to its class or transfer syntax."""
    wanted = one.sop_class_uid, one.transfer_syntax_uid
    return next((id_ for id_ in link.sendable if link.syntaxes[id_] == wanted), None)


class Outcome(Enum):
    """Of a sub-operation (PS3.4 C.4.2.1.6)."""

    COMPLETED = "completed"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(slots=True, eq=False)
class Sender:
    """Sends instances on a link, one after the other. `asked`: the C-GET whose C-CANCEL may come meanwhile."""

    link: Link
    asked: Command | None = None
    originator: Mapping[Tag, Value] | None = None  # of a C-MOVE
    is_cancelled: bool = False
    is_broken: bool = False  # nothing more can be sent

    async def send(self, one: Instance) -> Outcome:
        """Raises what the link raises; then nothing more can be sent on it."""
        context_id = context_for(self.link, one)
        if context_id is None:
            return Outcome.FAILED
        try:
            file, size_bytes = await asyncio.to_thread(_open, one.path)
        except (OSError, BadInstance):
            return Outcome.FAILED
        with closing(file):
            message_id = self.link.message_id()
            request = commands.request(
                Field.C_STORE_RQ,
                message_id,
                {
                    Tag.AFFECTED_SOP_CLASS: one.sop_class_uid,
                    Tag.AFFECTED_SOP_INSTANCE: one.sop_uid,
                    Tag.PRIORITY: _MEDIUM,
                    **(self.originator or {}),
                },
            )
            await self.link.message(context_id, request)
            await self._copy(context_id, file, size_bytes)
        status = await self._answer_to(message_id)
        if status == Status.SUCCESS:
            return Outcome.COMPLETED
        return Outcome.WARNING if status in WARNINGS else Outcome.FAILED

    async def _copy(self, context_id: int, file: BinaryIO, left_bytes: int) -> None:
        most = pdu.value_bytes(self.link.data_bytes)
        while left_bytes:
            chunk = await asyncio.to_thread(file.read, min(left_bytes, most * _VALUES_AT_ONCE))
            if not chunk:
                raise BadPDU(
                    AbortReason.NOT_SPECIFIED
                )  # the disk gave less than it had: half an image is none
            left_bytes -= len(chunk)
            for start in range(0, len(chunk), most):
                value = chunk[start : start + most]
                is_last = not left_bytes and start + most >= len(chunk)
                await self.link.send(pdu.data(context_id, value, is_command=False, is_last=is_last))

    async def _answer_to(self, message_id: int) -> int:
        while True:
            _, heard = await self.link.next_command()
            if (
                heard.field == Field.C_STORE_RSP
                and heard.responded_to == message_id
                and not heard.has_data_set
            ):
                return heard.status
            if self.asked is None or heard.field != Field.C_CANCEL_RQ:
                raise BadPDU(AbortReason.UNEXPECTED)
            self.is_cancelled |= heard.responded_to == self.asked.message_id


def _open(path: Path) -> tuple[BinaryIO, int]:
    """A file at the beginning of its data set, and how long that is. Raises OSError, BadInstance."""
    file = path.open("rb")
    try:
        offset = data_set_offset(file.read(_HEAD_BYTES))
        size_bytes = os.fstat(file.fileno()).st_size - offset
        if size_bytes <= 0:
            raise BadInstance("empty")
        file.seek(offset)
    except BaseException:
        file.close()
        raise
    return file, size_bytes
