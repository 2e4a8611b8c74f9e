"""Copies for teaching: nothing of the patient is left in them, wherever it was written; the images still are."""

from __future__ import annotations

import io
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import uid
from pydicom._dicom_dict import DicomDictionary
from pydicom.data import get_testdata_file
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.sequence import Sequence

from dicom.deidentify.elements import Cleaning, Options
from dicom.deidentify.identity import Identity
from dicom.deidentify.instance import deidentify
from dicom.deidentify.profile import Action, listed
from dicom.deidentify.texts import DUMMY, cleaned
from dicom.deidentify.values import Keyed, coarse_age
from dicom.instance import BadInstance
from dicom.sandbox import Sandbox
from tests.dicom.builders import CT_IMAGE, REPORT, a_dataset, a_file

KEY = b"hospital" * 4
NAME = "Trịnh^Hoài Thương"
CITIZEN, INSURED = "001085012345", "DN4010123456789"
TEXT_VRS = ("LO", "LT", "SH", "ST", "UC", "UT", "PN")


def copy_of(
    path: Path, blank: list[list[int]] | None = None, **options: bool
) -> tuple[Dataset, dict[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = deidentify(path, KEY, [NAME], [CITIZEN, INSURED], options, blank or [])
        return pydicom.dcmread(io.BytesIO(done["file"])), done


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(ds: Dataset, syntax: str = uid.ExplicitVRLittleEndian) -> Path:
        path = tmp_path / "one.dcm"
        path.write_bytes(a_file(ds, syntax))
        return path

    return write


def planted(vr: str) -> Any:
    """Something that must not survive, as this representation holds it; None where it holds no secret."""
    secrets: dict[str, Any] = {
        **dict.fromkeys((*TEXT_VRS, "UR"), "SECRETPERSON"),
        **dict.fromkeys(("AE", "CS"), "SECRETPERSON"),
        **dict.fromkeys(("OB", "UN", "OW"), b"SECRETPERSON"),
        "UI": "1.2.3.987654321",
        "DA": "20261122",
        "DT": "20261122091725",
        "AS": "037Y",
        "IS": "987654321",
        "DS": "987654321",
    }
    return secrets.get(vr)


def test_nothing_planted_in_an_attribute_of_the_table_survives_at_any_depth(written: Any) -> None:
    ds, item = a_dataset(), Dataset()
    expected = 0
    for tag, action in listed().items():
        try:
            vr = dictionary_VR(tag).split(" ")[0]
        except KeyError:
            continue
        value = planted(vr)
        if value is None or tag.group < 8:
            continue
        kept = {"PatientAge", "PatientSex", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"}
        if pydicom.datadict.keyword_for_tag(tag) in kept or action is Action.KEEP:
            continue
        expected += 1
        ds[tag] = DataElement(tag, vr, value)
        item[tag] = DataElement(tag, vr, value)
    assert expected > 450  # the table has 655 rows, sequences and times among them
    ds.ReferencedSeriesSequence = Sequence([item])
    copy, done = copy_of(written(ds))
    for secret in (b"SECRETPERSON", b"1.2.3.987654321", b"20261122", b"037Y", b"987654321"):
        assert secret not in done["file"], secret
    assert copy.PatientIdentityRemoved == "YES"
    assert {one.CodeValue for one in copy.DeidentificationMethodCodeSequence} == {
        "113100", "113105", "113107", "113108",
    }  # fmt: skip


def test_the_table_is_whole() -> None:
    codes = listed()
    assert len(codes) > 640
    for keyword, action in {
        "PatientName": "Z", "PatientID": "D", "PatientBirthDate": "Z", "AccessionNumber": "Z",
        "ReferringPhysicianName": "Z", "StudyDate": "Z", "OtherPatientIDs": "X", "InstitutionAddress": "X",
        "SOPInstanceUID": "U", "StudyInstanceUID": "U", "FrameOfReferenceUID": "U", "InstitutionName": "D",
        "PersonIdentificationCodeSequence": "D", "ImageComments": "X", "IconImageSequence": "X",
    }.items():  # fmt: skip
        assert codes[pydicom.tag.Tag(keyword)].value == action, keyword


_TEXT_TAGS = [
    tag
    for tag, row in DicomDictionary.items()
    if row[0] in TEXT_VRS and tag >> 16 >= 8 and not 0x5000 <= tag >> 16 <= 0x60FF
]
_SYLLABLES = [
    "Trịnh",
    "Nguyễn",
    "Trần",
    "Thị",
    "Văn",
    "Hương",
    "Quang",
    "Hoà",
    "Đức",
    "Thương",
    "Ngọc",
    "Wójcik",
]
names = st.lists(st.sampled_from(_SYLLABLES), min_size=2, max_size=4).map(" ".join)
places = st.one_of(
    st.tuples(st.sampled_from(_TEXT_TAGS), st.none()),
    st.tuples(st.just(0x00091001), st.sampled_from(TEXT_VRS)),
    st.tuples(st.just(0x60004000), st.just("LT")),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(places, names, st.integers(0, 2)), min_size=1, max_size=8))
def test_no_name_survives_in_any_text_standard_or_private(
    written: Any, plants: list[tuple[tuple[int, str | None], str, int]]
) -> None:
    ds = a_dataset()
    for (tag, vr), name, depth in plants:
        at = ds
        for _ in range(depth):
            if "ReferencedSeriesSequence" not in at:
                at.ReferencedSeriesSequence = Sequence([Dataset()])
            at = at.ReferencedSeriesSequence[0]
        at[tag] = DataElement(
            tag, vr or dictionary_VR(tag), f"CT {name}"[:16] if dictionary_vr(tag, vr) == "SH" else name
        )
        if tag == 0x00091001:
            at[0x00090010] = DataElement(0x00090010, "LO", "VENDOR")
    _, done = copy_of(written(ds))
    left = " ".join(text for _, text in done["texts"]).lower()
    for _, name, _ in plants:
        for word in name.lower().split():
            assert word not in left.split()
            if len(word.encode()) > 5:
                assert word.encode() not in done["file"].lower()


def dictionary_vr(tag: int, vr: str | None) -> str:
    return vr or dictionary_VR(tag)


def test_the_patient_is_in_no_byte_of_the_copy_even_where_nobody_looks(written: Any) -> None:
    ds = a_dataset(PatientName=NAME, PatientID=CITIZEN, OtherPatientIDs=INSURED)
    ds.BodyPartExamined, ds.SeriesDescription = "TRINH", f"CT ngực Thương {CITIZEN}"
    ds.InstanceNumber, ds.KVP = "1", CITIZEN
    ds.ViewCodeSequence = Sequence([Dataset()])
    ds.ViewCodeSequence[0].CodeValue, ds.ViewCodeSequence[0].CodingSchemeDesignator = INSURED, "99X"
    ds.ViewCodeSequence[0].CodeMeaning = "Trinh Hoai Thuong"
    path = written(ds)
    path.write_bytes(b"TRINH HOAI THUONG".ljust(128, b"\0") + path.read_bytes()[128:])
    copy, done = copy_of(path)
    for secret in (
        b"Tr\xe1\xbb\x8bnh",
        b"TRINH",
        b"Trinh",
        b"Th\xc6\xb0",
        b"Thuong",
        CITIZEN.encode(),
        INSURED.encode(),
    ):
        assert secret not in done["file"]
    assert copy.SeriesDescription == "CT ngực"
    assert copy.ViewCodeSequence[0].CodeValue == DUMMY
    assert copy.preamble == bytes(128)


def test_a_published_code_stays_with_its_published_meaning(written: Any) -> None:
    ds = a_dataset()
    ds.ViewCodeSequence = Sequence([Dataset()])
    view = ds.ViewCodeSequence[0]
    view.CodeValue, view.CodingSchemeDesignator, view.CodeMeaning = "399348003", "SCT", "Trinh's own words"
    copy, _ = copy_of(written(ds))
    assert copy.ViewCodeSequence[0].CodeValue == "399348003"
    assert "Trinh" not in copy.ViewCodeSequence[0].CodeMeaning


def test_references_hold_inside_a_study_and_two_runs_agree(written: Any) -> None:
    first = a_dataset(SOPInstanceUID="1.2.3.1", FrameOfReferenceUID="1.2.3.9")
    second = a_dataset(SOPInstanceUID="1.2.3.2", FrameOfReferenceUID="1.2.3.9")
    second.ReferencedImageSequence = Sequence([Dataset()])
    second.ReferencedImageSequence[0].ReferencedSOPClassUID = CT_IMAGE
    second.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "1.2.3.1"
    (one, _), (two, _), (again, _) = (
        copy_of(written(first)),
        copy_of(written(second)),
        copy_of(written(first)),
    )
    assert (
        two.ReferencedImageSequence[0].ReferencedSOPInstanceUID == one.SOPInstanceUID == again.SOPInstanceUID
    )
    assert two.ReferencedImageSequence[0].ReferencedSOPClassUID == CT_IMAGE
    assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID != "1.2.3.1"
    assert one.FrameOfReferenceUID == two.FrameOfReferenceUID
    assert one.StudyInstanceUID == two.StudyInstanceUID
    assert Keyed(b"other" * 8, "x").uid("1.2.3.1") != one.SOPInstanceUID


def test_dates_of_a_patient_move_by_the_same_days_and_birth_is_gone(written: Any) -> None:
    before = a_dataset(
        StudyDate="20261122", AcquisitionDateTime="20261124091500.00+0700", PatientBirthDate="19850101"
    )
    copy, _ = copy_of(written(before))
    days = {
        (pydicom.valuerep.DA(text[:8]) - pydicom.valuerep.DA(was)).days
        for text, was in ((copy.StudyDate, "20261122"), (copy.AcquisitionDateTime, "20261124"))
    }
    assert len(days) == 1
    assert -3650 <= days.pop() <= -365
    assert copy.AcquisitionDateTime.endswith("091500.00+0700")
    assert copy.PatientBirthDate == ""
    removed, _ = copy_of(written(before), keeps_dates=False)
    assert (removed.StudyDate, removed.LongitudinalTemporalInformationModified) == ("", "REMOVED")


@pytest.mark.parametrize(
    ("age", "shown"),
    [("037Y", "035Y"), ("094Y", "090Y"), ("004Y", "004Y"), ("007M", "006M"), ("012D", "000M"), ("x", "")],
)
def test_an_age_is_told_in_steps(age: str, shown: str) -> None:
    assert coarse_age(age) == shown


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("CT NGỰC 1.25mm Nguyễn Văn A", "CT NGỰC 1.25mm"),
        ("BN 0912345678", ""),
        ("001 085 012 345 CT", "CT"),
        ("T2 FLAIR ax", "T2 FLAIR ax"),
        ("Bs. Quang đọc", ""),
        ("CT_Head\\Gan", "CT Head"),  # Gan is this patient's name
    ],
)
def test_only_words_of_radiology_stay_in_a_text(text: str, left: str) -> None:
    assert cleaned(text, Identity(["Lê^Gan"], [])) == left


def test_reports_documents_and_drawings_are_refused(written: Any) -> None:
    kinds = (
        REPORT,
        uid.EncapsulatedPDFStorage,
        uid.GrayscaleSoftcopyPresentationStateStorage,
        uid.KeyObjectSelectionDocumentStorage,
    )
    for kind in kinds:
        with pytest.raises(BadInstance) as refused:
            copy_of(written(a_dataset(SOPClassUID=str(kind))))
        assert refused.value.code == "holds-words"
    with pytest.raises(BadInstance) as refused:
        copy_of(written(a_dataset(PixelData=None)))
    assert refused.value.code == "no-pixels"


def an_ultrasound(frames: int = 3) -> Dataset:
    colours = np.random.default_rng(1).integers(1, 255, (frames, 40, 60, 3), dtype=np.uint8)
    ds = a_dataset(
        SOPClassUID=str(uid.UltrasoundMultiFrameImageStorage), Modality="US", NumberOfFrames=frames, Rows=40,
        Columns=60, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0, BitsAllocated=8,
        BitsStored=8, HighBit=7, PixelData=colours.tobytes(),
    )  # fmt: skip
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 10, 8
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 49, 39
    ds.SequenceOfUltrasoundRegions = Sequence([region])
    return ds


def test_ultrasound_is_black_outside_its_regions_and_in_drawn_rectangles_in_every_frame(written: Any) -> None:
    source = an_ultrasound()
    path = written(source)
    before = pydicom.dcmread(path).pixel_array
    copy, done = copy_of(path, blank=[[20, 10, 29, 12], [-5, 38, 1000, 1000]])
    after = copy.pixel_array
    stays = np.zeros((40, 60), bool)
    stays[8:38, 10:50] = True
    stays[10:13, 20:30] = False
    assert (after[:, ~stays] == 0).all()
    assert np.array_equal(after[:, stays], before[:, stays])
    assert (done["must_look"], done["blanked"], "pixels" in done["methods"]) == (True, True, True)


def test_a_compressed_image_is_blanked_and_written_without_loss(tmp_path: Path) -> None:
    path = Path(get_testdata_file("JPEG2000.dcm"))
    before = pydicom.dcmread(path).pixel_array
    copy, _ = copy_of(path, blank=[[0, 0, 99, 49]])
    assert not copy.file_meta.TransferSyntaxUID.is_compressed
    after = copy.pixel_array
    assert len(np.unique(after[:50, :100])) == 1
    assert np.array_equal(after[50:], before[50:])
    assert copy.LossyImageCompression == "01"  # it was lossy before, and still says so


def test_what_is_not_blanked_stays_compressed_but_for_comments_in_its_codestream(tmp_path: Path) -> None:
    ds = pydicom.dcmread(get_testdata_file("SC_rgb_jpeg_dcmtk.dcm"))
    frame = next(generate_frames(ds.PixelData, number_of_frames=1))
    secret = b"\xff\xe1\x00\x0eTrinh Thuong" + b"\xff\xfe\x00\x0eTrinh Thuong"
    ds.PixelData = encapsulate([frame[:2] + secret + frame[2:]])
    before = ds.pixel_array
    ds.save_as(tmp_path / "one.dcm")
    copy, done = copy_of(tmp_path / "one.dcm")
    assert copy.file_meta.TransferSyntaxUID == ds.file_meta.TransferSyntaxUID
    assert b"Trinh" not in done["file"]
    assert np.array_equal(copy.pixel_array, before)


def test_words_in_the_bits_above_the_stored_ones_go(written: Any) -> None:
    pixels = np.full((64, 64), 0x7000 | 100, np.uint16)  # an overlay of old in bits 12 to 14
    copy, _ = copy_of(written(a_dataset(BitsStored=12, HighBit=11, PixelData=pixels.tobytes())))
    assert set(np.frombuffer(copy.PixelData, "<u2")) == {100}


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small_bigendian.dcm",
        "examples_palette.dcm",
        "examples_ybr_color.dcm",
        "examples_jpeg2k.dcm",
        "JPGExtended.dcm",
    ],
)
def test_a_copy_is_no_worse_to_dciodvfy_than_its_source_and_shows_the_same(name: str, tmp_path: Path) -> None:
    source = Path(get_testdata_file(name))
    copy, done = copy_of(source)
    (tmp_path / "copy.dcm").write_bytes(done["file"])
    assert errors(tmp_path / "copy.dcm") <= errors(source)
    if not done["blanked"]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert np.array_equal(copy.pixel_array, pydicom.dcmread(source).pixel_array)


def errors(path: Path) -> set[str]:
    ran = subprocess.run(
        ["dciodvfy", "-new", path], capture_output=True, text=True, check=False, errors="replace"
    )
    return {line for line in ran.stderr.splitlines() if line.startswith("Error")}


def test_an_element_that_cannot_be_read_is_not_kept() -> None:
    ds = Dataset()
    ds.add_new(0x00080016, "UI", CT_IMAGE)
    ds._dict[pydicom.tag.Tag(0x00281050)] = pydicom.dataelem.RawDataElement(
        pydicom.tag.Tag(0x00281050), "FD", 3, b"abc", 0, False, True
    )
    Cleaning(Keyed(KEY, "x"), Identity([], []), Options()).clean(ds)
    assert list(ds.keys()) == [pydicom.tag.Tag(0x00080016)]


async def test_it_runs_in_the_sandbox(sandbox: Sandbox, written: Any) -> None:
    arguments = {"key": KEY, "names": [NAME], "numbers": [CITIZEN], "options": {}, "blank": []}
    done = await sandbox.run("deidentify", path=written(a_dataset(PatientName=NAME)), **arguments)
    assert pydicom.dcmread(io.BytesIO(done["file"])).PatientName == Keyed(KEY, "BN0001\0").pseudonym
    assert ["Modality", "CT"] in done["texts"]
