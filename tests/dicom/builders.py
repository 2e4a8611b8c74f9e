"""Small things that the tests of dicom/ are made of: rows, files, and files that mean harm."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pydicom
from pydicom import uid
from pydicom.data import get_charset_files, get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from dicom.ingest import Received
from dicom.instance import Summary
from dicom.store import BlobKey
from dicom.uid import InstanceUID, SeriesUID, StudyUID

CT_IMAGE = str(uid.CTImageStorage)
REPORT = str(uid.ComprehensiveSRStorage)
EXPLICIT_LITTLE = str(uid.ExplicitVRLittleEndian)


def a_summary(**changes: Any) -> Summary:
    """A CT slice of a made-up patient."""
    known: dict[str, Any] = {
        "study_uid": StudyUID("2.25.1"),
        "series_uid": SeriesUID("2.25.1.1"),
        "sop_uid": InstanceUID("2.25.1.1.1"),
        "sop_class_uid": CT_IMAGE,
        "transfer_syntax_uid": EXPLICIT_LITTLE,
        "patient_id": "BN0001",
        "patient_name": "NGUYỄN^Văn Thử",
        "patient_birth_date": "19700101",
        "patient_sex": "M",
        "study_date": "20261122",
        "study_time": "0700",
        "accession_number": "A1",
        "study_description": "CT sọ não",
        "modality": "CT",
        "series_number": 1,
        "series_description": "",
        "body_part": "HEAD",
        "number": 1,
        "frames": 1,
        "rows": 512,
        "columns": 512,
        "photometric": "MONOCHROME2",
        "bits_allocated": 16,
        "samples": 1,
        "pixel_offset": 1024,
        "frame_bytes": 524288,
        "header": b"",
    }
    return Summary(**{**known, **changes})


def a_received(content: bytes = b"first", **changes: Any) -> Received:
    """A received instance whose blob is named after its content, as the store does."""
    sha256 = hashlib.sha256(content).hexdigest()
    return Received(BlobKey(f"1/{sha256[:2]}/{sha256[2:]}"), len(content), sha256, a_summary(**changes))


def a_dataset(**changes: Any) -> Dataset:
    """A small CT image. An attribute given as None is left out."""
    ds = Dataset()
    known: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": CT_IMAGE,
        "SOPInstanceUID": "2.25.1.1.1",
        "StudyInstanceUID": "2.25.1",
        "SeriesInstanceUID": "2.25.1.1",
        "PatientID": "BN0001",
        "PatientName": "NGUYỄN^Văn Thử",
        "Modality": "CT",
        "InstanceNumber": 1,
        "Rows": 64,
        "Columns": 64,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "PixelData": bytes(64 * 64 * 2),
    }
    for keyword, value in {**known, **changes}.items():
        if value is not None:
            setattr(ds, keyword, value)
    return ds


def a_file(ds: Dataset | None = None, syntax: str = EXPLICIT_LITTLE) -> bytes:
    """The Part 10 file of a data set."""
    ds = a_dataset() if ds is None else ds
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = uid.UID(syntax)
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", CT_IMAGE)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "2.25.0")
    if uid.UID(syntax).is_compressed and syntax != uid.DeflatedExplicitVRLittleEndian:
        ds["PixelData"].is_undefined_length = True
    out = io.BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


def a_real_file(name: str) -> bytes:
    """One of pydicom's test files."""
    path = (get_charset_files(name) or [get_testdata_file(name)])[0]
    assert isinstance(path, str)
    return Path(path).read_bytes()


def a_deflate_bomb(unfolded_bytes: int = 1 << 30) -> bytes:
    """About a megabyte that unfolds to a gibibyte of private data in front of the pixels."""
    plain = a_file(a_dataset(PixelData=None))
    start = plain.index(struct.pack("<HH", 0x0008, 0x0005))
    meta = a_file(a_dataset(PixelData=None), uid.DeflatedExplicitVRLittleEndian)
    meta = meta[: 144 + struct.unpack_from("<L", meta, 140)[0]]
    bulk = struct.pack("<HH2sHL", 0x0029, 0x1010, b"OB", 0, unfolded_bytes)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = deflater.compress(plain[start:] + bulk) + deflater.flush(zlib.Z_FULL_FLUSH)
    # Behind a full flush a block stands for itself, so it can be repeated as it is.
    block = deflater.compress(bytes(1 << 20)) + deflater.flush(zlib.Z_FULL_FLUSH)
    return meta + head + block * (unfolded_bytes >> 20) + deflater.flush()


def a_jpeg2000_bomb(side: int = 60_000) -> bytes:
    """An image of 64×64 whose JPEG 2000 codestream says `side` × `side`: 7 GiB to a decoder."""
    original = pydicom.dcmread(io.BytesIO(a_real_file("JPEG2000.dcm")))
    codestream = bytearray(next(pydicom.encaps.generate_frames(original.PixelData, number_of_frames=1)))
    assert codestream[:4] == b"\xff\x4f\xff\x51"
    for offset in (8, 24):  # Xsiz, Ysiz; XTsiz, YTsiz
        codestream[offset : offset + 8] = struct.pack(">LL", side, side)
    return a_file(a_dataset(PixelData=encapsulate([bytes(codestream)])), uid.JPEG2000)


def a_nested_file(depth: int) -> bytes:
    """Sequences of undefined length inside each other."""
    plain = a_file(a_dataset(SOPClassUID=REPORT, BitsAllocated=None, PixelData=None))
    opened = struct.pack("<HH2sHL", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    closed = struct.pack("<HHL", 0xFFFE, 0xE00D, 0) + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    return plain + opened * depth + closed * depth


PAYLOADS = (
    "<img src=x onerror=\"window.__xss='img'\">",
    "\"><svg onload=window.__xss='svg'>",
    "<script>window.__xss='script'</script>",
    "</script><script>window.__xss='end'</script>",
    "{{ 7*191 }}${7*191}",
    "'-alert(1)-'",
    "javascript:window.__xss=1",
)


def a_hostile_file() -> bytes:
    """Every text that a page shows is a payload, where devices write what they like."""
    return a_file(
        a_dataset(
            StudyInstanceUID="2.25.666001",
            SeriesInstanceUID="2.25.666001.1",
            SOPInstanceUID="2.25.666001.1.1",
            PatientName=PAYLOADS[0],
            PatientID=PAYLOADS[1],
            PatientAge=PAYLOADS[1],
            PatientBirthDate=PAYLOADS[2],
            PatientSex=PAYLOADS[0],
            StudyDescription=PAYLOADS[2],
            StudyDate=PAYLOADS[0],
            AccessionNumber=PAYLOADS[5],
            Modality=PAYLOADS[4],
            SeriesDescription=PAYLOADS[3],
            BodyPartExamined=PAYLOADS[0],
            ImageLaterality=PAYLOADS[2],
            ViewPosition=PAYLOADS[6],
        )
    )
