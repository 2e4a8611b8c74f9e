"""What the pixels under a mark say: exact values after the modality LUT. Runs in the sandbox's child alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dicom.frames import frame_pixels, opened
from dicom.instance import BadInstance

Json = dict[str, Any]


def values_under(
    path: Path, frame: int, marks: list[Json], rescale: list[float], padding: list[int] | None
) -> list[Json | None]:
    """For each mark (`tool`, `points`) its count, mean, sd (of all that is inside), min, max; None: nothing to read.

    `rescale` is slope and intercept; `padding` the stored values that are no picture, both ends included.
    """
    with opened(path) as image:
        pixels = frame_pixels(image, frame)
    if pixels.ndim == 3:
        return [None for _ in marks]  # colour has no values
    return [_under(pixels, one["tool"], np.asarray(one["points"], float), rescale, padding) for one in marks]


def _under(
    pixels: npt.NDArray[Any],
    tool: str,
    points: npt.NDArray[np.float64],
    rescale: list[float],
    padding: list[int] | None,
) -> Json | None:
    stored = _inside(pixels, tool, points).astype(np.float64)
    if padding is not None:
        stored = stored[(stored < padding[0]) | (stored > padding[1])]
    if stored.size == 0:
        return None
    values = stored * rescale[0] + rescale[1]
    return {
        "count": int(values.size),
        "mean": float(values.mean()),
        "sd": float(values.std()),
        "min": float(values.min()),
        "max": float(values.max()),
    }


def _inside(pixels: npt.NDArray[Any], tool: str, points: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """The stored values of each pixel whose centre is inside; of the one that a probe is in."""
    rows, columns = pixels.shape
    found: npt.NDArray[Any]
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    left, right = max(0, int(np.floor(x0))), min(columns - 1, int(np.floor(x1)))
    top, bottom = max(0, int(np.floor(y0))), min(rows - 1, int(np.floor(y1)))
    if left > right or top > bottom:
        return pixels[:0, 0]
    box = pixels[top : bottom + 1, left : right + 1]
    y, x = np.mgrid[top : bottom + 1, left : right + 1] + 0.5
    match tool:
        case "probe":
            found = box.reshape(-1)
        case "rectangle":
            found = box[(x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)]
        case "ellipse":
            across, down = (x1 - x0) / 2, (y1 - y0) / 2
            if across == 0 or down == 0:
                return pixels[:0, 0]
            found = box[((x - (x0 + x1) / 2) / across) ** 2 + ((y - (y0 + y1) / 2) / down) ** 2 <= 1]
        case _:
            raise BadInstance("malformed")
    return found
