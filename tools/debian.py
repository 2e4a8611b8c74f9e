"""Debian packages that the tests meet as real peers: databases, an archive, a TURN server, a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.terminal import say, succeeds

PACKAGES = (
    "caddy",
    "chromium",
    "chromium-headless-shell",
    "coturn",
    "dcmtk",
    "dicom3tools",
    "iproute2",
    "janus",
    "orthanc",
    "orthanc-dicomweb",
    "poppler-utils",
    "postgresql",
    "redis-server",
    "wrk",
)
APT = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
POLICY = Path("/usr/sbin/policy-rc.d")


def missing() -> list[str]:
    """The packages that dpkg does not count as installed."""
    listing = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *PACKAGES],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    installed = {line.split()[0] for line in listing.splitlines() if line.endswith(" installed")}
    return [name for name in PACKAGES if name not in installed]


def as_root(command: list[str]) -> list[str]:
    return command if os.geteuid() == 0 else ["sudo", "-n", *command]


@contextmanager
def no_service_starts() -> Iterator[None]:
    """Tests start their own servers on free ports: the packages' own must not start (Debian policy 9.3.3)."""
    if POLICY.exists():
        yield
        return
    succeeds(as_root(["sh", "-c", f"printf '#!/bin/sh\\nexit 101\\n' >{POLICY} && chmod 755 {POLICY}"]))
    try:
        yield
    finally:
        succeeds(as_root(["rm", "-f", str(POLICY)]))


def install() -> bool:
    """Bring in what is missing. Says what to type where it may not, and leaves the rest to the tests."""
    if not shutil.which("dpkg-query"):
        say(f"not a Debian machine: please install by hand {' '.join(PACKAGES)}")
        return True
    wanted = missing()
    if not wanted:
        return True
    if os.geteuid() and not succeeds(["sudo", "-n", "true"]):
        say(f"please type: sudo apt-get install -y --no-install-recommends {' '.join(wanted)}")
        return "CI" not in os.environ
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = as_root([*APT, "install", "-y", "--no-install-recommends", *wanted])
    say(f"apt-get install {' '.join(wanted)}")
    with no_service_starts():
        # A list of packages may be absent or stale: read it only then, it takes seconds.
        return quietly(command, env) or (succeeds(as_root([*APT, "update"]), env) and succeeds(command, env))


def quietly(command: list[str], env: dict[str, str]) -> bool:
    return subprocess.run(command, env=env, capture_output=True, check=False).returncode == 0
