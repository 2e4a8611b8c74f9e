"""The live draft of the minutes: one Yjs document of plain texts, kept as the list of its updates.

Pure: bytes in, bytes and texts out. Updates come from browsers, so `check` reads each one strictly before it
is kept; what is kept can be applied in any order, and nobody's words are lost.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pycrdt import Doc, Text

from server.consultation.form.form import clean
from server.consultation.minutes import yjs
from server.platform.errors import Refusal, later

UPDATE_BYTES: Final = 64 * 1024
DRAFT_BYTES: Final = 1024 * 1024
FIELD_LENGTH: Final = 30_000  # characters of one field

COURSE: Final = "course"
CONCLUSION: Final = "conclusion"
NEXT_TREATMENT: Final = "next_treatment"


class BadDraftUpdate(Refusal):
    """Not a change of the texts of the minutes."""

    code = "bad-draft-update"
    status = 422
    sentence = later(
        "Máy chủ không đọc được phần vừa gõ. Hãy chép nội dung ra ngoài, tải lại trang rồi dán lại."
    )


class DraftTooLarge(Refusal):
    """One update, one field or the whole draft is over its limit."""

    code = "draft-too-large"
    status = 413
    sentence = later("Biên bản quá dài (mỗi mục tối đa 30.000 ký tự). Hãy rút ngắn rồi lưu lại.")


class DraftGap(Refusal):
    """The update builds on changes that the server does not have: the browser sends all it has once more."""

    code = "draft-gap"
    status = 409
    sentence = later("Thiếu một phần đã gõ trước đó. Trang sẽ tự gửi lại toàn bộ.")


def answer_field(question_id: int) -> str:
    return f"answer:{question_id}"


def reason_field(question_id: int) -> str:
    return f"reason:{question_id}"


def field_names(question_ids: Iterable[int]) -> frozenset[str]:
    """The fields that the draft of a consultation with these questions may have."""
    questions = (field(one) for one in question_ids for field in (answer_field, reason_field))
    return frozenset((COURSE, CONCLUSION, NEXT_TREATMENT, *questions))


@dataclass(frozen=True)
class Draft:
    """The texts of the draft by field; a field that nobody has begun is empty."""

    texts: Mapping[str, str]

    def text(self, field: str) -> str:
        return self.texts.get(field, "")

    def answer(self, question_id: int) -> str:
        return self.text(answer_field(question_id))

    def reason(self, question_id: int) -> str:
        return self.text(reason_field(question_id))


def begin(texts: Mapping[str, str]) -> bytes:
    """The first update of a draft: what the request already says."""
    doc: Doc[Text] = Doc()
    for field, text in texts.items():
        doc[field] = Text(clean(text))  # a textarea has line feeds only: the browser counts on it
    return doc.get_update()


def apply(updates: Iterable[bytes]) -> Draft:
    """The texts after all updates, without control characters. Raises BadDraftUpdate."""
    return _texts(_document(updates))


def check(update: bytes, earlier: Sequence[bytes], allowed: frozenset[str]) -> Draft:
    """The draft with one more update from a browser.

    Raises BadDraftUpdate (garbage, anything but text, other fields), DraftTooLarge, DraftGap.
    """
    if len(update) > UPDATE_BYTES:
        raise DraftTooLarge
    try:
        parts = yjs.read(update)
    except yjs.NotPlainText as wrong:
        raise BadDraftUpdate from wrong
    if not parts.fields <= allowed:
        raise BadDraftUpdate
    doc = _document((*earlier, update))
    known = yjs.read_state(doc.get_state())
    if any(known.get(client, 0) < end for client, end in parts.ends.items()):
        raise DraftGap
    draft = _texts(doc)
    is_large = any(len(text) > FIELD_LENGTH for text in draft.texts.values())
    if is_large or len(doc.get_update()) > DRAFT_BYTES:
        raise DraftTooLarge
    return draft


def compact(updates: Iterable[bytes]) -> bytes:
    """One update in place of many."""
    return _document(updates).get_update()


def _document(updates: Iterable[bytes]) -> Doc[Text]:
    doc: Doc[Text] = Doc()
    with _as_refusals():
        for update in updates:
            doc.apply_update(update)
    return doc


def _texts(doc: Doc[Text]) -> Draft:
    with _as_refusals():
        texts = {field: str(doc.get(field, type=Text)) for field in sorted(doc.keys())}
    return Draft({field: _plain(text) for field, text in texts.items() if text})


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter >= " " or letter in "\n\t")


@contextmanager
def _as_refusals() -> Iterator[None]:
    """A panic in the Rust of pycrdt is no Exception and would pass every handler: here it is bad input."""
    try:
        yield
    except Exception as wrong:
        raise BadDraftUpdate from wrong
    except BaseException as wrong:
        if type(wrong).__name__ != "PanicException":
            raise
        raise BadDraftUpdate from wrong
