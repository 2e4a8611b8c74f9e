"""Timed lines for the person who waits, and commands run with their output kept back until it matters."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STARTED = time.monotonic()
LAST_LINES = 40


class Stop(Exception):
    """It cannot go on: what is so and what to type, in Vietnamese and English."""


NOT_FETCHED = """Không tải được các gói {kind}. Hãy kiểm tra mạng và cấu hình {tool}, rồi gõ lại lệnh.
The {kind} packages could not be fetched. Check the network and {tool}'s configuration, then try again."""


def not_fetched(kind: str, tool: str) -> str:
    return NOT_FETCHED.format(kind=kind, tool=tool)


def say(text: str) -> None:
    print(f"[{time.monotonic() - STARTED:5.1f}s] {text}", flush=True)


def succeeds(command: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> bool:
    """Run a command in silence; when it fails, show the end of what it said."""
    done = subprocess.run(
        command, cwd=cwd, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        print(f"$ {' '.join(command)}", *done.stdout.splitlines()[-LAST_LINES:], sep="\n", flush=True)
    return done.returncode == 0


def shown(command: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> bool:
    """Run a command with its output on the terminal."""
    return subprocess.run(command, cwd=cwd, env=env, check=False).returncode == 0


@dataclass
class Report:
    """Steps with their times; printed at the end, whether or not all went well."""

    rows: list[tuple[str, float, bool]] = field(default_factory=list)

    def step(self, title: str, work: Callable[[], bool | None]) -> bool:
        say(title)
        began = time.monotonic()
        passed = work() is not False
        self.rows.append((title, time.monotonic() - began, passed))
        return passed

    @property
    def passed(self) -> bool:
        return all(passed for _, _, passed in self.rows)

    def show(self) -> None:
        print()
        for title, seconds, passed in self.rows:
            print(f"{'ok    ' if passed else 'FAILED'} {seconds:7.1f} s  {title}")
        print(
            f"{'ok    ' if self.passed else 'FAILED'} {time.monotonic() - STARTED:7.1f} s  in all", flush=True
        )
