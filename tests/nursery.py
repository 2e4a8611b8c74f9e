"""A role of the service started again and again, to be killed: what it imports is imported once, then forked.

A start takes a tenth of a second instead of two, so that tests can afford many. The child is what `run --role`
makes of a process; where it is told to (`Seam`), it ends as in a power cut in the middle of its own work.
"""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.services import HOST, ROOT, environment, free_ports, is_open, until

IMPORTS: Final = {
    "gateway": ("uvloop", "dicom.gateway", "server.imaging", "server.peers", "server.roles", "aiosqlite"),
    "web": ("uvloop", "server.app", "server.roles", "aiosqlite"),
}


@dataclass(frozen=True)
class Seam:
    """The end comes before or after the `nth` call of a function: "module:Class.function"."""

    target: str
    when: str = "after"
    nth: int = 1

    def plant(self) -> None:
        module, _, path = self.target.partition(":")
        owner: Any = import_module(module)
        *outer, name = path.split(".")
        for one in outer:
            owner = getattr(owner, one)
        setattr(owner, name, self._ending(getattr(owner, name)))

    def _ending(self, function: Callable[..., Any]) -> Callable[..., Any]:
        calls = {"before": 0, "after": 0}

        def reached(when: str) -> None:
            calls[when] += 1
            if when == self.when and calls[when] == self.nth:
                os.killpg(0, signal.SIGKILL)

        @wraps(function)
        async def waits(*given: Any, **named: Any) -> Any:
            reached("before")
            answer = await function(*given, **named)
            reached("after")
            return answer

        @wraps(function)
        def runs(*given: Any, **named: Any) -> Any:
            reached("before")
            answer = function(*given, **named)
            reached("after")
            return answer

        return waits if inspect.iscoroutinefunction(function) else runs


class Nursery:
    """The side of the test. `settings`: the environment of each child."""

    def __init__(self, role: str, settings: dict[str, str], log: Path) -> None:
        self._role, self._settings, self._log = role, settings, log
        self._child = 0

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.nursery", self._role],
                cwd=ROOT,
                env=environment({**self._settings, "PYTHONDONTWRITEBYTECODE": ""}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._process.communicate()

    def start(self, seam: Seam | None = None) -> int:
        """A child that listens; its port. One at a time."""
        (port,) = free_ports(1)
        where = {"HOICHAN_DIMSE_PORT": str(port), "HOICHAN_LISTEN": f"{HOST}:{port}"}
        self._child = int(self._said({"env": where, "seam": None if seam is None else vars(seam)}))
        until(lambda: is_open(port), f"the {self._role} is silent")
        return port

    def kill(self) -> None:
        """End the child and all that it started, wherever they are; nothing when it ended already."""
        if self._child:
            with suppress(ProcessLookupError):
                os.killpg(self._child, signal.SIGKILL)
            self.ended()

    def ended(self) -> None:
        """Wait until the child is no more."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ended\n", self._log.read_text()[-2000:]
        self._child = 0

    def _said(self, order: dict[str, Any]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return self._process.stdout.readline()


def main(role: str) -> None:
    for name in IMPORTS[role]:
        import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            os.setsid()
            os.environ.update(order["env"])
            if order["seam"]:
                Seam(**order["seam"]).plant()
            _be(role)
        print(child, flush=True)  # noqa: T201 - to the test
        os.waitpid(child, 0)
        print("ended", flush=True)  # noqa: T201


def _be(role: str) -> None:
    from server.platform import logs
    from server.platform.settings import Settings
    from server.roles import ProcessRole, run_role

    os.dup2(2, 1)
    logs.set_up()
    try:
        run_role(ProcessRole(role), Settings())
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
