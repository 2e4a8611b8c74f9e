"""What the header of a compressed frame says of itself, read before any decoder sees the bytes.

A kilobyte of JPEG 2000 can ask a decoder for a gibibyte: its header is held against Rows and Columns first.
"""

from __future__ import annotations

from dataclasses import dataclass

_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  "
_SOC_SIZ = b"\xff\x4f\xff\x51"
_SOI = b"\xff\xd8"
_STARTS_OF_FRAME = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}  # without DHT, JPG, DAC
_BROWSER_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive; Huffman coded


class Unreadable(Exception):
    """The bytes are not a codestream of a known kind."""


@dataclass(frozen=True, slots=True)
class Header:
    """Size of one compressed frame, and for JPEG what tells the colour space of its components."""

    rows: int
    columns: int
    components: int
    bits: int
    jpeg_process: int | None = None  # second byte of the start of frame marker
    component_ids: bytes = b""
    is_jfif: bool = False
    adobe_transform: int | None = None

    @property
    def is_shown_by_browsers(self) -> bool:
        return self.jpeg_process in _BROWSER_FRAMES and self.bits == 8 and self.components in (1, 3)

    @property
    def is_rgb_to_browsers(self) -> bool:
        """How libjpeg, and so every browser, takes three components: JFIF, then Adobe, then their names."""
        if self.is_jfif:
            return False
        if self.adobe_transform is not None:
            return self.adobe_transform == 0
        return self.component_ids == b"RGB"


def read_header(codestream: bytes) -> Header:
    """Read the header of a JPEG, JPEG-LS, JPEG 2000 or HTJ2K frame. Raises Unreadable."""
    try:
        if codestream.startswith(_SOI):
            return _jpeg(codestream)
        return _jpeg2000(codestream)
    except IndexError as cut:
        raise Unreadable from cut


def _jpeg(stream: bytes) -> Header:
    """T.81 B.2.2 and T.87 C.2.2: the frame header has the same form in both."""
    is_jfif, adobe_transform = False, None
    offset = len(_SOI)
    while True:
        if stream[offset] != 0xFF:
            raise Unreadable
        marker = stream[offset + 1]
        if marker == 0xFF:  # fill bytes may precede a marker
            offset += 1
            continue
        body, length = offset + 4, _number(stream, offset + 2, 2)
        if marker in _STARTS_OF_FRAME:
            components = stream[body + 5]
            return Header(
                rows=_number(stream, body + 1, 2),
                columns=_number(stream, body + 3, 2),
                components=components,
                bits=stream[body],
                jpeg_process=marker,
                component_ids=stream[body + 6 : body + 6 + 3 * components : 3],
                is_jfif=is_jfif,
                adobe_transform=adobe_transform,
            )
        if marker == 0xE0 and stream.startswith(b"JFIF\0", body):
            is_jfif = True
        if marker == 0xEE and stream.startswith(b"Adobe", body):
            adobe_transform = stream[body + 11]
        if length < 2:
            raise Unreadable
        offset += 2 + length


def _jpeg2000(stream: bytes) -> Header:
    """T.800 A.5.1: SIZ follows SOC at once; the codestream may lie in a JP2 file (Annex I)."""
    start = 0
    if stream.startswith(_JP2_SIGNATURE):
        start = stream.find(_SOC_SIZ)
    if start < 0 or not stream.startswith(_SOC_SIZ, start):
        raise Unreadable
    width, height, left, top = (_number(stream, start + 8 + 4 * i, 4) for i in range(4))
    return Header(
        rows=height - top,
        columns=width - left,
        components=_number(stream, start + 40, 2),
        bits=(stream[start + 42] & 0x7F) + 1,
    )


def _number(stream: bytes, offset: int, length: int) -> int:
    if offset + length > len(stream):
        raise IndexError
    return int.from_bytes(stream[offset : offset + length], "big")
