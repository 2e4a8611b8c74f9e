"""Encapsulated PDF: the signed minutes, in the study of which they speak (PS3.3 A.45.1)."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from dicom.evidence.sources import Source

# Of the patient and the study, as the images have them.
_COPIED: Final = (
    "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyInstanceUID",
    "StudyDate", "StudyTime", "StudyID", "StudyDescription", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip


def document(source: Source, pdf: bytes, at: dt.datetime, **named: Any) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _COPIED:
        if keyword in source.ds:
            ds[keyword] = source.ds[keyword]
    ds.SOPClassUID = EncapsulatedPDFStorage
    ds.SOPInstanceUID = named["sop_instance_uid"]
    ds.SeriesInstanceUID = named["series_instance_uid"]
    ds.SeriesNumber, ds.InstanceNumber = named["series_number"], named["instance_number"]
    ds.SeriesDescription = named["series_description"]
    ds.Modality = "DOC"
    ds.ConversionType = "WSD"
    ds.Manufacturer = named["manufacturer"]
    ds.ContentDate, ds.ContentTime = at.strftime("%Y%m%d"), at.strftime("%H%M%S")
    ds.AcquisitionDateTime = at.strftime("%Y%m%d%H%M%S")
    ds.BurnedInAnnotation = "YES"
    ds.DocumentTitle = "Trích biên bản hội chẩn"
    ds.ConceptNameCodeSequence = [_code("11488-4", "LN", "Consultation note")]
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    ds.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    ds.EncapsulatedDocumentLength = len(pdf)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    ds = Dataset()
    ds.CodeValue, ds.CodingSchemeDesignator, ds.CodeMeaning = value, scheme, meaning
    return ds
