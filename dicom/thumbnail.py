"""A small JPEG of one frame, windowed as a reader would see it first. Runs in the sandbox's child alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_modality_lut, apply_voi

from dicom.frames import Image, Pixels, frame_pixels, opened

SIDE_PX = 160
_QUALITY = 80


def thumbnail(path: Path, number: int, side_px: int = SIDE_PX) -> bytes:
    """Return a frame, counted from 1 (0: the middle one), as a JPEG of `side_px` at most. Raises BadInstance."""
    with opened(path) as image:
        pixels = frame_pixels(image, number or (image.frames + 1) // 2)
        small = _shrunk(pixels, aspect(image.ds), side_px)
        shown = small if pixels.ndim == 3 else grey(small, image)
        return bytes(imagecodecs.jpeg8_encode(np.rint(shown).astype(np.uint8), level=_QUALITY))


def picture(path: Path, number: int, center: float, width: float, inverted: bool, side_px: int) -> bytes:
    """Return a frame as it was seen: linear window in modality units (PS3.3 C.11.2.1.2), as a JPEG of at
    most `side_px` pixels. Colour is shown as it is. Raises BadInstance.
    """
    with opened(path) as image:
        pixels = frame_pixels(image, number)
        small = _shrunk(pixels, aspect(image.ds), side_px)
        if pixels.ndim == 3:
            shown = small
        else:
            values = small if "ModalityLUTSequence" in image.ds else apply_modality_lut(small, image.ds)
            shown = np.clip((values - (center - 0.5)) / max(width - 1, 1e-6) + 0.5, 0, 1) * 255
            shown = 255 - shown if inverted else shown
        return bytes(imagecodecs.jpeg8_encode(np.rint(shown).astype(np.uint8), level=_QUALITY))


def _shrunk(pixels: Pixels, shape: float, side_px: int = SIDE_PX) -> Pixels:
    """Means of blocks, so that thin lines stay."""
    rows, columns = pixels.shape[:2]
    across = max(1, math.ceil(max(columns, rows * shape) / side_px))
    down = max(1, min(rows, round(across / shape)))
    across = min(across, columns)
    cut = pixels[: rows // down * down, : columns // across * across]
    blocks = cut.reshape(rows // down, down, columns // across, across, *pixels.shape[2:])
    means: Pixels = blocks.mean(axis=(1, 3), dtype=np.float32)
    return means


def aspect(ds: Dataset) -> float:
    pair = ds.get("PixelSpacing") or ds.get("PixelAspectRatio") or (1, 1)
    height, width = float(pair[0]), float(pair[1])
    return min(4.0, max(0.25, height / width)) if height > 0 and width > 0 else 1.0


def grey(stored: Pixels, image: Image) -> Pixels:
    ds = image.ds
    values = stored if "ModalityLUTSequence" in ds else apply_modality_lut(stored, ds)
    center, width = _first(ds.get("WindowCenter")), _first(ds.get("WindowWidth"))
    if "VOILUTSequence" in ds:
        table = apply_voi(np.rint(values).astype(np.int32), ds)
        bits = int(ds.VOILUTSequence[0].LUTDescriptor[2])
        shares = table.astype(np.float32) / (2**bits - 1)
    elif center is not None and width is not None and width > 1:
        shares = (values - (center - 0.5)) / (width - 1) + 0.5
    else:
        low, high = np.quantile(values, [0.01, 0.99])
        shares = (values - low) / max(high - low, 1e-6)
    grey: Pixels = np.clip(shares, 0, 1) * 255
    return 255 - grey if ds.PhotometricInterpretation == "MONOCHROME1" else grey


def _first(value: Any) -> float | None:
    if isinstance(value, MultiValue):
        value = value[0] if value else None
    return None if value in (None, "") else float(value)
