"""The product itself, started as a hospital would start it: its own processes, its own data folder."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.services import HOST, ROOT, Server, environment, is_open, started, until

PASSWORD = "hoichan-demo"
AE_TITLE = "HOICHAN"


@dataclass(frozen=True)
class Site:
    """One running service; `settings` are its environment variables, `log` is what all roles said."""

    url: str
    dimse_port: int
    data: Path
    settings: dict[str, str]
    log: Path

    def command(self, *arguments: str) -> str:
        """Run `python -m server …` beside it and return what it prints."""
        return command(self.settings, *arguments)


def command(settings: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "server", *arguments],
        cwd=ROOT,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{arguments}: {done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout


def demo_alone(folder: Path, **settings: str) -> dict[str, str]:
    """Write the demo's people and cases, without its images (they may come over the network), and start nothing.

    `settings` are HOICHAN_… names without the prefix, in lower case; the environment of a role is returned.
    """
    chosen = {"data_dir": str(folder / "data"), "demo": "true", **settings}
    # Bytecode may be written: without it each of the processes compiles every package anew.
    env = {f"HOICHAN_{name.upper()}": value for name, value in chosen.items()} | {
        "PYTHONDONTWRITEBYTECODE": ""
    }
    command(env, "demo", "--no-images")
    return env


@contextmanager
def hoichan(folder: Path, **settings: str) -> Iterator[Site]:
    """Every role with the demo's people and cases; `settings` as of `demo_alone`."""
    env = demo_alone(folder, **settings)

    def where(ports: list[int]) -> dict[str, str]:
        return {"HOICHAN_LISTEN": f"{HOST}:{ports[0]}", "HOICHAN_DIMSE_PORT": str(ports[1])}

    def command(ports: list[int]) -> list[str]:
        words = [f"{name}={value}" for name, value in where(ports).items()]
        return ["env", *words, sys.executable, "-m", "server", "run"]

    with started(Server(command, folder, ports=2, env=env, cwd=ROOT), signal.SIGTERM) as ports:
        until(lambda: is_open(ports[1]), "the gateway is silent")
        url = f"http://{HOST}:{ports[0]}"
        yield Site(url, ports[1], folder / "data", env | where(ports), folder / "log")
