"""The sandbox's own processes: a starter that has everything imported, and children that it forks.

The starter (`python -m dicom.sandboxed FD FOLDER …`) sees no received byte; it is there so that a child is ready
in milliseconds. Children have no network, read only what lies below the folders, write nothing, and have hard
limits on memory and processor time; each serves one request after the other on its socket. `sandbox.py` is
the other side.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from dicom import landlock
from dicom.instance import BadInstance

# What may be run, by name. Every module is imported in the starter, before any child is forked.
FUNCTIONS: Final[dict[str, str]] = {
    "summarise": "dicom.parsing:summarise",
    "capture": "dicom.film:capture",
    "data_sets": "dicom.described:data_sets",
    "encode_frames": "dicom.pyramid:encode_frames",
    "picture": "dicom.thumbnail:picture",
    "thumbnail": "dicom.thumbnail:thumbnail",
    "rendered": "dicom.rendering:rendered",
    "voi_lut": "dicom.frames:voi_lut",
    "frame_table": "dicom.fragments:frame_table",
    "deidentify": "dicom.deidentify.instance:deidentify",
    "bulk_value": "dicom.fragments:bulk_value",
    "values_under": "dicom.evidence.values:values_under",
    "evidence": "dicom.evidence.making:make",
}

# Where Python, its packages and the libraries of codecs lie, for what is imported late.
PROGRAMS = (sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64", os.path.dirname(__file__))

MEMORY_BYTES: Final = 1 << 30
CPU_S: Final = 10  # a request
OPEN_FILES: Final = 32
FRAME: Final = struct.Struct("<LQ")  # bytes of JSON, bytes of attachments behind it
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


def start(control: socket.socket, folders: Sequence[str]) -> NoReturn:
    """Fork a child for every socket that comes in, and answer with its process id, while the parent lives.

    `folders`: what children may read, beside Python itself.
    """
    readable = [Path(folder) for folder in (*folders, *PROGRAMS)]
    functions = {name: _imported(target) for name, target in FUNCTIONS.items()}
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for killed children
    gc.freeze()  # what is shared with the children stays shared
    try:
        control.sendall(b"ready")
    except BrokenPipeError:
        sys.exit()  # the parent ended while we started
    while descriptor := _asked(control):
        child = os.fork()
        if child == 0:
            control.close()
            with socket.socket(fileno=descriptor) as channel:
                _serve(channel, functions, readable)
            os._exit(0)
        os.close(descriptor)
        control.sendall(str(child).encode())
    sys.exit()


def _asked(control: socket.socket) -> int:
    """The socket for a child that is asked for; 0 when the parent is gone."""
    try:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
    except ConnectionError:
        return 0
    return descriptors[0] if descriptors else 0


def _imported(target: str) -> Callable[..., Any]:
    module, _, function = target.partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return loaded


def _serve(
    channel: socket.socket, functions: dict[str, Callable[..., Any]], readable: Sequence[Path]
) -> None:
    _confine(readable)
    while (request := _receive(channel)) is not None:
        used_s = resource.getrusage(resource.RUSAGE_SELF)
        budget_s = int(used_s.ru_utime + used_s.ru_stime) + CPU_S
        resource.setrlimit(resource.RLIMIT_CPU, (budget_s, resource.RLIM_INFINITY))
        channel.sendall(_answer(functions, request))


def _answer(functions: dict[str, Callable[..., Any]], request: dict[str, Any]) -> bytes:
    try:
        return pack({"result": functions[request["name"]](**request["arguments"])})
    except BadInstance as refused:
        return pack({"refused": refused.code})
    except MemoryError:
        return pack({"refused": "too-costly"})
    except RecursionError:
        return pack({"refused": "malformed"})
    except Exception as error:
        # The type alone: messages of a parser may quote the patient.
        return pack({"refused": "malformed", "because": type(error).__name__})


def _confine(readable: Sequence[Path]) -> None:
    """Give up what a parser needs not. What the machine does not permit is left out, but never the limits."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.unshare(_CLONE_NEWNET) != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    landlock.read_only(libc, readable)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # nothing is written to files
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        os.nice(5)  # a call in progress comes first


def pack(message: dict[str, Any]) -> bytes:
    """A message as one frame. Values may be JSON's, paths, or bytes, which travel behind the JSON."""
    attachments: list[bytes] = []

    def default(value: object) -> dict[str, Any]:
        match value:
            case Path():
                return {"$path": str(value)}
            case bytes() | bytearray() | memoryview():
                attachments.append(bytes(value))
                return {"$bytes": len(attachments[-1])}
            case _:
                raise TypeError(f"{type(value).__name__} cannot cross the sandbox's border")

    text = json.dumps(message, default=default).encode()
    return b"".join([FRAME.pack(len(text), sum(map(len, attachments))), text, *attachments])


def unpack(text: bytes | memoryview, attached: bytes | memoryview) -> dict[str, Any]:
    """The message of a frame. Raises ValueError for what `pack` never wrote."""
    position = 0

    def hook(value: dict[str, Any]) -> Any:
        nonlocal position
        if value.keys() == {"$path"}:
            return Path(value["$path"])
        if value.keys() == {"$bytes"}:
            start, position = position, position + int(value["$bytes"])
            return bytes(attached[start:position])
        return value

    message = json.loads(bytes(text), object_hook=hook)
    if not isinstance(message, dict):
        raise ValueError("a message is an object")
    return message


def _receive(channel: socket.socket) -> dict[str, Any] | None:
    head = _read(channel, FRAME.size)
    if head is None:
        return None
    text_bytes, attached_bytes = FRAME.unpack(head)
    body = _read(channel, text_bytes + attached_bytes)
    return None if body is None else unpack(body[:text_bytes], body[text_bytes:])


def _read(channel: socket.socket, length: int) -> bytes | None:
    body = bytearray()
    while len(body) < length:
        chunk = channel.recv(min(length - len(body), 1 << 20))
        if not chunk:
            return None
        body += chunk
    return bytes(body)


if __name__ == "__main__":
    start(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
