"""The figures of marks: lengths and angles from the header, values from the pixels, which a sandbox's child reads."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, Final

from dicom import manifest
from dicom.evidence import figures
from dicom.evidence.figures import Scale
from dicom.headervalues import Header
from dicom.sandbox import Sandbox

Json = dict[str, Any]

_REGIONS: Final = frozenset({"ellipse", "rectangle"})
_READ: Final = _REGIONS | {"probe"}
NAMES: Final = {
    "length": "Độ dài",
    "angle": "Góc",
    "cobb": "Góc Cobb",
    "ellipse": "Elip",
    "rectangle": "Chữ nhật",
    "probe": "Trị số",
}
_WRITTEN: Final = {"mm": "mm", "mm2": "mm²", "px": "điểm ảnh", "deg": "°"}


async def measured(sandbox: Sandbox, path: Path, header: bytes, frame: int, marks: list[Json]) -> list[Json]:
    """The marks of one frame, each with `figures` ([name, value, unit, derivation]), `says` and `label`.

    `header` is the gzipped DICOM JSON of the index, `path` the instance's own bytes. Raises BadInstance.
    """
    elements: Json = json.loads(gzip.decompress(header))
    facts = manifest.image(Header(elements), manifest.Luts())
    own = (facts["per_frame"] or [])[frame - 1 : frame]
    rescale = (own[0].get("rescale") if own else None) or facts["rescale"]
    read = [one for one in marks if one["tool"] in _READ]
    values: dict[str, Json | None] = {}
    if read:
        found = await sandbox.run(
            "values_under",
            path=path,
            frame=frame,
            marks=[{"tool": one["tool"], "points": one["points"]} for one in read],
            rescale=[rescale["slope"], rescale["intercept"]],
            padding=facts["padding"],
        )
        values = {one["uid"]: under for one, under in zip(read, found, strict=True)}
    return [_with_figures(one, facts, values.get(one["uid"]), rescale["units"]) for one in marks]


def _with_figures(mark: Json, facts: Json, values: Json | None, unit: str) -> Json:
    points = [(float(x), float(y)) for x, y in mark["points"]]
    scale = figures.scale_of(facts, points)
    found = _figures(mark["tool"], points, facts, scale, values, unit)
    note = ", mm trên tấm nhận ảnh" if scale is not None and scale.is_on_detector else ""
    label = f"{NAMES.get(mark['tool'], mark['tool'])}{note}"
    return mark | {"figures": found, "says": "; ".join(map(_said, found)), "label": label}


def _figures(
    tool: str, points: list[figures.Point], facts: Json, scale: Scale | None, values: Json | None, unit: str
) -> list[list[Any]]:
    if tool == "length":
        return [["length", figures.length(points, scale), "mm" if scale else "px", ""]]
    if tool in {"angle", "cobb"}:
        degrees = figures.angle(facts, tool, points)
        return [] if degrees is None else [[tool, degrees, "deg", ""]]
    if values is None:
        return []
    if tool == "probe":
        return [["value", values["mean"], unit, ""]]
    if tool not in _REGIONS:
        return []
    area = values["count"] * (scale.x_mm * scale.y_mm if scale else 1)
    return [
        *(["value", values[name], unit, name] for name in ("mean", "sd", "min", "max")),
        ["area", area, "mm2" if scale else "px", ""],
    ]


def _said(figure: list[Any]) -> str:
    _, value, unit, derivation = figure
    words = {"mean": "TB ", "sd": "ĐLC ", "min": "nhỏ nhất ", "max": "lớn nhất "}.get(derivation, "")
    number = f"{value:.1f}".replace(".", ",")
    return f"{words}{number} {_WRITTEN.get(unit, unit)}".strip()
