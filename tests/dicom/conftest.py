"""What several tests of dicom/ stand on: real files, a real sandbox, a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dicom import index
from dicom.gateway import Gateway, Limits
from dicom.sandbox import Sandbox
from dicom.store import BlobStore
from server.platform.db import end
from tests.dicom.gateway_site import Hospital, Requestor


@pytest_asyncio.fixture(scope="session")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(children=2, wall_s=15) as sandbox:
        yield sandbox


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs", b"k" * 32)


@pytest.fixture
async def hospital(store: BlobStore, sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Hospital]:
    hospital = Hospital(store, sandbox, tmp_path / "index.db")
    async with hospital.engine.begin() as connection:
        await connection.run_sync(index.metadata.create_all)
    yield hospital
    await end(hospital.engine)


@pytest.fixture
async def gateway(hospital: Hospital) -> AsyncIterator[Gateway]:
    gateway = Gateway(0, "HOICHAN", hospital, limits=Limits(negotiation_s=2, instance_bytes=64 << 20))
    await gateway.start()
    yield gateway
    await gateway.stop()


@pytest.fixture
async def connect(gateway: Gateway) -> AsyncIterator[Callable[[], Any]]:
    async with AsyncExitStack() as stack:

        async def connect() -> Requestor:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            stack.callback(writer.close)
            return Requestor(reader, writer)

        yield connect
