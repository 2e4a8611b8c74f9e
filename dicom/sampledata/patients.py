"""Real X-ray, MR and ultrasound files of pydicom-data (MIT), under made-up patients."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, generate_uid

SAMPLES = {
    "cr-chest": "RG1_UNCR.dcm",
    "cr-leg": "RG3_UNCR.dcm",
    "mr-shoulder": "MR2_UNCR.dcm",
    "mr-abdomen": "MR-SIEMENS-DICOM-WithOverlays.dcm",
    "us-heart": "color3d_jpeg_baseline.dcm",
}

# Attributes that name people, places or their papers (after PS3.15 table E.1-1).
PERSONAL = (
    *("AccessionNumber", "AdditionalPatientHistory", "AdmissionID", "DeviceSerialNumber", "EthnicGroup"),
    *("InstitutionAddress", "InstitutionName", "InstitutionalDepartmentName", "IssuerOfPatientID"),
    *("NameOfPhysiciansReadingStudy", "OperatorsName", "OtherPatientIDs", "OtherPatientIDsSequence"),
    *("OtherPatientNames", "PatientAddress", "PatientAge", "PatientBirthTime", "PatientComments"),
    *("PatientTelephoneNumbers", "PerformedProcedureStepID", "PerformingPhysicianName", "PhysiciansOfRecord"),
    *("ReferencedPatientSequence", "ReferringPhysicianName", "RequestAttributesSequence"),
    *("RequestedProcedureDescription", "RequestedProcedureID", "RequestingPhysician", "RequestingService"),
    *("ScheduledProcedureStepID", "StationName", "StorageMediaFileSetUID", "StudyComments"),
)
INSTANTS = (
    *(
        "SeriesDate",
        "AcquisitionDate",
        "ContentDate",
        "InstanceCreationDate",
        "PerformedProcedureStepStartDate",
    ),
    *(
        "SeriesTime",
        "AcquisitionTime",
        "ContentTime",
        "InstanceCreationTime",
        "PerformedProcedureStepStartTime",
    ),
    "AcquisitionDateTime",
)


@dataclass(frozen=True, slots=True)
class Patient:
    """A made-up person. The name is DICOM PN text (`NGUYỄN^Văn An`), sex M, F or O."""

    name: str
    patient_id: str
    birth_on: date
    sex: str


@dataclass(frozen=True, slots=True)
class Study:
    """The visit the images are said to come from: all other UIDs are derived from its own."""

    uid: str
    taken_at: datetime  # the hospital's own time, as DICOM writes it
    description: str
    accession: str = ""

    def derived(self, *parts: str) -> UID:
        """The same UID each time for the same parts, another one in each study."""
        return generate_uid(entropy_srcs=[self.uid, *parts])


def real_samples() -> dict[str, Path]:
    """Name the real CR, MR and US files that are installed here."""
    found = {name: get_testdata_file(file, download=False) for name, file in SAMPLES.items()}
    return {name: Path(path) for name, path in found.items() if path}


def with_patient(ds: Dataset, patient: Patient, study: Study) -> Dataset:
    """Change `ds` in place to be of this patient and study, with nobody else's traces in the header.

    Pixel data stays as it is, so a name burnt into the picture stays too.
    """
    ds.decode()  # texts become str before the character set changes
    ds.remove_private_tags()
    for keyword in PERSONAL:
        if keyword in ds:
            delattr(ds, keyword)
    ds.walk(lambda _, element: _derive_uids(element, study))
    ds.SpecificCharacterSet = "ISO_IR 192"
    identify(ds, patient, study)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ds.file_meta.TransferSyntaxUID
    ds.file_meta = meta
    ds.preamble = bytes(128)
    return ds


def write_sample(name: str, directory: Path, patient: Patient, study: Study) -> Path:
    """Write one of `real_samples()` under another patient. Raises KeyError where it is not installed."""
    ds = with_patient(dcmread(real_samples()[name]), patient, study)
    path = directory / f"{name}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


def _derive_uids(element: DataElement, study: Study) -> None:
    """Give every UID that is not the standard's own another value, the same for the same one."""
    if element.VR != "UI" or not element.value or element.VM != 1:
        return
    if not str(element.value).startswith("1.2.840.10008."):
        element.value = study.derived(str(element.value))


def identify(ds: Dataset, patient: Patient, study: Study) -> None:
    ds.StudyInstanceUID = study.uid
    ds.StudyID = "1"
    ds.StudyDescription = study.description
    ds.AccessionNumber = study.accession
    ds.ReferringPhysicianName = ""
    ds.PatientName = patient.name
    ds.PatientID = patient.patient_id
    ds.PatientBirthDate = patient.birth_on.strftime("%Y%m%d")
    ds.PatientSex = patient.sex
    ds.StudyDate = _instant("StudyDate", study.taken_at)
    ds.StudyTime = _instant("StudyTime", study.taken_at)
    for keyword in INSTANTS:
        if keyword in ds:
            setattr(ds, keyword, _instant(keyword, study.taken_at))


def _instant(keyword: str, at: datetime) -> str:
    """Write the time as the attribute of this name takes it: DA, TM or DT."""
    shape = (
        "%Y%m%d%H%M%S" if keyword.endswith("DateTime") else "%Y%m%d" if keyword.endswith("Date") else "%H%M%S"
    )
    return at.strftime(shape)
