"""`device`: who may call the gateway, said on the command line and true at once."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from dicom.gateway.ports import Stranger
from server.__main__ import app
from server.imaging import Imaging
from server.peers import Peers
from server.platform.db import Database
from server.platform.events import Audit
from server.platform.settings import Settings
from tests.services import environment

HOSPITAL = ("--hospital", "44012")


@dataclass(frozen=True)
class Place:
    """A service with one hospital, and its command line."""

    settings: Settings
    env: dict[str, str]

    def run(self, *words: str, code: int = 0) -> str:
        mask = os.umask(0o022)
        try:  # here, not in a process of its own: to start one takes a second
            done = CliRunner().invoke(app, list(words), env=self.env)
        finally:
            os.umask(mask)
        assert done.exit_code == code, done.output
        return done.output


@pytest.fixture
def place(tmp_path: Path) -> Place:
    settings = Settings(data_dir=tmp_path / "data", secret_key="k" * 32)
    env = environment({"HOICHAN_DATA_DIR": str(settings.data_dir), "HOICHAN_SECRET_KEY": "k" * 32})
    place = Place(settings, env)
    name = ("--name", "Lê Thị Hoa", "--hospital-name", "BVĐK Lệ Thủy")
    place.run("user", "administrator", "quantri", *name, *HOSPITAL)
    return place


async def admitted(settings: Settings, *pairs: tuple[str, str]) -> list[bool | None]:
    """Of each title and address, whether it may retrieve; None: nobody known."""
    database = Database(settings.database)
    peers = Peers(settings, Imaging(settings, database), database)
    callers = [await peers.admit(*pair, "") for pair in pairs]
    await peers.close()
    await database.close()
    return [None if isinstance(caller, Stranger) else caller.may_retrieve for caller in callers]


def test_a_device_is_added_changed_listed_and_removed(place: Place) -> None:
    here, elsewhere = ("CT_1", "192.168.1.20"), ("CT_1", "192.168.1.21")
    assert asyncio.run(admitted(place.settings, here)) == [None]
    assert "Chưa có máy nào" in place.run("device", "list")
    assert "gửi ảnh của BVĐK Lệ Thủy" in place.run("device", "add", *here, *HOSPITAL)
    assert asyncio.run(admitted(place.settings, here, elsewhere)) == [False, None]
    place.run("device", "add", *here, *HOSPITAL, "--may-retrieve")
    assert asyncio.run(admitted(place.settings, here)) == [True]
    assert place.run("device", "list").split() == ["44012", "CT_1", "192.168.1.20", "gửi,", "lấy"]
    place.run("device", "remove", *here)
    assert asyncio.run(admitted(place.settings, here)) == [None]

    async def audited() -> list[str]:
        database = Database(place.settings.database)
        async with database.system(writes=False) as session:
            actions = await session.scalars(select(Audit.action).where(Audit.object.like("device:%")))
        await database.close()
        return list(actions)

    assert asyncio.run(audited()) == ["add-device", "change-device", "remove-device"]


REFUSED = (
    (("add", "CT\\1", "192.168.1.20", *HOSPITAL), "16 ký tự"),
    (("add", "M" * 17, "192.168.1.20", *HOSPITAL), "16 ký tự"),
    (("add", "CT_1", "may-ct", *HOSPITAL), "địa chỉ IP"),
    (("add", "CT_1", "192.168.1.20", "--hospital", "99999"), "Không có mã cơ sở này"),
    (("remove", "CT_9", "192.168.1.20"), "device list"),
)


def test_what_is_no_device_is_refused_in_plain_words(place: Place) -> None:
    for words, said in REFUSED:
        assert said in place.run("device", *words, code=2)
    assert "Chưa có máy nào" in place.run("device", "list")
