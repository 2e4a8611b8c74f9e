"""A machine that has nothing: the tracked files in a bare Debian, or in an empty home with empty caches.

`make fresh-check` proves there that `make run` and `make test` bring all they need.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.terminal import ROOT, Report, Stop, say, shown, succeeds

RELEASE = "bookworm"
BARE = "python3,python3-venv,make,ca-certificates"
PATIENCE_S = 300
CLONE = Path("srv/hoichan")  # inside the bare root

# How this machine reaches the network goes along; nothing of it is kept in the project.
NETWORK_FILES = (
    "/etc/resolv.conf",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pip.conf",
    "/etc/uv/uv.toml",
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d/debian.sources",
    "~/.npmrc",
    "~/.pip/pip.conf",
    "~/.config/pip/pip.conf",
    "~/.config/uv/uv.toml",
)
NETWORK_VARIABLES = ("PIP_", "UV_", "NPM_CONFIG_", "SSL_CERT_", "NODE_EXTRA_CA_", "REQUESTS_CA_")
PROXY_VARIABLES = {"http_proxy", "https_proxy", "no_proxy", "all_proxy"}

# In a mount and process space of its own, all of it is gone when the first process ends, even when killed.
ENTER = """
root=$1; shift
mount --bind "$root" "$root" # network namespaces (ip-netns) want a mount where the root is
mount --bind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t proc proc "$root/proc"
exec chroot "$root" /usr/bin/env -i "$@"
"""


def network_environment() -> dict[str, str]:
    chosen = {
        name: value
        for name, value in os.environ.items()
        if name.upper().startswith(NETWORK_VARIABLES) or name.lower() in PROXY_VARIABLES
    }
    # Folders of this machine do not go along.
    return {name: value for name, value in chosen.items() if name not in {"PIP_FIND_LINKS", "UV_FIND_LINKS"}}


def export(folder: Path) -> None:
    """Lay out the tracked files of HEAD, as a clone would."""
    folder.mkdir(parents=True)
    archive = subprocess.Popen(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", str(folder)], stdin=archive.stdout, check=True)
    if archive.wait():
        raise Stop("git archive failed: is this a git clone?")


@dataclass(frozen=True)
class Machine:
    """Where a command runs: `enter` is put before it, `env` is all its environment."""

    folder: Path
    enter: Sequence[str]
    env: dict[str, str]

    def command(self, *words: str, **more: str) -> list[str]:
        settings = [f"{name}={value}" for name, value in {**self.env, **more}.items()]
        return [*self.enter, *settings, *words]

    def first_answer(self) -> float:
        """Seconds from `make run` to the first answer of /healthz; the service is then ended."""
        port, dimse_port = free_port(), free_port()
        began = time.monotonic()
        process = subprocess.Popen(
            self.command(
                *("make", "-C", str(self.folder), "run"),
                HOICHAN_LISTEN=f"127.0.0.1:{port}",
                HOICHAN_DIMSE_PORT=str(dimse_port),
            ),
            start_new_session=True,
        )
        try:
            wait_for_answer(f"http://127.0.0.1:{port}/healthz", process)
            return time.monotonic() - began
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def wait_for_answer(url: str, process: subprocess.Popen[bytes]) -> None:
    latest = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < latest:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 (our own http address)
                answer.read()
            return
        except OSError:
            time.sleep(0.05)
    raise Stop(f"no answer from {url}: the service ended, or said nothing for {PATIENCE_S} s")


@contextmanager
def empty_home() -> Iterator[Machine]:
    """The machine of now, with no cache and nothing installed by us: a fresh clone of a new user."""
    with tempfile.TemporaryDirectory(prefix="hoichan-fresh-") as name:
        folder = Path(name)
        export(folder / "hoichan")
        home = folder / "home"
        home.mkdir()
        for file in NETWORK_FILES:
            if file.startswith("~"):
                copy(Path(file).expanduser(), home / file.removeprefix("~/"))
        env = {**network_environment(), "HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        yield Machine(folder / "hoichan", ["env", "-i"], env)


@contextmanager
def bare_debian() -> Iterator[Machine]:
    """A Debian with python3, venv, make and certificates alone."""
    if os.geteuid() or not shutil.which("debootstrap"):
        raise Stop("make fresh-check cần quyền root và debootstrap / needs root and debootstrap.")
    with tempfile.TemporaryDirectory(prefix="hoichan-fresh-") as name:
        root = Path(name) / "root"
        say("making a bare Debian")
        if not succeeds(["debootstrap", "--variant=minbase", f"--include={BARE}", RELEASE, str(root)]):
            raise Stop("debootstrap không xong: xem lỗi ở trên / debootstrap failed, see above.")
        for file in NETWORK_FILES:
            copy(Path(file).expanduser(), root / file.replace("~", "/root").lstrip("/"))
        export(root / CLONE)
        space = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
        env = {**network_environment(), "HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        yield Machine(Path("/") / CLONE, [*space, "sh", "-ec", ENTER, "enter", str(root)], env)


def copy(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def check(*only: str) -> int:
    """Run both commands in a bare Debian."""
    report = Report()
    with bare_debian() as machine:
        if "test" not in only:
            report.step("first start", lambda: said(machine.first_answer()))
            report.step("second start", lambda: said(machine.first_answer()))
        if "run" not in only:
            test = machine.command("make", "-C", str(machine.folder), "test", CI="true")
            report.step("make test", lambda: shown(test))
    report.show()
    return 0 if report.passed else 1


def said(seconds: float) -> None:
    print(f"first answer after {seconds:.1f} s", file=sys.stderr, flush=True)
