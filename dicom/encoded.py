"""What the sandbox made of a frame. Known on both sides, so it stands on nothing that decodes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One frame as it is served.

    `cuts[k]` is the length in bytes of the prefix that shows it halved k times; `cuts[0]` is all of it.
    `low` and `high` are the stored values between which all but a thousandth of the pixels lie.
    """

    media: str
    data: bytes
    cuts: tuple[int, ...]
    low: int
    high: int
    bits: int
    is_signed: bool
