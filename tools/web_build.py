"""The browser's side: packages by `npm ci`, pages' scripts and styles by `vite build`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from tools.python_env import digest, environment, is_stamped, node_folder
from tools.terminal import ROOT, Stop, not_fetched, say, succeeds

WEB = ROOT / "web"
PACKAGE_LOCK = WEB / "package-lock.json"
PACKAGES_STAMP = WEB / "node_modules" / ".stamp"
BUILD_STAMP = WEB / "dist" / ".vite" / "stamp"
NOT_SOURCES = {"node_modules", "dist", "__pycache__"}

NOT_BUILT = """Không dựng được trang web: xem lỗi ở trên, sửa tệp trong web/, rồi gõ lại.
The pages could not be built: see the error above, mend the file in web/, then try again."""


def node(script: str, *arguments: str) -> list[str]:
    """A tool of web/node_modules, run by the pinned Node."""
    return [str(node_folder() / "bin" / "node"), f"node_modules/{script}", *arguments]


def npm(*arguments: str) -> list[str]:
    # The wheel's own bin/npm is a copied symlink and cannot find its library.
    folder = node_folder()
    return [str(folder / "bin" / "node"), str(folder / "lib/node_modules/npm/bin/npm-cli.js"), *arguments]


def sources(folder: Path = WEB) -> Iterator[Path]:
    """Every file that a build may read."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in NOT_SOURCES:
            yield from sources(path)
        elif path.is_file():
            yield path


def install_packages(*, for_tests: bool = False) -> None:
    """What the build needs, a third of what is locked; for tests and linters all of it."""
    lock = digest(PACKAGE_LOCK)
    every, some = f"{lock} with tools", lock
    if is_stamped(PACKAGES_STAMP, every) or (not for_tests and is_stamped(PACKAGES_STAMP, some)):
        return
    say("installing web packages")
    which = [] if for_tests else ["--omit=dev"]
    if not succeeds(npm("ci", "--no-progress", *which), environment(), WEB):
        raise Stop(not_fetched("web", "npm"))
    PACKAGES_STAMP.write_text(every if for_tests else some)


def is_built() -> bool:
    return is_stamped(BUILD_STAMP, digest(*sources()))


def build(*, for_tests: bool = False) -> None:
    install_packages(for_tests=for_tests)
    wanted = digest(*sources())
    if is_stamped(BUILD_STAMP, wanted):
        return
    say("building pages")
    if not succeeds(node("vite/bin/vite.js", "build"), environment(), WEB):
        raise Stop(NOT_BUILT)
    BUILD_STAMP.write_text(wanted)


def clean() -> None:
    for folder in (WEB, ROOT / "bench" / "cornerstone"):
        for made in ("node_modules", "dist"):
            shutil.rmtree(folder / made, ignore_errors=True)
