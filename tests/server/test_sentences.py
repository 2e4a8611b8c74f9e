"""Whatever a page may say is marked for the catalogue where it is written: English stays complete."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MARKS = {"later", "gettext"}
# Letters with a mark that only Vietnamese has, or hardly anything else; case folding would take in "s".
VIETNAMESE = re.compile("[àáâãèéêìíòóôõùúýăđĩũơưạ-ỹÀÁÂÃÈÉÊÌÍÒÓÔÕÙÚÝĂĐĨŨƠƯẠ-Ỹ]")

# What is no sentence of a page, and why.
NOT_OF_PAGES = {
    "server/__main__.py": "the command line speaks Vietnamese",
    "server/commands/*": "the command line, and the demo's people",
    "server/people/demo.py": "the demo's people",
    "server/people/names.py": "the alphabet and titles that names are read by",
    "server/people/identifiers.py": "how a card writes the sex",
    "server/platform/settings.py": "told to who installs",
    "server/platform/openapi.py": "the description of the API",
    "server/consultation/routes/api.py": "the description of the API",
    "server/consultation/film.py": "the words within the object, as a hospital's own",
    "server/consultation/form/labels.py": "has both languages side by side",
    "server/consultation/minutes/compose.py": "words of the form itself",
    "dicom/instance.py": "letters that names are folded by",
    "dicom/evidence/*": "words within the objects: they declare Vietnamese, whoever opens them",
    "dicom/sampledata/*": "what made-up images say of themselves",
}
LETTERS = 3  # in these files single letters are data; longer words are sentences all the same
DATA_ONLY = {"dicom/instance.py"}


def unmarked(source: str) -> Iterator[str]:
    """Vietnamese in a string that is neither a docstring nor given to a mark."""
    tree = ast.parse(source)
    known: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in MARKS:
                known |= {id(part) for part in ast.walk(node)}
        elif isinstance(node, ast.Expr):  # a docstring
            known.add(id(node.value))
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in known else None
        if isinstance(text, str) and VIETNAMESE.search(text):
            yield text


def sources() -> list[str]:
    files = [file for package in ("server", "dicom") for file in (ROOT / package).rglob("*.py")]
    return sorted(file.relative_to(ROOT).as_posix() for file in files)


@pytest.mark.parametrize("file", sources())
def test_a_sentence_is_marked_where_it_is_written(file: str) -> None:
    found = list(unmarked((ROOT / file).read_text()))
    if file in DATA_ONLY:
        found = [text for text in found if len(text) > LETTERS]
    elif any(fnmatch(file, pattern) for pattern in NOT_OF_PAGES):
        return
    assert found == []


@pytest.mark.parametrize("pattern", NOT_OF_PAGES)
def test_an_exception_is_still_needed(pattern: str) -> None:
    files = [file for file in sources() if fnmatch(file, pattern)]
    assert any(text for file in files for text in unmarked((ROOT / file).read_text()))


def test_a_forgotten_sentence_is_found_and_a_docstring_is_none() -> None:
    planted = '''
class Full(Refusal):
    """Phòng đầy."""
    sentence = later("Phòng đã đủ người.")
    def why(self):
        return f"còn thiếu {self.what}"
'''
    assert list(unmarked(planted)) == ["còn thiếu "]
    assert list(unmarked("words = ['Kết luận', 'Sessions']")) == ["Kết luận"]
