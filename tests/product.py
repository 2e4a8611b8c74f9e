"""The product itself, started as a hospital would start it: its own processes, its own data folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.services import free_ports

PASSWORD = "hoichan-demo"
STARTS_WITHIN_S = 60


@dataclass(frozen=True)
class Product:
    url: str
    dimse_port: int
    data: Path
    environment: dict[str, str]
    log: Path

    def command(self, *arguments: str) -> str:
        """Run `python -m server …` beside it and return what it prints."""
        return subprocess.run(
            [sys.executable, "-m", "server", *arguments],
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Product]:
    """Every role with the demo's people and cases, without its images; `settings` are environment variables."""
    web_port, dimse_port = free_ports(2)
    environment = os.environ | {
        "HOICHAN_DATA_DIR": str(folder / "data"),
        "HOICHAN_LISTEN": f"127.0.0.1:{web_port}",
        "HOICHAN_DIMSE_PORT": str(dimse_port),
        "HOICHAN_DEMO": "true",
        **settings,
    }
    log = folder / "server.log"
    product = Product(f"http://127.0.0.1:{web_port}", dimse_port, folder / "data", environment, log)
    product.command("demo", "--no-images")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "server", "run"],
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not answers(product.url):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(log.read_text()[-2000:])
            time.sleep(0.1)
        yield product
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
