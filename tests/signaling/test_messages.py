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
    '"frame":1,"tool":"length","points":[[1,1]],"removed":false}}',
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
