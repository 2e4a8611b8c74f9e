"""What `make` offers: each command is a few steps, each step is skipped when its inputs have not changed."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tools import debian, web_build
from tools.python_env import DEV_LOCK, PYTHON, RUN_LOCK, VENV, environment, sync
from tools.terminal import ROOT, Report, Stop, say, shown, succeeds

PY = str(PYTHON)
CHECKS: dict[str, list[str]] = {
    "ruff check": [PY, "-m", "ruff", "check", "--quiet"],
    "ruff format": [PY, "-m", "ruff", "format", "--check", "--quiet"],
    "mypy": [PY, "-m", "mypy"],
}
COMPILE = ["uv", "pip", "compile", "-q", "--upgrade", "--universal", "--python-version", "3.11"]
# Hashes, but no address of a package index: the lock serves every hospital's own mirror.
COMPILE += [
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-find-links",
    "--no-emit-index-url",
]


CORES = os.cpu_count() or 1
# The tests wait for browsers and servers a good part of their time: one worker more than cores. A worker that
# has done its share takes from another's, so that no long file is left alone at the end.
PYTEST = ["-n", str(CORES + 1), "--dist", "worksteal", "--durations", "25"]
MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of our own is made in it)
MEMORY_BYTES = 8 * 1024**3

# Named so that `make test` does not take them up.
SOAK = ["tests/soak", "-o", "python_files=soak_*.py", "--timeout", "0"]


def web_checks() -> dict[str, list[str]]:
    """Built late: where Node lies is known only once `.venv` is filled."""
    return {
        "tsc": web_build.node("typescript/bin/tsc", "--noEmit"),
        "eslint": web_build.node("eslint/bin/eslint.js", "--max-warnings", "0", "."),
        "vitest": web_build.node("vitest/vitest.mjs", "run", "--passWithNoTests"),
    }


@contextmanager
def alone() -> Iterator[None]:
    """One set-up at a time: `make run` in one window and `make test` in another share `.venv`."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def prepare(*, for_tests: bool) -> None:
    with alone():
        sync(DEV_LOCK if for_tests else RUN_LOCK)
        web_build.build(for_tests=for_tests)


def run(*arguments: str) -> int:
    """Start the service with demo data."""
    with alone(), ThreadPoolExecutor(1) as beside:
        sync(RUN_LOCK)
        if not arguments and not web_build.is_built():
            # The first time, another core writes the demo's people and cases meanwhile.
            beside.submit(succeeds, [PY, "-m", "server", "demo", "--no-images"], environment())
        web_build.build()
    say("starting the service")
    command = [PY, "-m", "server", "run", *(arguments or ["--demo"])]
    os.execve(PY, command, environment())  # noqa: S606 (the service takes this process over)


def lint() -> int:
    """Check style and types, Python and TypeScript."""
    prepare(for_tests=True)
    report = Report()
    check(report, {name: command for name, command in web_checks().items() if name != "vitest"})
    report.show()
    return 0 if report.passed else 1


def check(report: Report, of_the_web: dict[str, list[str]]) -> None:
    """As many at once as there are cores, the long ones first; each shows the end of what it said when it fails."""
    env = environment()
    steps = [(title, partial(succeeds, command, env, web_build.WEB)) for title, command in of_the_web.items()]
    steps += [(title, partial(succeeds, command, env)) for title, command in CHECKS.items()]
    with ThreadPoolExecutor(CORES) as together:
        list(together.map(lambda step: report.step(*step), steps))


@contextmanager
def scratch() -> Iterator[dict[str, str]]:
    """The environment of the tests, their files in memory where that is large: nothing there must last, and a
    disk takes milliseconds for each flush that the service asks for.
    """
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < MEMORY_BYTES:
        yield environment()
        return
    with tempfile.TemporaryDirectory(prefix="hoichan-test-", dir=MEMORY) as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user
        yield {**environment(), "TMPDIR": folder}


def test(*arguments: str) -> int:
    """Install what the tests need, then lint, vitest and pytest. Words after it go to pytest."""
    report = Report()
    report.step("Debian packages", debian.install)
    report.step("Python and web packages, build", partial(prepare, for_tests=True))
    check(report, web_checks())
    if report.passed:
        with scratch() as env:
            report.step("pytest", partial(shown, [PY, "-m", "pytest", *(arguments or PYTEST)], env))
    report.show()
    return 0 if report.passed else 1


def fmt() -> int:
    """Mend what the linters can mend."""
    prepare(for_tests=True)
    commands = [[PY, "-m", "ruff", "check", "--fix", "--quiet"], [PY, "-m", "ruff", "format"]]
    good = [shown(command, environment()) for command in commands]
    good.append(shown([*web_checks()["eslint"], "--fix"], environment(), web_build.WEB))
    return 0 if all(good) else 1


def lock() -> int:
    """Choose the newest versions that fit, and write the lock files anew."""
    prepare(for_tests=True)
    for name in ("requirements", "requirements-dev"):
        say(f"locking {name}.in")
        if not succeeds([PY, "-m", *COMPILE, f"{name}.in", "-o", f"{name}.lock"], environment()):
            return 1
    say("locking web/package.json")
    # A lock written beside node_modules lists only this machine's optional packages.
    web_build.clean()
    web_build.PACKAGE_LOCK.unlink()
    if not succeeds(web_build.npm("install", "--package-lock-only"), environment(), web_build.WEB):
        return 1
    prepare(for_tests=True)
    return 0


def bench(*names: str) -> int:
    """Measure against peers: every bench, or those named. One JSON object a line."""
    prepare(for_tests=True)
    return 0 if shown([PY, "-m", "bench", *names], environment()) else 1


def soak(*arguments: str) -> int:
    """Run the long tests."""
    prepare(for_tests=True)
    return 0 if shown([PY, "-m", "pytest", *SOAK, *arguments], environment()) else 1


def fresh_check(*only: str) -> int:
    """Prove run and test in a bare Debian (root, debootstrap); `run` or `test` for one alone."""
    from tools.fresh import check  # costs time that no other command should pay

    return check(*only)


def screenshots(*arguments: str) -> int:
    """Take pictures of every page into docs/screens."""
    prepare(for_tests=True)
    return 0 if shown([PY, "-m", "tools.screenshots", *arguments], environment()) else 1


def clean() -> int:
    """Remove what was installed and built here. Data in var/ stays."""
    for folder in (VENV, ROOT / ".mypy_cache", ROOT / ".ruff_cache", ROOT / ".pytest_cache"):
        shutil.rmtree(folder, ignore_errors=True)
    web_build.clean()
    return 0


COMMANDS: dict[str, Callable[..., int]] = {
    "run": run,
    "test": test,
    "lint": lint,
    "fmt": fmt,
    "lock": lock,
    "bench": bench,
    "soak": soak,
    "fresh-check": fresh_check,
    "screenshots": screenshots,
    "clean": clean,
}


def usage() -> str:
    lines = [f"  {name:<12} {command.__doc__}" for name, command in COMMANDS.items()]
    return "\n".join(["make COMMAND, or python3 tools/bootstrap.py COMMAND:", *lines])


def main(words: list[str]) -> int:
    if not words or words[0] not in COMMANDS:
        print(usage())
        return 2
    try:
        return COMMANDS[words[0]](*words[1:])
    except Stop as stop:
        print(f"\n{stop}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
