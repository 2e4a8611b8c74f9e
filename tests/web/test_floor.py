"""The sheets stay within what Chrome 109, Firefox 115 and Safari 16.4 know."""

import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"
SHEETS = sorted([*WEB.glob("styles/*.css"), *WEB.glob("src/**/*.css")])
# What one of the three lacks and what would break without it.
NEWER = re.compile(
    r":has\(|light-dark\(|oklch\(|oklab\(|color-mix\(|@scope|@starting-style|@property|@view-transition"
    r"|style\(|subgrid|anchor\(|^\s*&|\{[^{}@]*;?\s*[.#&:\[][^{};]*\{",
    re.MULTILINE,
)


def without_comments(sheet: str) -> str:
    return re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.name)
def test_a_sheet_asks_for_nothing_newer(path: Path) -> None:
    rules = re.sub(r"@(media|container)[^{]*\{", "", without_comments(path.read_text()))
    assert NEWER.findall(rules) == []


@pytest.mark.parametrize(
    "rule", ["a:has(b) {}", ".a { color: oklch(1 0 0) }", ".a { .b { color: red } }", ".a { &:hover {} }"]
)
def test_newer_rules_are_found(rule: str) -> None:
    assert NEWER.search(rule)


def test_the_build_aims_at_the_floor() -> None:
    assert '["es2021", "chrome109", "firefox115", "safari16.4"]' in (WEB / "vite.config.ts").read_text()
