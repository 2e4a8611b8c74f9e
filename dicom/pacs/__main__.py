"""The child that speaks with one PACS: `python -m dicom.pacs`, an order as JSON on stdin, JSON lines on stdout.

What a PACS sends is read here alone, under limits of memory, files and time; received instances lie as
files in the folder that the order names. An empty line on stdin says that the parent took one. When
stdin ends, so does this process.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final, NoReturn

from pynetdicom.transport import AssociationSocket

from dicom import landlock
from dicom.pacs.failures import PacsFailure
from dicom.pacs.requestor import Requestor
from dicom.sandboxed import PROGRAMS
from dicom.tls import Security

_MEMORY_BYTES: Final = 1 << 30
_OPEN_FILES: Final = 128
_MAX_PDU_BYTES: Final = 1 << 20
_AHEAD: Final = 16  # instances that the parent has not taken yet
_MAX_FILES: Final = 8 * _AHEAD
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


class Child:
    """The order, the lines to the parent, and the watch over time and bytes."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.folder = Path(order["folder"])
        self._speaking = threading.Lock()
        self._may_keep = threading.Semaphore(_AHEAD)
        self._is_waiting = False
        self._kept = 0
        self._received_bytes = 0
        self._heard_at = time.monotonic()

    def say(self, **line: Any) -> None:
        with self._speaking:
            sys.stdout.buffer.write(json.dumps(line).encode() + b"\n")
            sys.stdout.buffer.flush()

    def fail(self, code: str) -> NoReturn:
        self.say(failed=code)
        os._exit(0)

    def kept(self, path: Path) -> None:
        """Give a received file to the parent; wait when it is behind."""
        self._is_waiting = True
        self._may_keep.acquire()
        self._is_waiting = False
        self._heard_at = time.monotonic()
        self._kept += 1
        path.rename(self.folder / f"{self._kept}.dcm")
        self.say(file=self._kept)

    def listen(self) -> None:
        while sys.stdin.buffer.readline():
            self._may_keep.release()
        os._exit(0)

    def heard(self, count: int) -> None:
        self._heard_at = time.monotonic()
        self._received_bytes += count

    def watch(self) -> None:
        """Fail when the PACS is silent, or does not come to an end."""
        begun = time.monotonic()
        while True:
            time.sleep(0.5)
            at = time.monotonic()
            if at - self._heard_at > self.order["idle_s"] and not self._is_waiting:
                self.fail("silent")
            if at - begun > self.order["longest_s"]:
                self.fail("too-costly")
            if self._received_bytes > self.order["bytes"] or len(os.listdir(self.folder)) > _MAX_FILES:
                self.fail("too-costly")


def gate_lengths(child: Child) -> None:
    """The library believes the length that a PDU declares: believe it up to a mebibyte only."""
    receive = AssociationSocket.recv

    def gated(self: AssociationSocket, count: int) -> bytearray:
        if count > _MAX_PDU_BYTES:
            child.fail("too-costly")
        received: bytearray = receive(self, count)
        child.heard(len(received))
        return received

    AssociationSocket.recv = gated


def confine(order: dict[str, Any]) -> None:
    """Give up what is not needed: to write elsewhere, to grow, to outlive the parent."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    landlock.read_only(libc, map(Path, PROGRAMS), [Path(order["folder"])])
    size_bytes = order["instance_bytes"]
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        os.nice(5)  # a call in progress comes first


def secured(child: Child, given: dict[str, str] | None) -> ssl.SSLContext | None:
    """The context of TLS, while the files of our certificate may still be read."""
    try:
        return Security(**given).context() if given else None
    except OSError:
        child.fail("tls")


def main() -> None:
    order = json.loads(sys.stdin.buffer.readline())
    child = Child(order)
    context = secured(child, order["security"])
    confine(order)
    gate_lengths(child)
    # A thread of pynetdicom that fails, fails on what was sent (or on a full disk): nobody else would tell.
    threading.excepthook = lambda fault: child.fail("too-costly")
    for task in (child.listen, child.watch):
        threading.Thread(target=task, daemon=True).start()
    try:
        Requestor(order, child.say, child.kept, context).run()
    except PacsFailure as failure:
        child.fail(failure.code)
    except Exception:
        child.fail("too-costly")
    child.say(done=True)
    os._exit(0)  # no thread of the association is waited for


if __name__ == "__main__":
    main()
