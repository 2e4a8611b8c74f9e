"""Landlock (Linux 5.13): a process gives up the file system but for what it names. For the sandbox's children."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

# System calls of every architecture, and <linux/landlock.h>.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH = 1, 1
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_KNOWN_TO_VERSION: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}  # all rights there are


def version(libc: ctypes.CDLL) -> int:
    """What this kernel knows of Landlock; 0 or less: nothing."""
    return int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION))


def read_only(libc: ctypes.CDLL, folders: Iterable[Path], writable: Iterable[Path] = ()) -> bool:
    """From now on only read, and only below these folders; files that are open stay so. Needs NO_NEW_PRIVS.

    Below the `writable` ones everything may be done.

    False: this kernel cannot.
    """
    known = version(libc)
    if known < 1:
        return False
    handled = _KNOWN_TO_VERSION[min(known, 3)]
    rules = libc.syscall(_CREATE_RULESET, struct.pack("=Q", handled), ctypes.c_size_t(8), 0)
    if rules < 0:
        return False
    try:
        for folder in folders:
            _permit(libc, rules, folder, _READ_FILE | _READ_DIR | _EXECUTE)
        for folder in writable:
            _permit(libc, rules, folder, handled)
        return bool(libc.syscall(_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


def _permit(libc: ctypes.CDLL, rules: int, folder: Path, rights: int) -> None:
    try:
        descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", rights, descriptor), 0)
    finally:
        os.close(descriptor)
