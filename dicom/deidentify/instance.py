"""One file de-identified. Runs in the sandbox's child alone: it parses and decodes what strangers wrote."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from dicom.deidentify import profile
from dicom.deidentify.elements import Cleaning, Options, texts_left
from dicom.deidentify.identity import Identity
from dicom.deidentify.pixels import (
    blank_mask,
    must_be_looked_at,
    ultrasound_regions,
    write_encoded,
    write_native,
)
from dicom.deidentify.values import Keyed
from dicom.frames import Image, opened
from dicom.instance import BadInstance

_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
# Reports, documents and drawings over images: their whole content is words about a patient.
_WORDS_ONLY: Final = tuple(f"{_STORAGE}{part}." for part in ("88", "104", "11", "9"))
_MAX_TEXTS: Final = 2000
_PHOTOMETRICS: Final = frozenset(
    {
        "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT",
        "YBR_RCT", "YBR_PARTIAL_420", "YBR_PARTIAL_422", "XYB",
    }
)  # fmt: skip
_MODALITIES: Final = frozenset(
    """
    AR BI BMD CFM CR CT DG DX EC ES GM IO IVOCT IVUS LEN MG MR NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS OT PT PX
    RF RG RTIMAGE SC SM SMR SRF TG US VA XA XC
    """.split()  # noqa: SIM905
)


def deidentify(
    path: Path,
    key: bytes,
    names: list[str],
    numbers: list[str],
    options: dict[str, bool],
    blank: list[list[int]],
) -> dict[str, Any]:
    """Return the copy of the file at `path` and what was done: `file`, `counts` by code, `texts` left as pairs,
    `must_look`, `blanked` and the `methods` of PS3.16 CID 7050. Raises BadInstance.

    `key`: the hospital's, for UIDs, dates and pseudonyms; `names`, `numbers`: what is known of the patient
    beside the file; `options`: fields of Options; `blank`: rectangles as `pixels.Rect`.
    """
    with opened(path) as image:
        sop_class = str(image.ds.get("SOPClassUID", ""))
        if sop_class.startswith(_WORDS_ONLY):
            raise BadInstance("holds-words")
        if image.ds.get("PhotometricInterpretation") not in _PHOTOMETRICS:
            raise BadInstance("wrong-pixels")
        taken = Options(**options)
        must_look, keep = must_be_looked_at(image.ds), ultrasound_regions(image.ds)
        cleaning = Cleaning(_keyed(image.ds, key), Identity.of(image.ds, names, numbers), taken)
        is_blanked = bool(keep or blank)
        _write_pixels(image, keep, blank)
        data = image.ds.pop("PixelData")
        cleaning.clean(image.ds)
        image.ds["PixelData"] = data
        methods = _methods(taken, is_blanked)
        _note(image.ds, taken, methods)
        return {
            "file": _written(image.ds),
            "counts": dict(cleaning.counts),
            "texts": sorted({(keyword, text) for keyword, text in texts_left(image.ds)})[:_MAX_TEXTS],
            "must_look": must_look,
            "blanked": is_blanked,
            "methods": methods,
        }


def _keyed(ds: Dataset, key: bytes) -> Keyed:
    """By the patient's number, where there is one: all studies of a patient move by the same days."""
    patient = [str(ds.get(keyword) or "") for keyword in ("PatientID", "IssuerOfPatientID")]
    named = patient if patient[0].strip() else [str(ds.get("StudyInstanceUID") or "")]
    return Keyed(key, "\0".join(one.strip() for one in named))


def _write_pixels(image: Image, keep: list[Any], blank: list[list[int]]) -> None:
    image.ds.file_meta = FileMetaDataset()
    is_encoded = image.syntax.is_compressed and not image.syntax.is_deflated
    if is_encoded and not (keep or blank):
        write_encoded(image)
        return
    mask = blank_mask(image.ds.Rows, image.ds.Columns, keep, blank) if keep or blank else None
    write_native(image, mask)


def _methods(options: Options, is_blanked: bool) -> list[str]:
    asked = {
        "basic": True,
        "pixels": is_blanked,
        "descriptors": options.keeps_descriptors,
        "dates": options.keeps_dates,
        "patient": options.keeps_patient,
    }
    return [name for name, is_so in asked.items() if is_so]


def _note(ds: Dataset, options: Options, methods: list[str]) -> None:
    """Say in the copy itself what was done with it (PS3.3 C.12.1, C.7.1.1)."""
    ds.SpecificCharacterSet = "ISO_IR 192"
    if ds.get("Modality") not in _MODALITIES:
        ds.Modality = "OT"
    ds.PatientIdentityRemoved = "YES"
    ds.DeidentificationMethod = f"PS3.15 E {profile.EDITION}"
    ds.DeidentificationMethodCodeSequence = [_code(*profile.METHODS[name]) for name in methods]
    # A copy is released only after a person has looked at every image for this.
    ds.BurnedInAnnotation = "NO"
    ds.LongitudinalTemporalInformationModified = "MODIFIED" if options.keeps_dates else "REMOVED"


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _written(ds: Dataset) -> bytes:
    """A new Part 10 file: nothing of the old preamble and meta information is in it."""
    meta = ds.file_meta
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    copy = Dataset(ds)
    copy.file_meta, copy.preamble = meta, bytes(128)
    syntax = UID(meta.TransferSyntaxUID)
    out = io.BytesIO()
    dcmwrite(
        out, copy, enforce_file_format=True,
        implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian,
    )  # fmt: skip
    return out.getvalue()
