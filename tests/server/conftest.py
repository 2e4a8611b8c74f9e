"""Houses: running services with made-up people, one that tests share and one of a test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import argon2
import pytest

from server.people import sign_in
from tests.conftest import DATABASES, Templates
from tests.server.house import House, open_house
from tests.services import Services

real_hasher = sign_in.hasher


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """A password costs a quarter of a second and 64 MiB, as it should: not here, where thousands are asked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sign_in, "hasher", cache(lambda: argon2.PasswordHasher(1, 8, 1)))
        yield


@pytest.fixture(scope="session", params=DATABASES)
async def shared_house(
    request: pytest.FixtureRequest,
    services: Services,
    templates: Templates,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp(f"house-{request.param}")
    if request.param == "sqlite":
        url = await templates.sqlite(folder)
    else:
        url = await templates.postgresql(f"house_{uuid4().hex}")
    async with open_house(url, folder) as house:
        yield house


@pytest.fixture
def house(request: pytest.FixtureRequest, shared_house: House) -> House:
    """The service that tests share: each makes its own cases. Runs once on each database."""
    kind = "sqlite" if shared_house.database.is_sqlite else "postgresql"
    request.node.user_properties.append(("database", kind))
    return shared_house


@pytest.fixture
async def own_house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A service that no other test sees."""
    async with open_house(database_url, tmp_path) as house:
        yield house
