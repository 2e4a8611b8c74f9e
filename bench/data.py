"""What the imaging benches are run on, made once under var/bench and never committed.

The CT is the real head that Debian's package `invesalius-examples` carries, brought to 432 thin slices of
512²; where it cannot be fetched it is a phantom whose series says so. The 10,000 studies are headers alone.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, BasicTextSRStorage, ExplicitVRLittleEndian

from dicom.sampledata import Patient, Study, ct_head_series, fetch_head

FOLDER = Path(__file__).parents[1] / "var" / "bench"
SLICES = 432
STUDIES = 10_000
PATIENT = Patient("TRAN^Thi Do", "BENCH-CT", date(1961, 5, 17), "F")
STUDY = Study("2.25.20261122001", datetime.fromisoformat("2026-11-22T07:30"), "CT so nao", "BENCH1")
FAMILIES = "NGUYEN TRAN LE PHAM HOANG HUYNH PHAN VU VO DANG BUI DO HO NGO DUONG LY".split()  # noqa: SIM905
GIVEN = "An Binh Chi Dung Giang Ha Hoa Khanh Lan Minh Nam Oanh Phuc Quan Son Tam".split()  # noqa: SIM905


def ct_series() -> list[Path]:
    """The files of the CT, neck first."""
    folder = FOLDER / "ct"
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        ct_head_series(folder, PATIENT, STUDY, slices=SLICES, matrix=fetch_head(FOLDER))
        (folder / "complete").touch()
    return sorted(folder.glob("*.dcm"))


def ten_thousand_studies() -> Iterator[bytes]:
    """Part 10 files of one report each, a study each, names and days repeating."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = BasicTextSRStorage
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "SR", 1, 1
    for number in range(STUDIES):
        ds.StudyInstanceUID = UID(study_uid(number))
        ds.SeriesInstanceUID = UID(f"{ds.StudyInstanceUID}.1")
        ds.SOPInstanceUID = UID(f"{ds.SeriesInstanceUID}.1")
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.PatientID = patient_id(number)
        ds.PatientName = f"{FAMILIES[number % 16]}^{GIVEN[number // 16 % 16]} {number}"
        ds.PatientBirthDate = (date(1940, 1, 1) + timedelta(days=number * 3)).strftime("%Y%m%d")
        ds.PatientSex = "MF"[number % 2]
        ds.StudyDate = (date(2024, 1, 1) + timedelta(days=number % 1000)).strftime("%Y%m%d")
        ds.StudyTime, ds.StudyID, ds.AccessionNumber = "083000", str(number), f"ACC{number}"
        ds.StudyDescription = "CT so nao"
        ds.ReferringPhysicianName = "LE^Binh"
        out = io.BytesIO()
        dcmwrite(out, ds, enforce_file_format=True)
        yield out.getvalue()


def study_uid(number: int) -> str:
    return f"2.25.2026112200{number}"


def patient_id(number: int) -> str:
    return f"BN{number:06}"
