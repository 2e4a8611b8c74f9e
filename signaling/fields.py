"""The pieces that messages are made of: bounded, strict, frozen."""

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

VERSION = 1
SUBPROTOCOL = "hoichan.v1"
MESSAGE_LIMIT_BYTES = 64 * 1024
SDP_LIMIT = 32 * 1024
CHAT_LIMIT = 2000
MARK_TEXT_LIMIT = 80
PATH_LIMIT = 64

PeerId = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9_-]{8,32}\z")]
MessageId = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9_-]{8,40}\z")]
ConnectionName = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9-]{1,32}\z")]
Secret = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9._~-]{8,512}\z")]
Uid = Annotated[str, StringConstraints(pattern=r"\A[0-9]+(\.[0-9]+)*\z", max_length=64)]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Whole = Annotated[int, Field(ge=1, le=2**53 - 1)]
Epoch = Annotated[int, Field(ge=1, le=1_000_000)]
Number = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
Flag = Annotated[int, Field(ge=0, le=1)]
Text = Annotated[str, StringConstraints(max_length=400)]
ChatText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=CHAT_LIMIT)]
Sdp = Annotated[str, StringConstraints(min_length=1, max_length=SDP_LIMIT)]
Line = Literal["good", "fair", "poor"]
Why = Literal["left", "lost", "removed", "replaced"]
Point = tuple[Number, Number]
# One line of plain text: no control characters, nothing that turns the direction of what stands beside it.
MarkText = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        max_length=MARK_TEXT_LIMIT,
        pattern=r"\A[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*\z",
    ),
]
Tool = Literal[
    "length", "angle", "cobb", "ellipse", "rectangle", "probe", "arrow", "text", "freehand"
]  # fmt: skip


class Piece(BaseModel):
    """Frozen, no conversion of types, no unknown fields, no infinities."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Resume(Piece):
    """`seq` is the last number received; None asks for the whole state (after a reload)."""

    token: Secret
    seq: Count | None


class ResumeGrant(Piece):
    """A token for one use, and how long the place is kept after the line is lost."""

    token: Secret
    ttl_s: Count


class IceServer(Piece):
    """As `RTCIceServer` of the browser."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


class Candidate(Piece):
    """As `RTCIceCandidateInit` of the browser, with its spelling."""

    candidate: Annotated[str, StringConstraints(max_length=1024)]
    sdpMid: Annotated[str, StringConstraints(max_length=32)] | None = None  # noqa: N815
    sdpMLineIndex: Annotated[int, Field(ge=0, le=255)] | None = None  # noqa: N815
    usernameFragment: Annotated[str, StringConstraints(max_length=256)] | None = None  # noqa: N815


class MediaState(Piece):
    """What a member sends, and how its line is."""

    mic: bool = False
    camera: bool = False
    hold_voice: bool = False  # voice before everything: send this member no pictures
    line: Line = "good"


class Person(Piece):
    """A person by the server's number, as others are shown them."""

    person: Count
    name: Text
    title: Text
    hospital: Text


class Member(Piece):
    """One peer in the room. `here` is false while its line is lost and its place kept."""

    peer: PeerId
    person: Count
    name: Text
    title: Text
    hospital: Text
    site: Text
    role: Text
    here: bool
    since_ms: Count
    media: MediaState


class Knock(Piece):
    """One who waits at the door."""

    peer: PeerId
    person: Count
    name: Text
    title: Text
    hospital: Text
    here: bool
    since_ms: Count


class Link(Piece):
    """The epoch of one media connection with `peer`; 1 where none is named."""

    peer: PeerId
    pc: ConnectionName
    epoch: Epoch


class Plane(Piece):
    """A plane cut from the series of an image, counted from 0."""

    kind: Literal["coronal", "sagittal"]
    at: Annotated[int, Field(ge=0, le=65535)]


class Shown(Piece):
    """What one cell shows: absolute, in image pixels, the top left corner of the image is 0,0.

    `voi` is center, width, inverted; `view` is cx, cy, scale to fit, rotation in degrees, flips.
    """

    study: Count
    sop: Uid
    frame: Whole
    voi: tuple[Number, Number, Flag]
    view: tuple[Number, Number, Number, Literal[0, 90, 180, 270], Flag, Flag]
    plane: Plane | None = None


class Layout(Piece):
    """Cells row by row. That of `active` is None: the view itself tells it; any other None is an empty one."""

    rows: Annotated[int, Field(ge=1, le=2)]
    columns: Annotated[int, Field(ge=1, le=3)]
    active: Annotated[int, Field(ge=0, le=5)]
    cells: Annotated[tuple[Shown | None, ...], Field(min_length=2, max_length=6)]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if len(self.cells) != self.rows * self.columns or self.active >= len(self.cells):
            raise ValueError("cells")
        if self.cells[self.active] is not None:
            raise ValueError("active")
        return self


class View(Shown):
    """What the presenter looks at. `playing`: the frames go on by themselves from here, at the file's own rate.

    `layout` is None for one image alone.
    """

    pointer: Point | None
    playing: bool = False
    layout: Layout | None = None


class Cells(NamedTuple):
    """What a tool's mark holds: how many points, and whether words."""

    least: int
    most: int
    text: Literal["none", "may", "must"] = "none"


TOOLS: Mapping[str, Cells] = {
    "length": Cells(2, 2),
    "angle": Cells(3, 3),
    "cobb": Cells(4, 4),
    "ellipse": Cells(2, 2),
    "rectangle": Cells(2, 2),
    "probe": Cells(1, 1),
    "arrow": Cells(2, 2, "may"),
    "text": Cells(1, 1, "must"),
    "freehand": Cells(2, PATH_LIMIT),
}
assert TOOLS.keys() == set(get_args(Tool))  # the type and the table are one


class Mark(Piece):
    """One version of one drawing on an image; the highest `rev` stands. What `points` are: PROTOCOL.md."""

    uid: MessageId
    rev: Whole
    study: Count
    sop: Uid
    frame: Whole
    tool: Tool
    points: Annotated[tuple[Point, ...], Field(min_length=1, max_length=PATH_LIMIT)]
    text: MarkText = ""
    removed: bool

    @model_validator(mode="after")
    def _fits_its_tool(self) -> Self:
        cells = TOOLS[self.tool]
        if not cells.least <= len(self.points) <= cells.most:
            raise ValueError("points")
        if cells.text != "may" and bool(self.text) != (cells.text == "must"):
            raise ValueError("text")
        return self
