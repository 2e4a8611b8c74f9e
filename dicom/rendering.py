"""A frame as a picture, as PS3.18 8.3.5 asks for it: window, viewport, quality. Runs in the sandbox's child alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from dicom.frames import Pixels, frame_pixels, opened
from dicom.greyscale import facts_of, shown, windowed
from dicom.instance import BadInstance
from dicom.thumbnail import proportion


def rendered(
    path: Path,
    number: int,
    media_type: str,
    window: list[Any],
    viewport: list[int],
    region: list[float],
    quality: int,
) -> bytes:
    """A frame, counted from 1, as image/jpeg or image/png. Raises BadInstance.

    `window`: center, width and function (PS3.3 C.11.2.1.2, C.11.2.1.3) in modality units, or nothing for what the
    file says. `viewport`: width and height that the picture fits into, or nothing for its own size. `region`: left,
    top, width and height of what is shown, in pixels; a negative width or height mirrors it (PS3.18 8.3.5.1.3).
    """
    with opened(path) as image:
        facts, pixels = facts_of(image, number), frame_pixels(image, number)
        # The whole frame, for the part that is asked for has the greys that it has there.
        whole = (
            windowed(pixels, facts, window[2], window[0], window[1]) if window else shown(pixels, facts, [])
        )
        found: Pixels = _cut(whole, region)
        if viewport:
            found = _fitted(found, proportion(facts["aspect"]), viewport)
        eight_bits = np.ascontiguousarray(np.rint(found)).astype(np.uint8)
    if media_type == "image/png":
        return bytes(imagecodecs.png_encode(eight_bits))
    return bytes(imagecodecs.jpeg8_encode(eight_bits, level=quality))


def _cut(pixels: Pixels, region: list[float]) -> Pixels:
    if not region:
        return pixels
    left, top, width, height = region
    rows, columns = pixels.shape[:2]
    right, bottom = min(columns, math.ceil(left + abs(width))), min(rows, math.ceil(top + abs(height)))
    if not (0 <= left < columns and 0 <= top < rows and right > left and bottom > top):
        raise BadInstance("wrong-pixels")
    cut = pixels[int(top) : bottom, int(left) : right]
    return cut[:: -1 if height < 0 else 1, :: -1 if width < 0 else 1]


def _fitted(pixels: Pixels, shape: float, viewport: list[int]) -> Pixels:
    """As large as fits into the viewport, in its true proportions: means of blocks, then between four neighbours."""
    rows, columns = pixels.shape[:2]
    scale = min(viewport[0] / columns, viewport[1] / (rows * shape))
    across, down = max(1, round(columns * scale)), max(1, round(rows * shape * scale))
    block = max(1, rows // down), max(1, columns // across)
    cut = pixels[: rows // block[0] * block[0], : columns // block[1] * block[1]]
    means = cut.reshape(rows // block[0], block[0], columns // block[1], block[1], *pixels.shape[2:]).mean(
        axis=(1, 3), dtype=np.float32
    )
    return _between(_between(means, down, 0), across, 1)


def _between(pixels: Pixels, size: int, axis: int) -> Pixels:
    old = pixels.shape[axis]
    at = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
    low = np.floor(at).astype(int)
    share = (at - low).reshape([-1 if one == axis else 1 for one in range(pixels.ndim)]).astype(np.float32)
    first, second = pixels.take(low, axis), pixels.take(np.minimum(low + 1, old - 1), axis)
    found: Pixels = first * (1 - share) + second * share
    return found
