"""Text to typed envelope and back: strict on what comes, nothing of it repeated in a refusal."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, create_model

from signaling.fields import MESSAGE_LIMIT_BYTES, VERSION, Count, MessageId, PeerId, Piece
from signaling.messages import FROM_BROWSER, FROM_SERVER, Message

Version = Annotated[int, Field(ge=VERSION, le=VERSION)]


class Malformed(Exception):
    """Not a message of this protocol; `code` as in PROTOCOL.md."""

    def __init__(self, code: str = "malformed") -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message and what surrounds it on the wire. `seq`, `re` and `sender` are the server's."""

    message: Message
    id: str | None = None
    re: str | None = None
    seq: int | None = None
    sender: str | None = None


def _adapter(types: Iterable[type[Message]], **extra: Any) -> TypeAdapter[Any]:
    union: Any = None
    for kind in types:
        name: Any = Literal[kind.type]
        shape: Any = create_model(
            f"{kind.__name__}Envelope",
            __base__=Piece,
            v=(Version, ...),
            t=(name, ...),
            d=(kind, ...),
            **extra,
        )
        union = shape if union is None else union | shape
    return TypeAdapter(Annotated[union, Field(discriminator="t")])


_browser = _adapter(FROM_BROWSER, id=(MessageId | None, None))
_server = _adapter(
    FROM_SERVER,
    re=(MessageId | None, None),
    seq=(Count | None, None),
    sender=(PeerId | None, Field(None, alias="from")),
)


def _decode(adapter: TypeAdapter[Any], text: str) -> Any:
    if len(text) > MESSAGE_LIMIT_BYTES:
        raise Malformed("too-big")
    try:
        return adapter.validate_json(text)
    except ValidationError as problem:
        kinds = {error["type"] for error in problem.errors(include_input=False, include_url=False)}
        raise Malformed("unknown-type" if "union_tag_invalid" in kinds else "malformed") from None
    except UnicodeEncodeError:  # a lone surrogate cannot be UTF-8
        raise Malformed from None


def decode(text: str) -> Envelope:
    """Read a message of a browser. Raises Malformed (`malformed`, `unknown-type`, `too-big`)."""
    shape = _decode(_browser, text)
    return Envelope(shape.d, id=shape.id)


def decode_from_server(text: str) -> Envelope:
    """Read a message of the server, as tests and benches do."""
    shape = _decode(_server, text)
    return Envelope(shape.d, re=shape.re, seq=shape.seq, sender=shape.sender)


def body(message: Message) -> str:
    """The part that is the same for every receiver: make it once a fan-out."""
    return f'"t":"{message.type}","d":{message.model_dump_json()}'


def wrap(
    body: str,
    *,
    id: str | None = None,
    seq: int | None = None,
    re: str | None = None,
    sender: str | None = None,
) -> str:
    """The envelope of one receiver. All four are ours or matched a pattern: nothing to escape."""
    head = '{"v":1'
    if id is not None:
        head += f',"id":"{id}"'
    if seq is not None:
        head += f',"seq":{seq}'
    if re is not None:
        head += f',"re":"{re}"'
    if sender is not None:
        head += f',"from":"{sender}"'
    return f"{head},{body}}}"


def encode(envelope: Envelope) -> str:
    """Write an envelope of either side."""
    return wrap(
        body(envelope.message), id=envelope.id, seq=envelope.seq, re=envelope.re, sender=envelope.sender
    )


def server_message(text: str) -> Message:
    """Read a message that another process of ours rang through the bus."""
    return decode_from_server(text).message
