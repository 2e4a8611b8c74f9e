"""SUV factors against numbers worked out by hand, and the reasons where there is none."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom import Dataset

from dicom.headervalues import Header
from dicom.suv import suv

F18_S = 6586.2


def _header(changes: dict[str, Any], tracer: dict[str, Any]) -> Header:
    ds, item = Dataset(), Dataset()
    given = {
        "Modality": "PT", "Units": "BQML", "CorrectedImage": ["DECY", "ATTN", "SCAT"], "DecayCorrection": "START",
        "PatientWeight": 70, "SeriesDate": "20260301", "SeriesTime": "101500",
        "AcquisitionDate": "20260301", "AcquisitionTime": "101530.5", **changes,
    }  # fmt: skip
    radionuclide = {
        "RadionuclideTotalDose": 370e6,
        "RadionuclideHalfLife": F18_S,
        "RadiopharmaceuticalStartTime": "091500.00",
        **tracer,
    }
    for target, values in ((ds, given), (item, radionuclide)):
        for keyword, value in values.items():
            if value is not None and keyword != "PhilipsFactor":
                setattr(target, keyword, value)
    ds.RadiopharmaceuticalInformationSequence = [item]
    if "PhilipsFactor" in changes:
        ds.add_new(0x70531000, "DS", changes["PhilipsFactor"])
    return Header(ds.to_json_dict())


# An hour of F-18 leaves 2^(-3600 / 6586.2) = 0.684633 of 370 MBq: 253.314 MBq. 70,000 g by that: 2.76337e-4 g/Bq.
_HOUR = 70_000 / (370e6 * 0.6846330)


@pytest.mark.parametrize(
    ("changes", "tracer", "factor"),
    [
        ({}, {}, _HOUR),
        ({}, {"RadiopharmaceuticalStartDateTime": "20260301091500.000000"}, _HOUR),
        ({"DecayCorrection": "ADMIN", "SeriesTime": None}, {}, 70_000 / 370e6),
        ({}, {"RadiopharmaceuticalStartTime": "101500"}, 70_000 / 370e6),  # scanned at once
        # Injected at 23:45 of the evening before, scanned at 0:45.
        (
            {"SeriesTime": "004500", "AcquisitionTime": "004501"},
            {"RadiopharmaceuticalStartTime": "234500"},
            _HOUR,
        ),
        ({"Units": "GML"}, {}, 1.0),
        ({"Units": "CNTS", "PhilipsFactor": "0.00025"}, {}, 0.00025),
    ],
)
def test_a_factor_is_grams_by_the_activity_that_was_left(
    changes: dict[str, Any], tracer: dict[str, Any], factor: float
) -> None:
    found = suv(_header(changes, tracer))
    assert found is not None
    assert found["factor"] == pytest.approx(factor, rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "tracer", "reason"),
    [
        ({"PatientWeight": None}, {}, "weight"),
        ({"PatientWeight": 0}, {}, "weight"),
        ({}, {"RadionuclideTotalDose": None}, "dose"),
        ({}, {"RadionuclideHalfLife": None}, "half-life"),
        ({}, {"RadiopharmaceuticalStartTime": None}, "injection-time"),
        ({}, {"RadiopharmaceuticalStartDateTime": "20260301111500"}, "injection-time"),  # after the scan
        ({"SeriesTime": None}, {}, "scan-time"),
        ({"SeriesTime": "120000"}, {}, "scan-time"),  # of a later processing
        ({"CorrectedImage": ["ATTN"]}, {}, "not-corrected"),
        ({"DecayCorrection": "NONE"}, {}, "not-corrected"),
        ({"Units": "CNTS"}, {}, "units"),
        ({"Units": "PROPCPS"}, {}, "units"),
        ({"Units": "GML", "SUVType": "LBM"}, {}, "suv-type"),
    ],
)
def test_without_a_tag_there_is_a_reason_and_no_number(
    changes: dict[str, Any], tracer: dict[str, Any], reason: str
) -> None:
    assert suv(_header(changes, tracer)) == {"reason": reason}


def test_what_is_no_pet_has_none() -> None:
    assert suv(_header({"Modality": "CT"}, {})) is None
