"""What each process is made of, and the supervisor that keeps them running side by side."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from enum import StrEnum
from pathlib import Path

from server.platform.settings import Settings

log = logging.getLogger(__name__)

RESTART_S = (0.5, 1, 2, 5, 10)  # the longer it keeps falling, the longer we wait
STEADY_S = 30.0
FIRST_S = 20.0
GARBAGE_AFTER = 20_000  # objects; a request makes hundreds, and hardly any that point at each other


DEMO_IS_THERE = ".demo"
MIGRATIONS = Path(__file__).parent / "migrations" / "versions"


def must_migrate(settings: Settings) -> bool:
    """Whether the tables may be older than this version. Looked up by hand where the database is a file:
    the second start is to take a second, and Alembic alone takes that.
    """
    if settings.database_url.get_secret_value():
        return True
    head = max(path.name.partition("_")[0] for path in MIGRATIONS.glob("[0-9]*.py"))
    path = settings.data_dir / "hoichan.db"
    if not path.exists():
        return True
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=15)) as connection:
            return connection.execute("SELECT version_num FROM alembic_version").fetchall() != [(head,)]
    except sqlite3.Error:
        return True


class ProcessRole(StrEnum):
    WEB = "web"
    GATEWAY = "gateway"
    WORKER = "worker"


def run_role(role: ProcessRole, settings: Settings) -> None:
    """Be one process of the service until told to stop."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(RUNNERS[role](settings))


async def _until_told() -> None:
    """Wait for SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    await stop.wait()


async def web(settings: Settings) -> None:
    gc.disable()  # nothing that comes now is garbage
    from aiohttp.web import AppRunner, TCPSite

    from server.app import build_app

    runner = AppRunner(build_app(settings), access_log=None, shutdown_timeout=5)
    await runner.setup()
    await TCPSite(runner, settings.host, settings.port, backlog=512).start()
    gc.freeze()  # what is here now stays: a collection need not walk through it while a frame waits
    gc.set_threshold(GARBAGE_AFTER)
    gc.enable()
    log.info("web is open")
    await _until_told()
    await runner.cleanup()


async def gateway(settings: Settings) -> None:
    from dicom.gateway import Gateway
    from server.imaging import Imaging
    from server.peers import Peers, secure_port
    from server.platform.db import Database

    database = Database(settings.database)
    imaging = Imaging(settings, database)
    async with imaging.sandbox:
        peers = Peers(settings, imaging, database)
        door = Gateway(
            settings.dimse_port,
            settings.dimse_ae_title,
            peers,
            host=settings.dimse_listen,
            secure=secure_port(settings),
        )
        await door.start()
        await _until_told()
        await door.stop()
        await peers.close()
    await database.close()


async def worker(settings: Settings) -> None:
    from server.consultation import deliveries, evidence
    from server.delivering import Deliverer
    from server.imaging import Imaging
    from server.leaving import Leaving
    from server.models import NAME_BLOBS
    from server.pacs import commitments
    from server.pacs.retrievals import Retriever
    from server.platform import keys, orphans, upkeep
    from server.platform.bus import make_bus
    from server.platform.db import Database
    from server.platform.jobs import work
    from server.quarantine import record
    from server.teaching.making import Maker

    database = Database(settings.database)
    imaging = Imaging(settings, database)
    reporter = commitments.Reporter(settings, database, imaging.store)
    leaving = Leaving(database, imaging)
    handlers: dict[str, Callable[..., Awaitable[None]]] = {
        "frames": imaging.prepare,
        commitments.JOB: reporter.report,
        evidence.JOB: leaving.make,
        deliveries.JOB: Deliverer(settings, database, imaging.store).deliver,
        **Maker(settings, database, imaging.store, imaging.sandbox, imaging.receive).handlers(),
    }
    key = keys.derive(settings.key, "audit")
    pulling = Retriever(
        settings, database, imaging.store, imaging.sandbox, imaging.receive, imaging.quarantine
    )
    async with imaging.sandbox, make_bus(settings) as bus:
        clocks = (
            work(database, handlers),
            work(database, handlers),
            pulling.work(),
            pulling.work(),
            upkeep.every(upkeep.OUTBOX_S, lambda: upkeep.deliver(database, bus.publish)),
            upkeep.every(upkeep.ANCHOR_S, lambda: upkeep.anchor(database, settings.anchors, key)),
            upkeep.every(upkeep.SWEEP_S, lambda: upkeep.tidy(database)),
            upkeep.every(upkeep.SWEEP_S, lambda: commitments.forget(database)),
            upkeep.every(upkeep.SWEEP_S, lambda: record.forget(database)),
            upkeep.every(upkeep.SWEEP_S, imaging.trim_frames),
            upkeep.every(orphans.EVERY_S, lambda: orphans.clear(database, imaging.store, NAME_BLOBS)),
        )
        tasks = [asyncio.create_task(clock) for clock in clocks]
        await _until_told()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await database.close()


RUNNERS: dict[ProcessRole, Callable[[Settings], Coroutine[None, None, None]]] = {
    ProcessRole.WEB: web,
    ProcessRole.GATEWAY: gateway,
    ProcessRole.WORKER: worker,
}


def run_all(settings: Settings, *, extra: tuple[str, ...] = ()) -> int:
    """Supervise one process a role; `extra` is a command to run once beside them."""
    return asyncio.run(_supervise(settings, extra))


async def _supervise(settings: Settings, extra: tuple[str, ...]) -> int:
    """The pages first, alone on the machine until they answer; then the rest."""
    tasks = [asyncio.create_task(_keep(ProcessRole.WEB))]
    told = asyncio.create_task(_until_told())
    open_ = asyncio.create_task(_is_open(settings.host, settings.port))
    await asyncio.wait([told, open_], return_when=asyncio.FIRST_COMPLETED)
    open_.cancel()
    if not told.done():
        tasks += [asyncio.create_task(_keep(role)) for role in ProcessRole if role is not ProcessRole.WEB]
        if extra:
            tasks.append(asyncio.create_task(_once(extra)))
        await told
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return 0


async def _is_open(host: str, port: int) -> None:
    """Wait until something listens there, at most FIRST_S."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FIRST_S):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(host, port)
                    writer.close()
                    return
                await asyncio.sleep(0.05)


async def _once(command: tuple[str, ...]) -> None:
    await _child(command)


async def _keep(role: ProcessRole) -> None:
    """Start the role, and start it again when it falls."""
    falls = 0
    while True:
        began = time.monotonic()
        code = await _child(("run", "--role", role.value))
        falls = 0 if time.monotonic() - began > STEADY_S else falls + 1
        log.error("%s ended with %s, starting it again", role.value, code)
        await asyncio.sleep(RESTART_S[min(falls, len(RESTART_S) - 1)])


async def _child(arguments: tuple[str, ...]) -> int:
    """Run `python -m server …` until it ends; a cancelled wait ends the child."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server", *arguments, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    try:
        return await child.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        try:
            async with asyncio.timeout(10):
                await child.wait()
        except TimeoutError:
            child.kill()
        raise
