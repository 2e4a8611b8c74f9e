"""What several tests of dicom/ stand on: real files, a real sandbox, a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from dicom.sandbox import Sandbox
from dicom.store import BlobStore


@pytest_asyncio.fixture(scope="session")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(children=2, wall_s=15) as sandbox:
        yield sandbox


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs", b"k" * 32)
