"""Real images under made-up patients: the pixels stay, nobody else's traces do."""

from __future__ import annotations

import subprocess
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom.sampledata import Patient, Study, ct_head_series, real_samples, with_patient, write_sample
from dicom.sampledata.head import BLUR, PADDING
from dicom.sampledata.patients import PERSONAL, SAMPLES

PATIENT = Patient("NGUYỄN^Văn Thử", "BN0001", date(1961, 5, 17), "F")
STUDY = Study("2.25.20261122", datetime.fromisoformat("2026-11-22T07:30"), "Chụp thử", "A1")


def test_every_real_sample_is_installed() -> None:
    assert real_samples().keys() == SAMPLES.keys()


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_sample_keeps_its_pixels_and_loses_its_people(name: str, tmp_path: Path) -> None:
    before = dcmread(real_samples()[name])
    after = dcmread(write_sample(name, tmp_path, PATIENT, STUDY))
    assert after.PixelData == before.PixelData
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert (after.PatientName, after.PatientID, after.PatientBirthDate) == (
        PATIENT.name,
        "BN0001",
        "19610517",
    )
    assert not {each for each in PERSONAL if after.get(each)} - {"AccessionNumber"}
    assert not any(element.tag.is_private for element in after.iterall())
    text = str(after)
    assert str(before.PatientID) not in text
    assert str(before.StudyInstanceUID) not in text


def test_uids_are_mapped_alike_within_a_study_and_apart_between_two() -> None:
    def a_dataset() -> Dataset:
        ds = dcmread(real_samples()["mr-shoulder"])
        reference = Dataset()
        reference.ReferencedSOPInstanceUID = ds.SOPInstanceUID
        ds.ReferencedImageSequence = [reference]
        return ds

    first = with_patient(a_dataset(), PATIENT, STUDY)
    second = with_patient(a_dataset(), PATIENT, Study("2.25.2", STUDY.taken_at, ""))
    assert first.ReferencedImageSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert first.file_meta.MediaStorageSOPInstanceUID == first.SOPInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.SOPClassUID == second.SOPClassUID


def test_the_phantom_says_that_it_is_one_and_is_a_valid_ct(tmp_path: Path) -> None:
    paths = ct_head_series(tmp_path, PATIENT, STUDY, slices=3)
    middle = dcmread(paths[1])
    assert "Phantom" in middle.SeriesDescription
    assert [float(dcmread(path).ImagePositionPatient[2]) for path in paths] == [-54, 0, 54]
    hu = middle.pixel_array.astype(int) + int(middle.RescaleIntercept)
    assert middle.pixel_array[0, 0] == PADDING
    brain = hu[330:350, 240:260]
    assert abs(brain.mean() - 35) < 3
    assert 8 < brain.std() < 16
    said = subprocess.run(["dciodvfy", str(paths[1])], capture_output=True, text=True, check=False)
    assert "Error" not in said.stdout + said.stderr


def test_the_noise_keeps_its_deviation_when_it_is_blurred() -> None:
    assert np.isclose((BLUR**2).sum(), 1)
