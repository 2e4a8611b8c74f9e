"""Vietnamese names as people write, search and sort them; never split into first and last name."""

import re
import unicodedata
from typing import Final

from server.platform.errors import Refusal, later

NAME_LENGTH: Final = 100


class BadName(Refusal):
    """Empty, too long, or with characters that no name has."""

    code = "bad-name"
    status = 422
    sentence = later("Họ tên chưa đúng: chỉ gồm chữ cái, dấu cách, dấu nháy và gạch nối, tối đa 100 ký tự.")


def clean_name(text: str) -> str:
    """One NFC string, single spaces, letters kept as typed. Raises BadName."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not any(letter.isalpha() for letter in name) or len(name) > NAME_LENGTH:
        raise BadName
    if not all(unicodedata.category(letter)[0] in "LM" or letter in " '’.-" for letter in name):
        raise BadName
    return name


def capitals(name: str) -> str:
    """The name as the printed form shows it: IN HOA."""
    return unicodedata.normalize("NFC", name.upper())


def fold(text: str) -> str:
    """Search key: marks stripped, đ→d, lower case, ^ and runs of space to one space; as dicom/ folds."""
    bare = "".join(
        letter
        for letter in unicodedata.normalize("NFD", text.casefold())
        if not unicodedata.combining(letter)
    )
    return " ".join(bare.replace("đ", "d").replace("^", " ").split())


# The order of a Vietnamese dictionary; the four foreign letters stand where Latin has them.
_ALPHABET: Final = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_TONES: Final = {"\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}  # huyền hỏi ngã sắc nặng


def _word_key(word: str) -> str:
    letters, tones = "", ""
    for letter in unicodedata.normalize("NFC", word.casefold()):
        marks = unicodedata.normalize("NFD", letter)
        tone = next((mark for mark in marks if mark in _TONES), "")
        plain = unicodedata.normalize("NFC", marks.replace(tone, "") if tone else marks)
        if plain in _ALPHABET:
            letters += f"{_ALPHABET.index(plain) + 1:02}"
            tones += str(_TONES.get(tone, 0))
    return f"{letters}00{tones}"


def sort_key(name: str) -> str:
    """Key that sorts by the last word, then by the others, letters before tones.

    All digits, so that every collation of every database orders it alike.
    """
    *others, last = name.split() or [""]
    return " ".join(_word_key(word) for word in (last, *others))


# Academic and professional titles in the order in which they are written before a name.
_TITLE: Final = re.compile(
    r"(GS|PGS|TSKH|TS|ThS|BSCK(?:II|I|2|1)|BSNT|BS|CK(?:II|I|2|1)|ĐDCK(?:I|1)|ĐD|DSCK(?:II|I|2|1)|DS|CN|KTV|NHS|HS|YS)"
    r"(?:\.\s*|\s+)"
)


def split_title(text: str) -> tuple[str, str]:
    """Take the title off a name as typed: "BSCKII. Lê Thị Hoa" gives ("BSCKII", "Lê Thị Hoa").

    Several stay together ("PGS.TS"); without one the title is empty.
    """
    rest = unicodedata.normalize("NFC", text).strip()
    titles: list[str] = []
    while match := _TITLE.match(rest):
        titles.append(match[1])
        rest = rest[match.end() :]
    return ".".join(titles), rest.strip()


def with_title(title: str, name: str) -> str:
    """A person as shown to others: "BSCKII. Lê Thị Hoa"."""
    return f"{title}. {name}" if title else name


def dicom_name(name: str, title: str = "") -> str:
    """A Vietnamese name as DICOM has it (PS3.5 6.2.1): family^given^middle^prefix.

    >>> dicom_name("Lê Thị Hoa", "BSCKII")
    'Lê^Hoa^Thị^BSCKII'
    """
    words = name.translate(dict.fromkeys(map(ord, "^=\\"), " ")).split()
    family, given = (words[0], words[-1]) if len(words) > 1 else ("", "".join(words))
    title = title.translate(dict.fromkeys(map(ord, "^=\\"), " ")).strip()
    return "^".join((family, given, " ".join(words[1:-1]), title)).rstrip("^")
