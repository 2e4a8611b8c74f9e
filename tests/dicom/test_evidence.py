"""What a consultation leaves for a PACS, held against the standard's validator, numpy, and pydicom's own reading."""

from __future__ import annotations

import io
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from dicom.evidence import figures
from dicom.evidence.measuring import measured
from dicom.instance import Summary
from dicom.sandbox import Sandbox
from tests.services import program

# Real images of each kind, grey and colour, one frame and several.
IMAGES = {
    "CT": "CT_small.dcm",
    "MR": "MR2_UNCR.dcm",
    "CR": "RG3_UNCR.dcm",
    "US": "US1_UNCR.dcm",
    "cine": "examples_ybr_color.dcm",
}
PERSON = {"name": "Lê^Hoa^Thị^BSCKII", "hospital": "BVĐK tỉnh"}
AT = "2026-11-22T10:00:00+07:00"
DRAWN: dict[str, list[list[float]]] = {
    "length": [[10, 10], [40, 50.5]],
    "angle": [[10, 10], [40, 50.5], [60, 5]],
    "cobb": [[10, 10], [40, 12], [30, 50], [60, 90]],
    "ellipse": [[10, 10], [41, 70.5]],
    "rectangle": [[50, 12], [20, 40]],
    "probe": [[33.5, 20.5]],
    "arrow": [[10, 10], [40, 50]],
    "text": [[12, 12]],
    "freehand": [[10, 10], [20, 30], [9e5, 50]],
}
WORDS = {"arrow": "Khối u", "text": "Đường giữa lệch"}


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(children=1) as sandbox:
        yield sandbox


class Image:
    """One real image, as the index knows it."""

    def __init__(self, path: Path, summary: Summary) -> None:
        self.path, self.summary = path, summary
        self.ds = dcmread(path)

    def marks(self) -> list[dict[str, Any]]:
        return [
            {
                "uid": f"mark-{number}",
                "tracking_uid": f"2.25.{number}",
                "sop": self.summary.sop_uid,
                "frame": 1,
                "tool": tool,
                "points": points,
                "text": WORDS.get(tool, ""),
            }
            for number, (tool, points) in enumerate(DRAWN.items(), 1)
        ]

    async def measured(self, sandbox: Sandbox) -> list[dict[str, Any]]:
        return await measured(sandbox, self.path, self.summary.header, 1, self.marks())

    async def made(self, sandbox: Sandbox, kind: str, **changes: Any) -> bytes:
        keys = [{"sop": self.summary.sop_uid, "frame": 1, "voi": [40, 400, 0], "caption": "Khối u"}]
        marks = await self.measured(sandbox)
        order = {
            "marks": [one for one in marks if one["figures"]] if kind == "report" else marks,
            "key_images": keys,
            "person": PERSON,
            "series_uid": "2.25.11",
            "sop_uid": "2.25.12",
            "number": 9101,
            "at": AT,
        }
        images = [{"header": self.summary.header, "syntax": self.summary.transfer_syntax_uid}]
        made: bytes = await sandbox.run(
            "evidence", kind=kind, images=images, order=order | changes, pdf=b"%PDF-1.7\n1"
        )
        return made


async def an_image(sandbox: Sandbox, name: str) -> Image:
    path = Path(get_testdata_file(IMAGES[name]))
    return Image(path, await sandbox.summarise(path))


def errors(path: Path) -> set[str]:
    """What dicom3tools finds wrong; it says so on either stream."""
    said = subprocess.run([program("dciodvfy"), str(path)], capture_output=True, text=True, check=False)
    return {line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")}


@pytest.mark.parametrize("kind", ["report", "selection", "presentation", "minutes"])
@pytest.mark.parametrize("name", IMAGES)
async def test_evidence_is_valid_beside_what_the_image_itself_lacks(
    sandbox: Sandbox, tmp_path: Path, name: str, kind: str
) -> None:
    image = await an_image(sandbox, name)
    path = tmp_path / "made.dcm"
    path.write_bytes(await image.made(sandbox, kind))
    assert errors(path) - errors(image.path) == set()
    made = dcmread(path)
    assert (made.StudyInstanceUID, made.get("PatientID"), made.get("PatientName")) == (
        image.summary.study_uid,
        image.ds.get("PatientID", ""),
        image.ds.get("PatientName", ""),
    )


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("report", "Bản đo: Lê Thị Hoa"),
        ("selection", "Ảnh chính"),
        ("presentation", "Hình vẽ"),
        ("minutes", "Biên bản hội chẩn"),
    ],
)
async def test_a_list_of_series_says_what_it_is_and_whose(sandbox: Sandbox, kind: str, title: str) -> None:
    image = await an_image(sandbox, "CT")
    made = dcmread(io.BytesIO(await image.made(sandbox, kind)))
    assert (made.SeriesDescription, made.SpecificCharacterSet) == (title, "ISO_IR 192")


async def test_a_long_name_does_not_make_a_value_too_long(sandbox: Sandbox) -> None:
    image = await an_image(sandbox, "CT")
    person = {"name": f"Lê^Hoa^{'Thị ' * 20}", "hospital": ""}
    made = dcmread(io.BytesIO(await image.made(sandbox, "report", person=person)))
    assert len(made.SeriesDescription) <= 64


def test_the_validator_sees_what_is_wrong(tmp_path: Path) -> None:
    ds = dcmread(get_testdata_file("CT_small.dcm"))
    del ds.SeriesInstanceUID
    ds.save_as(tmp_path / "wrong.dcm")
    assert errors(tmp_path / "wrong.dcm")


async def test_made_again_it_is_the_same_to_the_byte(sandbox: Sandbox) -> None:
    for name, kind in (("CT", "report"), ("CT", "selection"), ("CT", "presentation"), ("US", "presentation")):
        image = await an_image(sandbox, name)
        assert await image.made(sandbox, kind) == await image.made(sandbox, kind)


def items(ds: Dataset) -> list[Dataset]:
    """The whole tree of a structured report."""
    return [ds, *(inner for child in ds.get("ContentSequence", ()) for inner in items(child))]


def concept(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeMeaning) if "ConceptNameCodeSequence" in item else ""


def numbers(ds: Dataset) -> list[tuple[str, str, float, str]]:
    """Name, derivation, value and UCUM unit of every measurement."""
    found = []
    for item in items(ds):
        if item.get("ValueType") != "NUM":
            continue
        derivation = [
            one.ConceptCodeSequence[0].CodeMeaning
            for one in item.get("ContentSequence", ())
            if concept(one) == "Derivation"
        ]
        value = item.MeasuredValueSequence[0]
        unit = value.MeasurementUnitsCodeSequence[0]
        assert unit.CodingSchemeDesignator == "UCUM"
        found.append((concept(item), "".join(derivation), float(value.NumericValue), str(unit.CodeValue)))
    return found


async def test_a_report_says_what_numpy_says_in_units_of_ucum(sandbox: Sandbox) -> None:
    image = await an_image(sandbox, "CT")
    said = numbers(dcmread(io.BytesIO(await image.made(sandbox, "report"))))
    values = image.ds.pixel_array * float(image.ds.RescaleSlope) + float(image.ds.RescaleIntercept)
    down, across = map(float, image.ds.PixelSpacing)
    y, x = np.mgrid[: values.shape[0], : values.shape[1]] + 0.5
    ellipse = values[((x - 25.5) / 15.5) ** 2 + ((y - 40.25) / 30.25) ** 2 <= 1]
    rectangle = values[12:40, 20:50]
    expected = [("Length", "", np.hypot(30 * across, 40.5 * down), "mm")]
    first, second = np.array([-30 * across, -40.5 * down]), np.array([20 * across, -45.5 * down])
    cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    expected.append(("Angle", "", np.degrees(np.arccos(cosine)), "deg"))
    one, other = np.array([30 * across, 2 * down]), np.array([30 * across, 40 * down])
    cosine = abs(one @ other) / np.linalg.norm(one) / np.linalg.norm(other)
    expected.append(("Cobb angle", "", np.degrees(np.arccos(cosine)), "deg"))
    for inside in (ellipse, rectangle):
        for name, value in (
            ("Mean", inside.mean()), ("Standard Deviation", inside.std()), ("Minimum", inside.min()),
            ("Maximum", inside.max()),
        ):  # fmt: skip
            expected.append(("Attenuation Coefficient", name, value, "[hnsf'U]"))
        expected.append(("Area", "", inside.size * across * down, "mm2"))
    expected.append(("Attenuation Coefficient", "", values[20, 33], "[hnsf'U]"))
    assert [one[:2] + one[3:] for one in said] == [one[:2] + one[3:] for one in expected]
    assert [one[2] for one in said] == pytest.approx([one[2] for one in expected], rel=1e-5)


async def test_points_are_where_they_were_drawn_with_the_corner_of_the_image_at_zero(
    sandbox: Sandbox,
) -> None:
    image = await an_image(sandbox, "CT")
    report = dcmread(io.BytesIO(await image.made(sandbox, "report")))
    drawn = [
        (item.GraphicType, list(item.GraphicData))
        for item in items(report)
        if item.get("ValueType") == "SCOORD"
    ]
    assert drawn[0] == ("POLYLINE", [10, 10, 40, 50.5])
    assert [kind for kind, _ in drawn] == [
        "POLYLINE", "POLYLINE", "POLYLINE", "POLYLINE", "ELLIPSE", "POLYLINE", "POINT",
    ]  # fmt: skip
    assert drawn[4][1] == [25.5, 10, 25.5, 70.5, 10, 40.25, 41, 40.25]  # the longer axis first
    state = dcmread(io.BytesIO(await image.made(sandbox, "presentation")))
    graphics = state.GraphicAnnotationSequence[0]
    assert list(graphics.GraphicObjectSequence[0].GraphicData) == [10, 10, 40, 50.5]
    assert {one.GraphicAnnotationUnits for one in graphics.GraphicObjectSequence} == {"PIXEL"}
    assert list(graphics.GraphicObjectSequence[-1].GraphicData)[4] == image.ds.Columns  # not beyond the image
    words = [one.UnformattedTextValue for one in graphics.TextObjectSequence]
    assert {"Khối u", "Đường giữa lệch"} <= set(words)
    assert any("HU" in one for one in words)
    window = state.SoftcopyVOILUTSequence[0]
    assert (window.WindowCenter, window.WindowWidth) == (40, 400)


async def test_a_frame_of_several_is_named(sandbox: Sandbox) -> None:
    image = await an_image(sandbox, "cine")
    for kind in ("report", "selection", "presentation"):
        made = dcmread(io.BytesIO(await image.made(sandbox, kind)))
        frames = {str(one.value) for one in made.iterall() if one.keyword == "ReferencedFrameNumber"}
        assert frames in ({"1"}, {"[1]"}), kind


async def test_colour_has_no_values_and_what_has_no_scale_is_counted_in_pixels(sandbox: Sandbox) -> None:
    image = await an_image(sandbox, "cine")
    figures_of = {one["tool"]: one["figures"] for one in await image.measured(sandbox)}
    assert figures_of["ellipse"] == figures_of["probe"] == []
    facts: dict[str, Any] = {
        "spacing": {"kind": None, "reason": "no-spacing"},
        "aspect": 2.0,
        "us_regions": [],
    }
    assert figures.length([(0, 0), (3, 4)], figures.scale_of(facts, [(0, 0), (3, 4)])) == 5
    assert figures.angle(facts, "angle", [(1, 0), (0, 0), (2, 1)]) == pytest.approx(45)
    facts["spacing"] = {"kind": None, "reason": "no-us-region"}
    assert figures.angle(facts, "angle", [(1, 0), (0, 0), (2, 1)]) is None


def test_a_length_across_ultrasound_regions_has_no_scale() -> None:
    region = {"box": [0, 0, 99, 99], "step": [0.01, 0.02], "units": [3, 3], "format": 1}
    facts: dict[str, Any] = {"spacing": {"kind": "us-region"}, "aspect": 1.0, "us_regions": [region]}
    inside = figures.scale_of(facts, [(1, 1), (99, 100)])
    assert inside == figures.Scale(0.1, 0.2)
    assert figures.scale_of(facts, [(1, 1), (120, 50)]) is None
    region["format"] = 3  # spectral: time is not length
    assert figures.scale_of(facts, [(1, 1), (2, 2)]) is None


async def test_an_x_ray_says_that_its_millimetres_are_on_the_detector(sandbox: Sandbox) -> None:
    image = await an_image(sandbox, "CR")
    length = (await image.measured(sandbox))[0]
    assert length["figures"][0][2] in {"mm", "px"}
    assert ("tấm nhận ảnh" in length["label"]) == (length["figures"][0][2] == "mm")
