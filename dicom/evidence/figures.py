"""What a mark measures, by the same rules as the viewer: pure functions from a mark and the image's facts.

`facts` is `manifest.image` of the instance. Points are image pixels, the top left corner of the image is 0,0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]
Point = tuple[float, float]

_CM: Final = 3  # Physical Units X Direction (PS3.3 C.8.5.5.1.15)
_TWO_DIMENSIONAL: Final = 1  # Region Spatial Format


@dataclass(frozen=True, slots=True)
class Scale:
    """Of one pixel, in mm; `is_on_detector`: before the beam's magnification was taken out (CP-586)."""

    x_mm: float
    y_mm: float
    is_on_detector: bool = False


def scale_of(facts: Json, points: Sequence[Point]) -> Scale | None:
    """Holds for what lies between `points`, all of them; None where nobody knows."""
    spacing = facts["spacing"]
    match spacing["kind"]:
        case "pixel" | "imager":
            return Scale(spacing["column_mm"], spacing["row_mm"], spacing["kind"] == "imager")
        case "us-region":
            return _in_region(facts["us_regions"], points)
        case _:
            return None


def _in_region(regions: Sequence[Json], points: Sequence[Point]) -> Scale | None:
    """By the smallest ultrasound region that all points are in."""

    def area(region: Json) -> float:
        x0, y0, x1, y1 = region["box"]
        return float((x1 - x0) * (y1 - y0))

    around = [one for one in regions if all(_is_inside(one["box"], point) for point in points)]
    region = min(around, key=area, default=None)
    if region is None or region["format"] != _TWO_DIMENSIONAL or any(unit != _CM for unit in region["units"]):
        return None
    return Scale(10 * region["step"][0], 10 * region["step"][1])


def _is_inside(box: Sequence[float], point: Point) -> bool:
    return box[0] <= point[0] <= box[2] + 1 and box[1] <= point[1] <= box[3] + 1


def length(points: Sequence[Point], scale: Scale | None) -> float:
    """In mm, in pixels without a scale."""
    (x0, y0), (x1, y1) = points
    x, y = (scale.x_mm, scale.y_mm) if scale else (1.0, 1.0)
    return math.hypot((x1 - x0) * x, (y1 - y0) * y)


def angle(facts: Json, tool: str, points: Sequence[Point]) -> float | None:
    """In degrees; None where the shape of a pixel is not known, or two points are one."""
    scale = scale_of(facts, points)
    if scale is None and facts["spacing"].get("reason", "no-us-region") == "no-us-region":
        return None
    x, y = (scale.x_mm, scale.y_mm) if scale else (1.0, facts["aspect"])
    arms = ((1, 0), (1, 2)) if tool == "angle" else ((0, 1), (2, 3))
    (ax, ay), (bx, by) = (
        ((points[to][0] - points[start][0]) * x, (points[to][1] - points[start][1]) * y) for start, to in arms
    )
    if math.hypot(ax, ay) == 0 or math.hypot(bx, by) == 0:
        return None
    degrees = math.degrees(math.atan2(abs(ax * by - ay * bx), ax * bx + ay * by))
    return min(degrees, 180 - degrees) if tool == "cobb" else degrees
