"""A pool of limited child processes: the only place where received bytes are parsed or decoded.

Whatever a file does to its child (memory, time, a crash in a codec), the caller gets a refusal, the child is
replaced, and requests of others run on. See `sandboxed.py` for what a child may and may not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from dicom import sandboxed, uid
from dicom.instance import BadInstance, Summary

_log = logging.getLogger(__name__)

MAX_ANSWER_BYTES: Final = 256 << 20
_MAX_JSON_BYTES: Final = 32 << 20
_ROOT = Path(__file__).resolve().parents[1]


class Sandbox:
    """`async with Sandbox() as sandbox: summary = await sandbox.summarise(path)`."""

    def __init__(
        self,
        children: int | None = None,
        wall_s: float = 30,
        jobs: int = 500,
        command: Sequence[str] = ("-m", "dicom.sandboxed"),
        readable: Sequence[Path] = (Path("/"),),
    ) -> None:
        """`wall_s`: the longest a request may take; `jobs`: requests after which a child is replaced;
        `command`: what Python is to run as the starter; `readable`: folders that children may read.
        """
        self._command = command
        self._readable = readable
        self._size = children or os.cpu_count() or 1
        self._wall_s = wall_s
        self._jobs = jobs
        self._starter: _Starter | None = None
        self._idle: asyncio.LifoQueue[_Child | None] = asyncio.LifoQueue()
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Begin to import what children need; requests wait until that is done (half a second or so)."""
        self._starter = await _Starter.spawn(self._command, self._readable)
        for _ in range(self._size):
            self._idle.put_nowait(None)

    async def aclose(self) -> None:
        """End all processes. Nothing may be under way."""
        while not self._idle.empty():
            if child := self._idle.get_nowait():
                child.kill()
        if self._starter is not None:
            await self._starter.stop()
            self._starter = None

    async def summarise(self, path: Path) -> Summary:
        """What the Part 10 file at `path` is. Raises BadInstance."""
        fields = await self.run("summarise", path=path)
        try:
            summary = Summary(**fields)
            names = summary.study_uid, summary.series_uid, summary.sop_uid, summary.sop_class_uid
            if all(map(uid.is_acceptable, names)):
                return summary
        except (TypeError, AttributeError) as error:
            raise BadInstance("malformed") from error
        raise BadInstance("bad-identifiers")

    async def run(self, name: str, /, **arguments: Any) -> Any:
        """Run a function of `sandboxed.FUNCTIONS` with arguments of JSON, Path and bytes; so is its result.

        Raises BadInstance: the function's own, "too-costly" when it hit a limit, or "unavailable" when this
        machine had no time for it: a child that computes meets its limit of processor time long before.
        """
        request = sandboxed.pack({"name": name, "arguments": arguments})
        for attempt in range(2):
            try:
                return _result(await self._ask(request), name)
            except _ChildDied:
                # It may have died of something else than this request: only the second time is a verdict.
                _log.warning("a sandbox child died in %s, attempt %d", name, attempt + 1)
        raise BadInstance("too-costly")

    async def _ask(self, request: bytes) -> dict[str, Any]:
        child = await self._idle.get()
        try:
            if child is None:
                child = await self._forked()
            async with asyncio.timeout(self._wall_s):
                answer = await child.ask(request)
        except BaseException as error:
            # Also when the caller gave up: the child is busy with what nobody waits for.
            if child is not None:
                child.kill()
            self._idle.put_nowait(None)
            if isinstance(error, TimeoutError):
                raise BadInstance("unavailable") from error
            raise
        if child.jobs >= self._jobs:
            child.kill()
            child = None
        self._idle.put_nowait(child)
        return answer

    async def _forked(self) -> _Child:
        """A new child, forked to the end even if the caller gives up: the starter's answers stay in order."""
        forking = asyncio.ensure_future(self._fork())
        try:
            return await asyncio.shield(forking)
        except asyncio.CancelledError:
            forking.add_done_callback(_kill_unwanted)
            raise

    async def _fork(self) -> _Child:
        async with self._starting:
            if self._starter is None:
                raise RuntimeError("the sandbox is not started")
            try:
                return await self._starter.fork()
            except OSError:
                _log.exception("the sandbox's starter is gone; starting another")
                await self._starter.stop()
                self._starter = await _Starter.spawn(self._command, self._readable)
                return await self._starter.fork()


def _kill_unwanted(forking: asyncio.Future[_Child]) -> None:
    if not forking.cancelled() and forking.exception() is None:
        forking.result().kill()


class _ChildDied(Exception):
    """The child ended, or said what it never should."""


def _result(answer: dict[str, Any], name: str) -> Any:
    match answer:
        case {"result": result}:
            return result
        case {"refused": str(code)}:
            if because := answer.get("because"):
                _log.info("%s refused its input: %s", name, because)
            raise BadInstance(code)
        case _:
            raise _ChildDied


@dataclass(slots=True)
class _Child:
    """One forked process and the socket it answers on."""

    channel: socket.socket
    pidfd: int
    jobs: int = 0

    async def ask(self, request: bytes) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        self.jobs += 1
        try:
            await loop.sock_sendall(self.channel, request)
            head = await self._read(sandboxed.FRAME.size)
            text_bytes, attached_bytes = sandboxed.FRAME.unpack(head)
            if text_bytes > _MAX_JSON_BYTES or attached_bytes > MAX_ANSWER_BYTES:
                raise _ChildDied
            body = await self._read(text_bytes + attached_bytes)
            return sandboxed.unpack(body[:text_bytes], body[text_bytes:])
        except (OSError, ValueError) as error:
            raise _ChildDied from error

    async def _read(self, length: int) -> memoryview:
        loop = asyncio.get_running_loop()
        body = memoryview(bytearray(length))
        position = 0
        while position < length:
            count = await loop.sock_recv_into(self.channel, body[position:])
            if count == 0:
                raise _ChildDied
            position += count
        return body

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        os.close(self.pidfd)
        self.channel.close()


@dataclass(slots=True)
class _Starter:
    """The process that forks children, and the socket on which it is asked to."""

    process: asyncio.subprocess.Process
    control: socket.socket
    is_ready: bool = False

    @classmethod
    async def spawn(cls, command: Sequence[str], readable: Sequence[Path]) -> _Starter:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                str(theirs.fileno()),
                *(str(folder.absolute()) for folder in readable),
                cwd=_ROOT,
                env=environment(),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        ours.setblocking(False)
        return cls(process, ours)

    async def fork(self) -> _Child:
        """A new child. Raises OSError when the starter is gone."""
        loop = asyncio.get_running_loop()
        if not self.is_ready:
            await self._answer(loop)
            self.is_ready = True
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self.control, [b"+"], [theirs.fileno()])
        ours.setblocking(False)
        try:
            return _Child(ours, os.pidfd_open(int(await self._answer(loop))))
        except BaseException:
            ours.close()
            raise

    async def _answer(self, loop: asyncio.AbstractEventLoop) -> bytes:
        answer = await loop.sock_recv(self.control, 64)
        if not answer:
            raise ConnectionResetError
        return answer

    async def stop(self) -> None:
        self.control.close()  # it exits, and its children with it
        await self.process.wait()


def environment() -> dict[str, str]:
    """No secret of ours is in a child's environment; one thread a child, so that forking is sound."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    return {
        "PYTHONPATH": str(_ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",
        **threads,
    }
