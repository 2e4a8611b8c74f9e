"""In English every page is English: Vietnamese are what people wrote, and what is marked lang="vi"."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.product import Site, hoichan
from tools.screens import SCREENS, Screen, open_screen
from web.locale.texts import kept

ROOT = Path(__file__).parents[2]
WRITTEN_IN = ("server/people/demo.py", "server/commands/demo/*.py")  # by the demo's people
MARKED = re.compile("[À-ỹ]")  # every letter with a mark, large and small
SAID = """() => {
    const said = [document.title];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        if (!walker.currentNode.parentElement.closest("[lang=vi], script")) said.push(walker.currentNode.data);
    }
    for (const name of ["aria-label", "title", "placeholder", "alt"])
        for (const part of document.querySelectorAll(`[${name}]:not([lang=vi])`)) said.push(part.getAttribute(name));
    return said.map((text) => text.trim());
}"""


def written() -> Iterator[str]:
    """What the demo's people wrote, and examples within the translations; no text of the catalogue itself."""
    english = kept("en")
    for pattern in WRITTEN_IN:
        for path in ROOT.glob(pattern):
            for part in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(part, ast.Constant)
                    and isinstance(part.value, str)
                    and part.value not in english
                ):
                    yield part.value
    yield from (str(message.string) for message in english)


# The longest first: a name may be within a sentence.
WRITTEN = re.compile(
    "|".join(map(re.escape, sorted({*filter(MARKED.search, written())}, key=len, reverse=True))),
    re.IGNORECASE,
)


def vietnamese(text: str) -> bool:
    return MARKED.search(WRITTEN.sub("", text)) is not None


async def left_in(page: Page) -> list[str]:
    return [text for text in await page.evaluate(SAID) if vietnamese(text)]


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service of our own: what other tests write elsewhere is Vietnamese too."""
    with hoichan(tmp_path_factory.mktemp("english")) as running:
        yield running


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
async def test_an_english_page_has_no_vietnamese_sentence(
    screen: Screen, untouched: Site, page: Page
) -> None:
    assert await open_screen(page, untouched.url, screen, "en") == screen.status
    await page.wait_for_timeout(screen.settles_ms)
    assert await left_in(page) == []


def test_a_forgotten_sentence_is_found_beside_a_name() -> None:
    assert vietnamese("Chưa lưu được · BVĐK Lệ Thủy")
    assert not vietnamese("Booked · BVĐK Lệ Thủy · TRẦN THỊ BÌNH")
