"""The catalogue: Vietnamese is the source, every other language a PO file that this script renews.

    python -m web.locale.texts          take new texts into the PO files, and list what is untranslated

Texts are marked `_("…")` in templates, `t("…")` in TypeScript, and `later("…")` in both languages.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[2]
LANGUAGES = ("en",)
KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "gettext": None, "ngettext": (1, 2), "later": None}
JINJA = {
    "trim_blocks": "true",
    "lstrip_blocks": "true",
    "extensions": "jinja2.ext.do",
    "newstyle_gettext": "true",
}
# (files, how to read them, by which names they mark a text)
SOURCES: tuple[tuple[str, str, dict[str, tuple[int, ...] | None], dict[str, str]], ...] = (
    ("server/**/*.py", "python", KEYWORDS, {}),
    ("dicom/**/*.py", "python", KEYWORDS, {}),
    ("signaling/**/*.py", "python", KEYWORDS, {}),
    ("web/templates/**/*.html", "jinja2", KEYWORDS, JINJA),
    ("web/src/**/*.ts", "javascript", {"t": None, "later": None}, {"parse_template_string": "true"}),
)


def po_file(language: str) -> Path:
    return ROOT / "web" / "locale" / language / "LC_MESSAGES" / "messages.po"


def current() -> Catalog:
    """Every text that the code marks now, with the files that hold it."""
    found = Catalog(project="hoichan", charset="utf-8", fuzzy=False)
    for pattern, method, keywords, options in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            place = path.relative_to(ROOT).as_posix()
            with path.open("rb") as source:
                for _line, text, _comments, _context in extract(method, source, keywords, (), options):
                    # Without line numbers: a moved line is no change of the catalogue.
                    found.add(text, locations=[(place, None)])  # type: ignore[list-item]
    return found


def kept(language: str) -> Catalog:
    path = po_file(language)
    if not path.exists():
        return Catalog(locale=language, project="hoichan", charset="utf-8", fuzzy=False)
    return read_po(io.BytesIO(path.read_bytes()), locale=language)


def renewed(language: str) -> Catalog:
    """The PO file with new texts added and gone ones dropped; nothing is guessed."""
    catalog = kept(language)
    catalog.update(current(), no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    catalog.fuzzy = False
    return catalog


def untranslated(catalog: Catalog) -> Iterator[Message]:
    for message in catalog:
        strings = message.string if isinstance(message.string, (list, tuple)) else (message.string,)
        if message.id and (message.fuzzy or not all(strings)):
            yield message


def write(language: str, catalog: Catalog) -> None:
    made = io.BytesIO()
    write_po(made, catalog, width=110, sort_output=True, ignore_obsolete=True, include_lineno=False)
    po_file(language).write_bytes(made.getvalue())


def main() -> int:
    for language in LANGUAGES:
        catalog = renewed(language)
        write(language, catalog)
        for message in untranslated(catalog):
            sys.stdout.write(f"{language}: {message.id}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
