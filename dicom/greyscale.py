"""From the pixels of a frame to what is shown, as the viewer shows it: web/src/viewer/window.ts does the same.

Runs in the sandbox's child alone. Both are held against pydicom by one table (window.fixture.json).
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicom import manifest
from dicom.frames import Image, Pixels, voi_lut_words
from dicom.headers import header
from dicom.headervalues import Header
from dicom.pyramid import value_range

Facts = dict[str, Any]  # of one frame, as the manifest has them; "lut" is its VOI LUT or None
Values = NDArray[np.float64]
Curve = Callable[[Values], Values]


def facts_of(image: Image, number: int) -> Facts:
    """What decides how a frame, counted from 1, is shown: the manifest's own words."""
    head = json.loads(gzip.decompress(header(image.ds)))
    if manifest.lacks_voi_lut(head):
        manifest.put_voi_lut(head, voi_lut_words(image))
    luts = manifest.Luts()
    facts = manifest.image(Header(head), luts)
    of_frames = facts["per_frame"] or []
    own = of_frames[number - 1] if number <= len(of_frames) else {}
    return {**facts, **own, "lut": luts.tables.get(facts["voi_lut"])}


def shown(pixels: Pixels, facts: Facts, voi: Sequence[float]) -> NDArray[np.uint8]:
    """The picture of 8 bits. `voi`: center and width in modality units, 1 for inverted; [] is what is first seen."""
    if pixels.ndim == 3:
        return _coloured(pixels, facts, voi)
    center, width, inverted = voi or _first_voi(pixels, facts)
    return _through(pixels, facts, curve_for(facts, center, width), is_inverted=bool(inverted))


def windowed(pixels: Pixels, facts: Facts, function: str, center: float, width: float) -> NDArray[np.uint8]:
    """The picture by a window of the asker's own (PS3.18 8.3.5.1.4), whatever the file says. Colours as they are."""
    if pixels.ndim == 3:
        return pixels
    return _through(pixels, facts, curve_of(function, center, width), is_inverted=False)


def curve_of(function: str, center: float, width: float) -> Curve:
    """Grey of 0 to 255 of a value after rescale (PS3.3 C.11.2.1.2, C.11.2.1.3)."""
    if function == "SIGMOID":
        # Far outside, the exponential is beyond what a number holds; there it is 0 or 1 already.
        return lambda values: 255 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700)))
    if function == "LINEAR_EXACT":
        middle, span = center, width
    else:
        middle, span = center - 0.5, width - 1

    def line(values: Values) -> Values:
        inner = ((values - middle) / (span or 1) + 0.5) * 255
        return np.where(values <= middle - span / 2, 0, np.where(values > middle + span / 2, 255, inner))

    return line


def curve_for(facts: Facts, center: float, width: float) -> Curve:
    """The curve of an image: its own VOI LUT, if there is one, stretched to the window.

    With windows in the file as well, the LUT is used at its own range alone.
    """
    lut = facts["lut"]
    is_own = lut is not None and _range_of(lut) == (center, width)
    if lut is None or (facts["windows"] and not is_own):
        return curve_of(facts["voi_function"], center, width)
    greys, first = _table_of(lut), lut["first"]

    def look_up(values: Values) -> Values:
        places = values - first if is_own else (values - (center - width / 2)) / width * len(greys)
        return greys.take(np.clip(np.floor(places), 0, len(greys) - 1).astype(int))

    return look_up


def _through(pixels: Pixels, facts: Facts, curve: Curve, *, is_inverted: bool) -> NDArray[np.uint8]:
    """Each stored value by a table. Padding is black, whatever the window."""
    least, most = int(pixels.min()), int(pixels.max())
    values = np.arange(least, most + 1, dtype=np.float64)
    rescale = facts["rescale"]
    greys = np.floor(curve(values * rescale["slope"] + rescale["intercept"]) + 0.5)
    if is_inverted != (facts["photometric"] == "MONOCHROME1"):
        greys = 255 - greys
    if facts["padding"]:
        low, high = facts["padding"]
        greys[(values >= low) & (values <= high)] = 0
    table = greys.astype(np.uint8)
    return table[pixels.astype(np.int64) - least]


def _coloured(pixels: Pixels, facts: Facts, voi: Sequence[float]) -> NDArray[np.uint8]:
    """Each of red, green and blue through the same curve; the window 128/256 changes nothing."""
    if not voi or tuple(voi) == (128, 256, 0):
        return pixels
    center, width, inverted = voi
    greys = np.floor(curve_for(facts, center, width)(np.arange(256, dtype=np.float64)) + 0.5)
    table = (255 - greys if inverted else greys).astype(np.uint8)
    return table[pixels]


def _first_voi(pixels: Pixels, facts: Facts) -> tuple[float, float, int]:
    """The window an image is first shown with."""
    if facts["lut"]:
        return *_range_of(facts["lut"]), 0
    if facts["windows"]:
        return facts["windows"][0]["center"], facts["windows"][0]["width"], 0
    padding = tuple(facts["padding"]) if facts["padding"] else None
    rescale = facts["rescale"]
    ends = [end * rescale["slope"] + rescale["intercept"] for end in value_range(pixels, padding)]
    return (min(ends) + max(ends) + 1) / 2, max(1.0, max(ends) - min(ends) + 1), 0


def _range_of(lut: Facts) -> tuple[float, float]:
    entries = len(_table_of(lut))
    return lut["first"] + entries / 2, entries


def _table_of(lut: Facts) -> Values:
    words = np.frombuffer(base64.b64decode(lut["data"]), dtype="<u2")
    most = 2 ** lut["bits"] - 1
    greys: Values = np.floor(np.minimum(words, most) / most * 255 + 0.5)
    return greys
