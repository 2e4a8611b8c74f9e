"""Documents agree with the code, and lock files with every hospital's own package index."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
WEB_LOCKS = ("web", "bench/cornerstone")


@pytest.mark.parametrize("lock", LOCKS)
def test_python_packages_are_locked_by_hash_and_name_no_index(lock: str) -> None:
    text = (ROOT / lock).read_text()

    assert "://" not in text
    assert not re.search(r"^--?\w", text, re.MULTILINE)
    for package in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in package, package.split()[0]


def test_the_tests_packages_are_the_products_and_more() -> None:
    run, dev = (set(re.findall(r"^(\S+==\S+)", (ROOT / lock).read_text(), re.MULTILINE)) for lock in LOCKS)

    assert run < dev


@pytest.mark.parametrize("folder", WEB_LOCKS)
def test_web_packages_are_locked_by_hash_and_name_no_index(folder: str) -> None:
    lock = ROOT / folder / "package-lock.json"
    packages: dict[str, dict[str, Any]] = json.loads(lock.read_text())["packages"]

    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []


@pytest.mark.parametrize("folder", WEB_LOCKS)
def test_the_lock_of_the_web_is_that_of_its_packages(folder: str) -> None:
    asked = json.loads((ROOT / folder / "package.json").read_text())
    locked = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"][""]

    for kind in ("dependencies", "devDependencies"):
        assert asked.get(kind) == locked.get(kind)


# What others rely on (the contract): they may write these addresses down.
CONTRACT = {
    "GET": [
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/openapi.json",
        "/dicom-web/studies",
        "/consultations/{consultation}/dicom-web/studies",
        "/signal",
    ],
    "POST": ["/dicom-web/studies", "/uploads"],
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every `METHOD /path` of the web role."""
    from server.app import build_app
    from server.platform.settings import Settings

    app = build_app(Settings(data_dir=tmp_path_factory.mktemp("var")))
    return {f"{route.method} {route.resource.canonical}" for route in app.router.routes() if route.resource}


@pytest.mark.parametrize("what", [f"{method} {path}" for method, paths in CONTRACT.items() for path in paths])
def test_an_address_of_the_contract_is_served(served: set[str], what: str) -> None:
    assert what in served


README = (ROOT / "README.md").read_text()


def rows(section: str) -> list[list[str]]:
    """The cells of the first table under a heading of the README."""
    part = README.split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def shown(default: Any) -> str:
    """A setting's default as the README writes it."""
    value = default.get_secret_value() if isinstance(default, SecretStr) else default
    text = (
        str(value).lower()
        if isinstance(value, bool)
        else ",".join(value)
        if isinstance(value, tuple)
        else str(value)
    )
    return f"`{text}`" if text else ""


def test_the_readme_lists_every_setting_with_its_default_and_meaning() -> None:
    from server.platform.settings import Settings

    fields = Settings.model_fields.items()

    assert rows("Settings") == [
        [f"`HOICHAN_{name.upper()}`", shown(field.default), field.description] for name, field in fields
    ]


def test_the_readme_says_why_each_package_is_here() -> None:
    asked = re.findall(r"^([\w-]+)", (ROOT / "requirements.in").read_text(), re.MULTILINE)

    assert [name for name, _ in rows("What it stands on")] == [f"`{name}`" for name in asked]


def test_the_readme_lists_every_command() -> None:
    from tools.commands import COMMANDS

    told = {name.strip("`").removeprefix("make "): what for name, what in rows("Start")}

    assert list(told) == list(COMMANDS)


# The command line of the contract; deeper words are options and arguments.
COMMANDS = ("run", "demo", "migrate", "user", "token", "doctor", "backup", "restore", "audit verify")
TELLING = ("README.md", "deploy/README.md")


def command(words: list[str]) -> Any:
    """The command that these words call, as the command line itself would find it; None for no command."""
    import typer

    from server.__main__ import app

    found: Any = typer.main.get_command(app)
    for word in words:
        found = found.get_command(None, word) if hasattr(found, "get_command") else None
    return found


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_of_the_contract_is_there(words: str) -> None:
    assert command(words.split()) is not None


@pytest.mark.parametrize("document", TELLING)
def test_what_a_document_tells_to_type_can_be_typed(document: str) -> None:
    """Every `python -m server …` names a command with each option that it has there."""
    text = (ROOT / document).read_text()
    told = [line.split() for line in re.findall(r"`?python -m server ([^`#\n]+)", text)]
    assert told
    for words in told:
        deed = [word for word in words if re.fullmatch(r"[a-z]+", word)]
        found = command(deed[:1])
        if hasattr(found, "get_command") and len(deed) > 1:
            found = command(deed[:2])
        assert found is not None, words
        known = {"--help", *(name for option in found.params for name in option.opts)}
        assert {word for word in words if word.startswith("--")} <= known, words


HOSTS = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|registry\.yarnpkg|proxy\.golang|--index-url")
BUILT = {"node_modules", "dist", "__pycache__"}


def test_nothing_names_a_package_index() -> None:
    """Hosts of registries belong to each machine's own configuration."""
    folders = ("server", "signaling", "dicom", "web", "tools", "bench", "deploy", ".ci")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*") if not BUILT & set(file.parts)]
    files += [file for file in ROOT.iterdir() if file.suffix or file.name in {"Makefile", "Dockerfile"}]
    texts = {file: file.read_text(errors="replace") for file in files if file.is_file()}

    assert len(texts) > 200
    assert [str(file) for file, text in texts.items() if HOSTS.search(text)] == []
