"""Real servers for tests and benches, each on free ports with its files in a temporary folder.

Every server is started when first asked for, leads a process group of its own, and is killed with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg

ROOT = Path(__file__).resolve().parent.parent
START_S = 60.0
ATTEMPTS = 3
HOST = "127.0.0.1"


class NotInstalled(Exception):
    """A server that the tests need is not on this machine: `make test` installs it where it may."""


class NotStarted(Exception):
    """The server ended, or its port stayed closed: the end of its log is the message."""


def program(*names: str) -> str:
    """The first of these programs that is there, by name on PATH or by whole path."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise NotInstalled(f"{names[0]} is not installed: type `make test` once as root")
    return found


def environment(more: dict[str, str]) -> dict[str, str]:
    """Ours with `more`, and without the settings of a service that a developer runs."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HOICHAN_")}
    return ours | more


def free_ports(count: int) -> list[int]:
    """Ports that nobody has now. Another may take one before we do: `started` tries again."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def until(is_so: Callable[[], bool], complaint: str) -> None:
    """Wait, but not for ever. Raises NotStarted."""
    latest = time.monotonic() + START_S
    while not is_so():
        if time.monotonic() > latest:
            raise NotStarted(complaint)
        time.sleep(0.01)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a server to answer, or to end. Raises NotStarted with the last that it said."""
    until(lambda: is_open(port) or process.poll() is not None, f"{process.args!r} is silent")
    if process.poll() is not None:
        raise NotStarted(f"{process.args!r}: {log.read_text(errors='replace')[-2000:]}")


def end(process: subprocess.Popen[bytes], first: signal.Signals) -> None:
    """End a process and all it started, gently when `first` is not SIGKILL."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(first)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass(frozen=True)
class Server:
    """How to start one server: its command for given ports (the first is the one that tells it is up)."""

    command: Callable[[list[int]], Sequence[str]]
    folder: Path
    ports: int = 1
    user: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    cwd: Path | None = None

    def start(self) -> tuple[subprocess.Popen[bytes], list[int]]:
        for _ in range(ATTEMPTS - 1):
            with contextlib.suppress(NotStarted):
                return self._start(free_ports(self.ports))
        return self._start(free_ports(self.ports))

    def _start(self, ports: list[int]) -> tuple[subprocess.Popen[bytes], list[int]]:
        log = self.folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.command(ports),
                cwd=self.cwd or self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(self.env),
                user=self.user,
                group=None if self.user is None else pwd.getpwnam(self.user).pw_gid,
                extra_groups=None if self.user is None else [],
                start_new_session=True,
            )
        try:
            wait_for(ports[0], process, log)
        except NotStarted:
            end(process, signal.SIGKILL)
            raise
        return process, ports


@contextmanager
def started(server: Server, ended_by: signal.Signals = signal.SIGKILL) -> Iterator[list[int]]:
    """Run a server; yields its ports once the first of them answers."""
    process, ports = server.start()
    try:
        yield ports
    finally:
        end(process, ended_by)


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis that keeps nothing; yields its URL."""
    path = program("redis-server")

    def command(ports: list[int]) -> list[str]:
        keep_nothing = ["--save", "", "--appendonly", "no"]
        return [path, "--bind", HOST, "--port", str(ports[0]), "--dir", str(folder), *keep_nothing]

    with started(Server(command, folder)) as (port,):
        yield f"redis://{HOST}:{port}/0"


@dataclass(frozen=True)
class PostgreSQL:
    """A cluster whose superuser needs no password. It does not sync to disk: tests do not outlive a crash."""

    port: int

    def url(self, database: str) -> str:
        """The URL as SQLAlchemy takes it."""
        return f"postgresql+asyncpg://postgres@{HOST}:{self.port}/{database}"

    async def do(self, statement: str) -> None:
        connection = await asyncpg.connect(host=HOST, port=self.port, user="postgres", database="postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def postgresql(folder: Path) -> Iterator[PostgreSQL]:
    """A PostgreSQL cluster of its own, owned by `postgres` when we are root: it refuses to run as root."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    newest = [str(path / "postgres") for path in reversed(installed)]
    server = program(*newest, "postgres")
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    data = folder / "data"
    initdb = [str(Path(server).with_name("initdb")), "-D", str(data), "-U", "postgres", "-A", "trust"]
    subprocess.run(
        [*initdb, "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"],
        cwd=folder,
        user=user,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    fast = [
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        f"unix_socket_directories={folder}",
    ]

    def command(ports: list[int]) -> list[str]:
        options = [word for setting in fast for word in ("-c", setting)]
        return [server, "-D", str(data), "-h", HOST, "-p", str(ports[0]), *options]

    # SIGQUIT is PostgreSQL's immediate shutdown: it leaves no shared memory behind, as SIGKILL would.
    with started(Server(command, folder, user=user), signal.SIGQUIT) as (port,):
        # The port opens before the cluster takes anyone.
        ready = [str(Path(server).with_name("pg_isready")), "-q", "-h", HOST, "-p", str(port)]
        until(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL takes nobody")
        yield PostgreSQL(port)


@dataclass(frozen=True)
class Orthanc:
    """An archive of another maker: REST and DICOMweb on `url`, DIMSE on `dimse_port`."""

    url: str
    dimse_port: int
    ae_title: str = "ORTHANC"

    @property
    def dicomweb_url(self) -> str:
        return f"{self.url}/dicom-web"


@contextmanager
def orthanc(folder: Path) -> Iterator[Orthanc]:
    path = program("Orthanc", "/usr/sbin/Orthanc")

    def command(ports: list[int]) -> list[str]:
        settings = folder / "orthanc.json"
        settings.write_text(json.dumps(orthanc_settings(folder, *ports)))
        return [path, str(settings)]

    # Without TCP_NODELAY, dcmtk waits 40 ms for each acknowledgement: an unfair peer.
    with started(Server(command, folder, ports=2, env={"TCP_NODELAY": "1"})) as (http, dimse):
        yield Orthanc(f"http://{HOST}:{http}", dimse)


def orthanc_settings(folder: Path, http_port: int, dimse_port: int) -> dict[str, object]:
    return {
        "Name": "orthanc",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "index"),
        "Plugins": ["/usr/share/orthanc/plugins"],
        "HttpPort": http_port,
        "HttpBindAddresses": [HOST],
        "DicomAet": "ORTHANC",
        "DicomPort": dimse_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
        "DicomCheckCalledAet": False,
        "DefaultEncoding": "Utf8",  # else it answers without the letters of Vietnamese names
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }


@dataclass(frozen=True)
class Turn:
    """A TURN server over UDP and TCP that takes short HMAC credentials made with `secret`."""

    port: int
    secret: str

    @property
    def url(self) -> str:
        return f"turn:{HOST}:{self.port}?transport=udp"


@contextmanager
def coturn(folder: Path) -> Iterator[Turn]:
    path = program("turnserver")
    secret = "made-up-secret-of-the-tests"

    def command(ports: list[int]) -> list[str]:
        files = [f"--userdb={folder / 'turn.db'}", f"--pidfile={folder / 'pid'}", "--log-file=stdout"]
        # coturn picks relay ports in order: each worker's range must be its own.
        relays = [f"--min-port={ports[1]}", f"--max-port={min(ports[1] + 200, 65535)}"]
        here = [f"--listening-ip={HOST}", f"--relay-ip={HOST}", f"--listening-port={ports[0]}"]
        who = ["--realm=hoichan.test", "--use-auth-secret", f"--static-auth-secret={secret}"]
        less = ["--no-tls", "--no-dtls", "--no-cli", "--allow-loopback-peers"]
        return [path, "-n", *here, *relays, *who, *less, *files]

    with started(Server(command, folder, ports=2)) as (port, _):
        yield Turn(port, secret)


class Services:
    """The servers of one test process, each started when first asked for."""

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        # Not pytest's folder: the user `postgres` may not look into it.
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="hoichan-")))
        self._folder.chmod(0o755)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def folder(self, name: str) -> Path:
        path = self._folder / name
        path.mkdir()
        return path

    @cached_property
    def redis(self) -> str:
        return self._stack.enter_context(redis(self.folder("redis")))

    @cached_property
    def postgresql(self) -> PostgreSQL:
        return self._stack.enter_context(postgresql(self.folder("postgresql")))

    @cached_property
    def orthanc(self) -> Orthanc:
        return self._stack.enter_context(orthanc(self.folder("orthanc")))

    @cached_property
    def turn(self) -> Turn:
        return self._stack.enter_context(coturn(self.folder("coturn")))
