"""The messages: every one has its example and its place in the document; nothing else is let in."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling import messages
from signaling.codec import Envelope, Malformed, decode, decode_from_server, encode
from signaling.fields import PATH_LIMIT, TOOLS
from signaling.refusals import ENDINGS, REFUSALS

ROOT = Path(__file__).parents[2]
EXAMPLES = {path.stem: path for path in sorted((ROOT / "tests" / "messages").glob("*.json"))}
PROTOCOL = (ROOT / "signaling" / "PROTOCOL.md").read_text()


def side(name: str) -> list[str]:
    return [stem.removeprefix(f"{name}-") for stem in EXAMPLES if stem.startswith(f"{name}-")]


def read(stem: str) -> Envelope:
    text = EXAMPLES[stem].read_text()
    return decode(text) if stem.startswith("browser-") else decode_from_server(text)


@pytest.mark.parametrize("stem", EXAMPLES)
def test_an_example_is_read_and_written_back_the_same(stem: str) -> None:
    assert json.loads(encode(read(stem))) == json.loads(EXAMPLES[stem].read_text())


def test_every_message_has_an_example() -> None:
    assert sorted(side("browser")) == sorted(messages.MESSAGE_TYPES)
    assert sorted(side("server")) == sorted(kind.type for kind in messages.FROM_SERVER)


@pytest.mark.parametrize(
    "kind", list(dict.fromkeys([*messages.FROM_BROWSER, *messages.FROM_SERVER])), ids=lambda kind: kind.type
)
def test_every_message_stands_in_the_document(kind: type[messages.Message]) -> None:
    assert f"### {kind.type}\n" in PROTOCOL


def test_the_document_names_no_message_that_is_not_there() -> None:
    there = {kind.type for kind in (*messages.FROM_BROWSER, *messages.FROM_SERVER)}
    assert set(re.findall(r"^### (\S+)$", PROTOCOL, re.MULTILINE)) == there


def test_the_examples_of_the_document_are_those_of_the_tests() -> None:
    shown = [json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", PROTOCOL, re.DOTALL)]
    kept = [json.loads(path.read_text()) for path in EXAMPLES.values()]
    assert len(shown) >= len(kept) - 2  # the two whole states are named by their files
    assert all(example in kept for example in shown)


@pytest.mark.parametrize("code", [*REFUSALS, *ENDINGS])
def test_every_code_stands_in_the_document(code: str) -> None:
    assert f"| `{code}` |" in PROTOCOL


BAD = {
    "no JSON": "{",
    "a list": "[]",
    "nested 10,000 deep": "[" * 10_000,
    "an unknown field": '{"v":1,"t":"knock","d":{},"from":"somebody"}',
    "an unknown field inside": '{"v":1,"t":"chat","d":{"text":"x","room":"r2"}}',
    "another version": '{"v":2,"t":"knock","d":{}}',
    "a truth for a number": '{"v":1,"t":"ping","d":{"n":true}}',
    "a huge number": '{"v":1,"t":"ping","d":{"n":' + "9" * 5000 + "}}",
    "not a number": '{"v":1,"t":"share-view","d":{"study":1,"sop":"1.2","frame":1,"voi":[NaN,1,0],'
    '"view":[0,0,1,0,0,0],"pointer":null}}',
    "infinity": '{"v":1,"t":"share-view","d":{"study":1,"sop":"1.2","frame":1,"voi":[1e400,1,0],'
    '"view":[0,0,1,0,0,0],"pointer":null}}',
    "half a letter": '{"v":1,"t":"chat","d":{"text":"\\ud800"}}',
    "an empty text": '{"v":1,"t":"chat","d":{"text":"  "}}',
    "a text that is too long": json.dumps({"v": 1, "t": "chat", "d": {"text": "x" * 2001}}),
    "a UID that is none": '{"v":1,"t":"mark","d":{"uid":"m-00000001","rev":1,"study":1,"sop":"../1",'
    '"frame":1,"tool":"length","points":[[1,1],[2,2]],"removed":false}}',
    "an id with a quote": '{"v":1,"id":"aaaaaaaa\\"","t":"knock","d":{}}',
    "an id with a line feed": '{"v":1,"id":"aaaaaaaa\\n","t":"knock","d":{}}',
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="malformed"):
        decode(text)


def test_an_unknown_type_is_named_as_such() -> None:
    with pytest.raises(Malformed, match="unknown-type"):
        decode('{"v":1,"t":"launch","d":{}}')


def test_more_than_64_kib_is_not_read() -> None:
    with pytest.raises(Malformed, match="too-big"):
        decode('{"v":1,"t":"chat","d":{"text":"' + "x" * 70_000 + '"}}')


def a_view(**layout: Any) -> str:
    cell = {"study": 7, "sop": "1.2.3", "frame": 1, "voi": [40, 400, 0], "view": [1, 1, 1, 0, 0, 0]}
    cells = [cell if kind == "image" else None for kind in layout.pop("cells")]
    return json.dumps(
        {"v": 1, "t": "share-view", "d": {**cell, "pointer": None, "layout": {**layout, "cells": cells}}}
    )


@pytest.mark.parametrize(
    ("rows", "columns", "active", "cells"),
    [
        (1, 2, 0, ["", "image"]),
        (2, 1, 1, ["image", ""]),
        (2, 3, 5, ["image", "", "image", "", "", ""]),
    ],
)
def test_a_layout_is_taken(rows: int, columns: int, active: int, cells: list[str]) -> None:
    decode(a_view(rows=rows, columns=columns, active=active, cells=cells))


@pytest.mark.parametrize(
    ("rows", "columns", "active", "cells"),
    [
        (1, 1, 0, [""]),  # one image is no layout
        (1, 2, 0, [""]),
        (1, 2, 2, ["", "image"]),
        (1, 2, 0, ["image", "image"]),  # the active one is told by the message itself
        (3, 2, 0, ["", "", "", "", "", ""]),
        (2, 4, 0, [""] * 8),
    ],
)
def test_a_layout_that_does_not_add_up_is_malformed(
    rows: int, columns: int, active: int, cells: list[str]
) -> None:
    with pytest.raises(Malformed, match="malformed"):
        decode(a_view(rows=rows, columns=columns, active=active, cells=cells))


def a_mark(tool: str, points: int, text: str | None = None) -> str:
    data = {"uid": "mark-0001", "rev": 1, "study": 7, "sop": "1.2.3", "frame": 1, "tool": tool}
    words = {} if text is None else {"text": text}
    drawn = {"points": [[i, 2.5] for i in range(points)], **words, "removed": False}
    return json.dumps({"v": 1, "t": "mark", "d": {**data, **drawn}})


@pytest.mark.parametrize("tool", TOOLS)
def test_a_mark_has_as_many_points_as_its_tool_and_no_other_number(tool: str) -> None:
    least, most, text = TOOLS[tool]
    words = "Nốt mờ" if text == "must" else None
    for points in range(PATH_LIMIT + 2):
        if least <= points <= most:
            message = decode(a_mark(tool, points, words)).message
            assert isinstance(message, messages.MarkAsked)
            assert (message.tool, len(message.points)) == (tool, points)
        else:
            with pytest.raises(Malformed, match="malformed"):
                decode(a_mark(tool, points, words))


@pytest.mark.parametrize("tool", TOOLS)
def test_words_go_with_the_tools_that_have_them_and_with_no_other(tool: str) -> None:
    least, _most, text = TOOLS[tool]
    for written, is_let_in in {None: text != "must", "": text != "must", "Nốt": text != "none"}.items():
        if is_let_in:
            message = decode(a_mark(tool, least, written)).message
            assert isinstance(message, messages.MarkAsked)
            assert message.text == (written or "")
        else:
            with pytest.raises(Malformed, match="malformed"):
                decode(a_mark(tool, least, written))


def test_words_of_a_mark_are_one_short_plain_line() -> None:
    longest = "ộ" * 80
    for written, kept in {longest: longest, "  Nốt 8 mm ": "Nốt 8 mm", "<b>&lt;": "<b>&lt;"}.items():
        message = decode(a_mark("text", 1, written)).message
        assert isinstance(message, messages.MarkAsked)
        assert message.text == kept
    for bad in ("x" * 81, "   ", "a\nb", "a\x00b", "a\x1b[31m", "a\u202eb", "a\u2028b", "a\x85b"):
        with pytest.raises(Malformed, match="malformed"):
            decode(a_mark("text", 1, bad))


@pytest.mark.parametrize("tool", ["", "Length", "ruler", "__proto__", "suv"])
def test_a_tool_that_is_none_is_refused(tool: str) -> None:
    for points in (1, 2, 3, 4):
        with pytest.raises(Malformed, match="malformed"):
            decode(a_mark(tool, points))


def test_the_tools_of_the_document_are_those_of_the_code() -> None:
    section = PROTOCOL.partition("### mark\n")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\d+)(?: to (\d+))? \| (none|may|must) \|", section, re.MULTILINE)
    told = {tool: (int(least), int(most or least), text) for tool, least, most, text in rows}
    assert told == TOOLS


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def mutations(example: Any) -> st.SearchStrategy[Any]:
    """An example with one of its values replaced, removed or joined by another."""

    @st.composite
    def mutate(draw: st.DrawFn) -> Any:
        copy = json.loads(json.dumps(example))
        target = copy
        while True:
            keys = list(target) if isinstance(target, dict) else list(range(len(target)))
            if not keys:
                return copy
            key = draw(st.sampled_from(keys))
            if isinstance(target[key], (dict, list)) and draw(st.booleans()):
                target = target[key]
                continue
            break
        if draw(st.booleans()):
            target[key] = draw(json_values)
        elif isinstance(target, dict):
            target[draw(st.text(max_size=8))] = draw(json_values)
        else:
            target.append(draw(json_values))
        return copy

    return mutate()


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(side("browser")).flatmap(
        lambda name: mutations(json.loads(EXAMPLES[f"browser-{name}"].read_text()))
    )
)
def test_a_mutated_message_is_read_or_refused_and_nothing_else(value: Any) -> None:
    text = json.dumps(value)
    try:
        envelope = decode(text)
    except Malformed:
        return
    assert decode(encode(envelope)) == envelope


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_any_text_at_all_is_refused_in_order(text: str) -> None:
    with pytest.raises(Malformed):
        decode(text)
