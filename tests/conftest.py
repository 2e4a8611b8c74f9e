"""What every test may ask for: real servers, an empty database of each kind, a browser."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.product import Site, hoichan
from tests.services import NotInstalled, Orthanc, PostgreSQL, Services, Turn, program

DATABASES = ("sqlite", "postgresql")
IS_CI = os.environ.get("CI") == "true"
BROWSER_WAIT_MS = 20_000  # how long at most: what is there sooner is taken sooner
expect.set_options(timeout=BROWSER_WAIT_MS)
CHROMIUM_FLAGS = (
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    # No third party, whatever a page asks for: only this machine has a name.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)
# Fewer frames to encode and decode, in software, beside all else that a test runs.
SLOW_CAMERA = "--use-fake-device-for-media-stream=fps=5"
NewPage = Callable[..., Awaitable[Page]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deal the long tests out to the workers, each at the start of its share: none begins one when others end.

    Under CI, on a machine that others load too, a test that fails is tried once more, and the last lines say
    which and why: each is a race to find, ours or the test's. On one's own machine a failure is a failure.
    """
    for item in items if IS_CI else ():
        item.add_marker(pytest.mark.flaky(reruns=1))
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    long = [item for item in items if item.get_closest_marker("long")]
    others = iter([item for item in items if not item.get_closest_marker("long")])
    left, dealt = len(items), []
    for worker in range(workers):
        share = left // (workers - worker)  # as xdist's worksteal cuts it
        first = long[worker::workers]
        dealt += [*first, *islice(others, max(0, share - len(first)))]
        left -= share
    items[:] = [*dealt, *others]


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    with Services() as running:
        yield running


def asked(ask: Callable[[], Any]) -> Any:
    """What a missing server means: a line on one's own machine, a failure under CI (see below)."""
    try:
        return ask()
    except NotInstalled as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def redis_url(services: Services) -> str:
    return str(asked(lambda: services.redis))


@pytest.fixture(scope="session")
def postgresql(services: Services) -> PostgreSQL:
    cluster: PostgreSQL = asked(lambda: services.postgresql)
    return cluster


@pytest.fixture(scope="session")
def orthanc(services: Services) -> Orthanc:
    archive: Orthanc = asked(lambda: services.orthanc)
    return archive


@pytest.fixture(scope="session")
def turn(services: Services) -> Turn:
    server: Turn = asked(lambda: services.turn)
    return server


@pytest.fixture(scope="session")
def site(services: Services, turn: Turn) -> Iterator[Site]:
    """The whole service as `make run` starts it, with a TURN server; shared, so leave no trap for others."""
    with hoichan(services.folder("site"), turn_urls=turn.url, turn_secret=turn.secret) as running:
        yield running


class Templates:
    """Databases migrated once, copied for each test: a copy takes milliseconds, migrations seconds."""

    def __init__(self, services: Services, folder: Path) -> None:
        self._services = services
        self._sqlite = folder / "template.db"
        self._has_postgresql = False

    async def sqlite(self, folder: Path) -> str:
        from server.platform.db import migrate

        if not self._sqlite.exists():
            await migrate(f"sqlite+aiosqlite:///{self._sqlite}")
        copy = shutil.copy(self._sqlite, folder / "hoichan.db")
        return f"sqlite+aiosqlite:///{copy}"

    async def postgresql(self, name: str) -> str:
        from server.platform.db import migrate

        cluster: PostgreSQL = asked(lambda: self._services.postgresql)
        if not self._has_postgresql:
            await cluster.do("DROP DATABASE IF EXISTS template WITH (FORCE)")  # of a migration that failed
            await cluster.do("CREATE DATABASE template")
            await migrate(cluster.url("template"))
            self._has_postgresql = True
        # Copied as files, without a log of it: a fifth of the time.
        await cluster.do(f"CREATE DATABASE {name} TEMPLATE template STRATEGY FILE_COPY")
        return cluster.url(name)


@pytest.fixture(scope="session")
def templates(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return Templates(services, tmp_path_factory.mktemp("templates"))


@pytest.fixture(params=DATABASES)
async def database_url(
    request: pytest.FixtureRequest, services: Services, templates: Templates, tmp_path: Path
) -> AsyncIterator[str]:
    """The SQLAlchemy URL of an empty, migrated database; the test runs once on each kind."""
    request.node.user_properties.append(("database", request.param))
    if request.param == "sqlite":
        yield await templates.sqlite(tmp_path)
        return
    name = f"test_{uuid4().hex}"
    url = await templates.postgresql(name)
    yield url
    await services.postgresql.do(f"DROP DATABASE {name} WITH (FORCE)")


def chromium_flags() -> list[str]:
    # Chromium's own sandbox refuses to run as root.
    return [*CHROMIUM_FLAGS, SLOW_CAMERA, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium with a made-up camera and microphone, and no way out of this machine."""
    path = asked(lambda: program("chromium-headless-shell", "chromium"))
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=chromium_flags())
        yield chromium
        await chromium.close()


@asynccontextmanager
async def pages(browser: Browser) -> AsyncIterator[NewPage]:
    """Open a page for one more person: a browser context of its own. Errors in scripts fail the test."""
    contexts = []
    complaints: list[str] = []

    async def open_page(**options: Any) -> Page:
        context = await browser.new_context(locale="vi-VN", timezone_id="Asia/Ho_Chi_Minh", **options)
        await context.grant_permissions(["camera", "microphone"])
        contexts.append(context)
        context.set_default_timeout(BROWSER_WAIT_MS)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None
        )
        return page

    yield open_page
    found = list(complaints)  # what closing tears away, a script still loading, is nobody's mistake
    for context in contexts:
        await context.close()
    assert found == []


@pytest.fixture
async def new_page(browser: Browser) -> AsyncIterator[NewPage]:
    async with pages(browser) as opened:
        yield opened


@pytest.fixture
async def page(new_page: NewPage) -> Page:
    return await new_page()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """Under CI a test that does not run has failed."""
    report = yield
    return refuse_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    report = yield
    return refuse_skip(report)


def refuse_skip(report: Any) -> Any:
    if IS_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped under CI: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say on which databases the tests ran."""
    passed = terminalreporter.stats.get("passed", [])
    kinds = Counter(value for report in passed for key, value in report.user_properties if key == "database")
    terminalreporter.write_line("passed on " + ", ".join(f"{name}: {kinds[name]}" for name in DATABASES))
    for report in terminalreporter.stats.get("rerun", []):
        because = getattr(getattr(report.longrepr, "reprcrash", None), "message", "").partition("\n")[0]
        steps = getattr(getattr(report.longrepr, "reprtraceback", None), "reprentries", [])
        lines = " > ".join(str(step.reprfileloc.lineno) for step in steps if step.reprfileloc)
        terminalreporter.write_line(f"tried once more: {report.nodeid}: lines {lines}: {because}")
