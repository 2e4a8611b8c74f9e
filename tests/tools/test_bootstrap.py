"""The two commands on machines that lack something."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import commands, debian, python_env, terminal, web_build
from tools.python_env import DEV_LOCK, RUN_LOCK

ROOT = Path(__file__).resolve().parents[2]


def test_the_entry_parses_on_a_python_that_is_too_old() -> None:
    source = (ROOT / "tools/bootstrap.py").read_text()

    assert ast.parse(source, feature_version=(3, 6)).body


def test_the_pages_are_built_from_what_a_run_installs() -> None:
    """`make run` leaves the development packages out, and `make test` would not notice that one is needed."""
    run = json.loads((ROOT / "web/package.json").read_text())["dependencies"]
    files = [
        ROOT / "web/vite.config.ts",
        *(ROOT / "web/build").glob("*.ts"),
        *(ROOT / "web/src").rglob("*.ts"),
    ]
    read = "".join(file.read_text() for file in files if not file.name.endswith(".test.ts"))
    named = re.findall(r"""(?:from|import) "((?:@[^/"]+/)?[a-z][^/":]*)["/]""", read)
    assert {"vite", "postcss", "yjs"} <= set(named)
    assert set(named) <= run.keys()


def test_the_pin_of_a_package_is_its_version_and_all_its_hashes() -> None:
    pin = python_env.pinned(RUN_LOCK, "uv")

    assert pin.startswith("uv==")
    assert pin.count("--hash=sha256:") > 10
    assert "uvloop" not in pin


def test_a_package_that_is_not_locked_stops_with_what_to_type() -> None:
    with pytest.raises(terminal.Stop, match="make lock"):
        python_env.pinned(RUN_LOCK, "no-such-package")


def test_a_stamp_tells_a_changed_lock(tmp_path: Path) -> None:
    stamp = tmp_path / "stamp"
    stamp.write_text(python_env.digest(RUN_LOCK))

    assert python_env.is_stamped(stamp, python_env.digest(RUN_LOCK))
    assert not python_env.is_stamped(stamp, python_env.digest(DEV_LOCK))
    assert not python_env.is_stamped(tmp_path / "none", python_env.digest(RUN_LOCK))


def test_the_pages_are_built_again_when_a_template_changes_and_not_for_what_is_installed() -> None:
    sources = {file.relative_to(ROOT).as_posix() for file in web_build.sources()}

    assert "web/templates/base.html" in sources
    assert "web/package-lock.json" in sources
    assert not [name for name in sources if name.startswith(("web/node_modules/", "web/dist/"))]


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="not a Debian machine")
def test_a_package_that_is_not_installed_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "PACKAGES", ("dpkg", "no-such-package"))

    assert debian.missing() == ["no-such-package"]


def test_a_machine_without_ensurepip_is_told_what_to_type(tmp_path: Path) -> None:
    """As Debian ships Python without python3-venv: in a copy of the tools with no `.venv` beside it."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    for name in ("requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path)
    hide = "import sys; sys.modules['ensurepip'] = None; import runpy; sys.argv = ['bootstrap.py', 'run'];"
    hide += "runpy.run_path('tools/bootstrap.py', run_name='__main__')"

    done = subprocess.run(
        [sys.executable, "-c", hide], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "sudo apt-get install -y python3-venv" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_command_is_answered_with_what_there_is() -> None:
    done = subprocess.run(
        [sys.executable, "tools/bootstrap.py", "nonsense"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "fresh-check" in done.stdout


SKIPS = "import pytest\n\ndef test_that_gives_up():\n    pytest.skip('no reason')\n"


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_a_skipped_test_has_failed_under_ci(tmp_path: Path, ci: str, code: int) -> None:
    (tmp_path / "test_skips.py").write_text(SKIPS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]

    done = subprocess.run(
        [*command, "-c", os.devnull],
        cwd=ROOT,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code, done.stdout


def test_every_check_runs_and_one_that_fails_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "import sys; sys.exit(print('line 7: wrong') or {})"
    wanted = {"good": [sys.executable, "-c", said.format(0)], "bad": [sys.executable, "-c", said.format(3)]}
    monkeypatch.setattr(commands, "CHECKS", wanted)
    report = terminal.Report()

    commands.check(
        report, {"of the web": [sys.executable, "-c", "import os; assert os.path.exists('package.json')"]}
    )

    assert {title: passed for title, _, passed in report.rows} == {
        "of the web": True,
        "good": True,
        "bad": False,
    }
    assert capsys.readouterr().out.count("\nline 7: wrong\n") == 1


@pytest.mark.parametrize("is_large", [True, False])
def test_tests_write_into_memory_only_where_it_is_large(
    is_large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "MEMORY", tmp_path)
    monkeypatch.setattr(commands, "MEMORY_BYTES", 1 if is_large else 1 << 60)

    with commands.scratch() as env:
        folders = list(tmp_path.iterdir())
        assert [Path(env["TMPDIR"])] == folders if is_large else folders == []

    assert list(tmp_path.iterdir()) == []
