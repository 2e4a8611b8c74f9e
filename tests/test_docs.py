"""Documents agree with the code, and lock files with every hospital's own package index."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")


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


def test_web_packages_are_locked_by_hash_and_name_no_index() -> None:
    packages: dict[str, dict[str, Any]] = json.loads((ROOT / "web/package-lock.json").read_text())["packages"]

    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []


def test_the_lock_of_the_web_is_that_of_its_packages() -> None:
    asked = json.loads((ROOT / "web/package.json").read_text())
    locked = json.loads((ROOT / "web/package-lock.json").read_text())["packages"][""]

    for kind in ("dependencies", "devDependencies"):
        assert asked[kind] == locked[kind]


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
