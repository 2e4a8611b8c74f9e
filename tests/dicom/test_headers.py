"""Headers as DICOM JSON: the short way gives what pydicom gives."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pydicom
import pytest

from dicom import headers
from tests.dicom.builders import a_dataset, a_file, a_real_file


def model_of(content: bytes) -> dict[str, Any]:
    ds = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
    model: dict[str, Any] = json.loads(gzip.decompress(headers.header(ds)))
    return model


def without_blanks(value: Any) -> Any:
    """Pydicom keeps padding inside of multiple values and says "" for an empty one."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, list):
        return [without_blanks(one) for one in value]
    if isinstance(value, dict):
        return {key: without_blanks(one) for key, one in value.items()}
    return value


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "emri_small_RLE.dcm",
        "rtplan.dcm",
        "waveform_ecg.dcm",
        "chrX1.dcm",
        "chrH31.dcm",
    ],
)
def test_the_short_way_agrees_with_pydicom(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    short = model_of(a_real_file(name))
    monkeypatch.setattr(headers, "_plain", lambda element: None)
    assert without_blanks(short) == without_blanks(model_of(a_real_file(name)))
    assert len(short) > 20


def test_every_group_of_a_name_is_named() -> None:
    model = model_of(a_real_file("chrH31.dcm"))
    assert model["00100010"]["Value"] == [
        {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    ]
    assert model["00080005"]["Value"] == ["ISO_IR 192"]


def test_numbers_that_json_cannot_say_are_left_out_alone() -> None:
    ds = a_dataset(SliceThickness=1.5, RealWorldValueSlope=float("nan"), InstanceNumber=7)
    ds.add_new(0x00189087, "FD", float("inf"))
    model = model_of(a_file(ds).replace(b"1.5 ", b"x.5 "))
    assert "00189087" not in model
    assert "00180050" not in model
    assert model["00200013"] == {"vr": "IS", "Value": [7]}


def test_a_backslash_in_long_text_is_a_letter() -> None:
    model = model_of(a_file(a_dataset(PatientComments="C:\\a\\b")))
    assert model["00104000"]["Value"] == ["C:\\a\\b"]
