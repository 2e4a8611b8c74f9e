"""What an image looks like by pydicom's own processing: the reference our viewer is held against."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi, apply_windowing

Voi = tuple[float, float]


def grey8(ds: Dataset, stored: NDArray[Any], voi: Voi | None = None) -> NDArray[np.uint8]:
    """Grey of 0 to 255 as pydicom windows it: the VOI LUT of the file first, else `voi` or the file's window.

    Halves round up. MONOCHROME1 is turned round, as PS3.3 C.7.6.3.1.2 asks.
    """
    values = apply_modality_lut(stored, ds)
    if "VOILUTSequence" in ds and voi is None:
        bits = int(ds.VOILUTSequence[0].LUTDescriptor[2])
        shares = apply_voi(values, ds).astype(np.float64) / (2**bits - 1)
    else:
        shares = _windowed(ds, values, voi)
    grey: NDArray[np.uint8] = np.floor(shares * 255 + 0.5).astype(np.uint8)
    return 255 - grey if ds.PhotometricInterpretation == "MONOCHROME1" else grey


def _windowed(ds: Dataset, values: NDArray[Any], voi: Voi | None) -> NDArray[np.float64]:
    # Without rescale, and eight bits: what comes out lies between 0 and 255, and nothing is lost on the way.
    plain = Dataset()
    plain.PhotometricInterpretation = "MONOCHROME2"
    plain.BitsStored, plain.PixelRepresentation = 8, 0
    plain.VOILUTFunction = ds.get("VOILUTFunction", "LINEAR")
    plain.WindowCenter, plain.WindowWidth = voi or (_first(ds.WindowCenter), _first(ds.WindowWidth))
    return apply_windowing(values, plain) / 255


def _first(value: Any) -> float:
    return float(value[0]) if hasattr(value, "__len__") else float(value)
