"""A small JPEG of one frame, windowed as a reader would see it first. Runs in the sandbox's child alone."""

from __future__ import annotations

import math
from pathlib import Path

import imagecodecs
import numpy as np

from dicom.frames import Image, Pixels, frame_pixels, opened
from dicom.greyscale import facts_of, shown

SIDE_PX = 160
_QUALITY = 80


def thumbnail(path: Path, number: int, side_px: int = SIDE_PX) -> bytes:
    """Return a frame, counted from 1 (0: the middle one), as a JPEG of `side_px` at most. Raises BadInstance."""
    with opened(path) as image:
        return _jpeg(image, number or (image.frames + 1) // 2, [], side_px)


def picture(path: Path, number: int, voi: list[float], side_px: int) -> bytes:
    """Return a frame as the viewer showed it with `voi`: center, width, 1 for inverted. Raises BadInstance."""
    with opened(path) as image:
        return _jpeg(image, number, voi, side_px)


def _jpeg(image: Image, number: int, voi: list[float], side_px: int) -> bytes:
    facts = facts_of(image, number)
    small = _shrunk(shown(frame_pixels(image, number), facts, voi), facts["aspect"], side_px)
    return bytes(imagecodecs.jpeg8_encode(np.rint(small).astype(np.uint8), level=_QUALITY))


def proportion(aspect: float) -> float:
    """Height of a pixel divided by its width, within reason: a picture cannot be a line."""
    return min(4.0, max(0.25, aspect))


def _shrunk(pixels: Pixels, shape: float, side_px: int) -> Pixels:
    """Means of blocks, so that thin lines stay."""
    rows, columns = pixels.shape[:2]
    shape = proportion(shape)
    across = max(1, math.ceil(max(columns, rows * shape) / side_px))
    down = max(1, min(rows, round(across / shape)))
    across = min(across, columns)
    cut = pixels[: rows // down * down, : columns // across * across]
    blocks = cut.reshape(rows // down, down, columns // across, across, *pixels.shape[2:])
    means: Pixels = blocks.mean(axis=(1, 3), dtype=np.float32)
    return means
