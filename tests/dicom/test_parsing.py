"""Reading received files: real devices' oddities are read, what could hurt is refused with a reason."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import pytest
from pydicom import uid

from dicom.instance import REASONS, BadInstance, Summary, name_key
from dicom.parsing import summarise
from tests.dicom import builders
from tests.dicom.builders import a_dataset, a_file, a_real_file


def summary_of(content: bytes, tmp_path: Path) -> Summary:
    path = tmp_path / "file"
    path.write_bytes(content)
    return Summary(**summarise(path))


def refusal_of(content: bytes, tmp_path: Path) -> str:
    with pytest.raises(BadInstance) as refused:
        summary_of(content, tmp_path)
    assert refused.value.sentence == REASONS[refused.value.code]
    return refused.value.code


def test_a_native_image_is_described_and_its_pixels_are_found(tmp_path: Path) -> None:
    pixels = bytes(range(256)) * 32
    content = a_file(a_dataset(PixelData=pixels, NumberOfFrames=1, BodyPartExamined="HEAD"))
    summary = summary_of(content, tmp_path)
    assert (summary.study_uid, summary.series_uid, summary.sop_uid) == ("2.25.1", "2.25.1.1", "2.25.1.1.1")
    assert (summary.rows, summary.columns, summary.frames, summary.frame_bytes) == (64, 64, 1, 8192)
    assert summary.pixel_offset is not None
    assert content[summary.pixel_offset : summary.pixel_offset + 8192] == pixels
    assert (summary.modality, summary.body_part, summary.number) == ("CT", "HEAD", 1)


@pytest.mark.parametrize(
    ("name", "frames", "is_native"),
    [
        ("CT_small.dcm", 1, True),
        ("MR_small_bigendian.dcm", 1, True),
        ("MR_small_implicit.dcm", 1, True),
        ("emri_small_RLE.dcm", 10, False),
        ("JPEG2000.dcm", 1, False),
        ("examples_ybr_color.dcm", 30, False),
        ("image_dfl.dcm", 1, False),
        ("liver_1frame.dcm", 1, True),
        ("waveform_ecg.dcm", 0, False),
        ("reportsi.dcm", 0, False),
    ],
)
def test_files_of_real_devices_are_read(name: str, frames: int, is_native: bool, tmp_path: Path) -> None:
    summary = summary_of(a_real_file(name), tmp_path)
    assert summary.frames == frames
    assert (summary.pixel_offset is not None) is is_native


@pytest.mark.parametrize(
    ("charset", "encoding", "name"),
    [
        ("ISO_IR 192", "utf-8", "NGUYỄN^Văn Đức"),
        (None, "utf-8", "NGUYỄN^Văn Đức"),  # says nothing, writes UTF-8
        ("ISO_IR 100", "utf-8", "TRẦN^Thị Hồng"),  # says Latin-1, writes UTF-8
        ("ISO_IR 100", "latin-1", "Müller^Jürgen"),
        (None, "latin-1", "Müller^Jürgen"),
        ("GB18030", "gb18030", "王^小东"),
        (None, "gb18030", "王^小东"),
    ],
)
def test_names_are_read_as_they_were_written(
    charset: str | None, encoding: str, name: str, tmp_path: Path
) -> None:
    placeholder = "X" * len(name.encode(encoding))
    content = a_file(a_dataset(SpecificCharacterSet=charset, PatientName=placeholder))
    assert (
        summary_of(content.replace(placeholder.encode(), name.encode(encoding)), tmp_path).patient_name
        == name
    )


@pytest.mark.parametrize(
    ("name", "patient"),
    [
        ("chrH31.dcm", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("chrI2.dcm", "Hong^Gildong=洪^吉洞=홍^길동"),
        ("chrX1.dcm", "Wang^XiaoDong=王^小東"),
        ("chrX2.dcm", "Wang^XiaoDong=王^小东"),
        ("chrGerm.dcm", "Äneas^Rüdiger"),
    ],
)
def test_names_in_the_standards_character_sets(name: str, patient: str, tmp_path: Path) -> None:
    assert summary_of(a_real_file(name), tmp_path).patient_name == patient


def test_a_name_is_folded_for_search() -> None:
    assert name_key("NGUYỄN^Văn  Đức") == "nguyen van duc"
    assert name_key("Wang^XiaoDong=王^小东") == "wang xiaodong 王 小东"


def test_the_header_is_json_without_bulk_and_keeps_odd_numbers(tmp_path: Path) -> None:
    ds = a_dataset(PixelSpacing=[0.5, 0.5], EncapsulatedDocument=bytes(5000))
    long_decimal = b"0.478515625000000000"  # longer than the 16 characters allowed, and common
    content = a_file(ds).replace(b"0.5\\0.5 ", long_decimal[:8])
    header = json.loads(gzip.decompress(summary_of(content, tmp_path).header))
    assert header["00280030"]["Value"] == [0.478515]
    assert header["00100010"]["Value"] == [{"Alphabetic": "NGUYỄN^Văn Thử"}]
    assert header["00420011"] == {"vr": "OB", "BulkDataURI": "00420011"}
    assert "7FE00010" not in header


@pytest.mark.parametrize("content", [b"x", b"GIF89a" * 100, b"PK\x03\x04" + bytes(500), bytes(500)])
def test_what_is_no_dicom_is_refused(content: bytes, tmp_path: Path) -> None:
    assert refusal_of(content, tmp_path) == "not-dicom"


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert refusal_of(b"", tmp_path) == "empty"


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "emri_small_RLE.dcm", "JPEG2000.dcm", "MR_small_implicit.dcm"]
)
def test_a_file_cut_anywhere_is_refused(name: str, tmp_path: Path) -> None:
    content = a_real_file(name)
    for share in (0.1, 0.3, 0.6, 0.9):
        cut = content[: int(len(content) * share)]
        assert refusal_of(cut, tmp_path) in {"truncated", "malformed", "bad-identifiers"}


def test_no_cut_file_is_read_as_if_it_were_whole(tmp_path: Path) -> None:
    content = a_file()
    for end in range(132, len(content) - 1, 97):
        assert refusal_of(content[:end], tmp_path) in {"truncated", "malformed", "bad-identifiers"}


@pytest.mark.parametrize(
    "text",
    ["", "../../../tmp/pwn", "1.2.3/../../x", "<img src=x onerror=alert(1)>", "1.2.3\0.dcm", "1..2", "1"],
)
def test_identifiers_that_are_none_are_refused(text: str, tmp_path: Path) -> None:
    placeholder = "2.25.1.1.1" + "9" * 30
    content = a_file(a_dataset(SOPInstanceUID=placeholder))
    head, _, rest = content.partition(struct.pack("<HH", 0x0008, 0x0018))
    rest = rest.replace(placeholder.encode(), text.encode().ljust(len(placeholder), b"\0"), 1)
    assert refusal_of(head + struct.pack("<HH", 0x0008, 0x0018) + rest, tmp_path) == "bad-identifiers"


def test_an_element_longer_than_the_file_is_refused(tmp_path: Path) -> None:
    content = a_file(a_dataset(PixelData=None))
    content += struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, 0xFFFFFFF0) + bytes(10)
    assert refusal_of(content, tmp_path) == "truncated"


@pytest.mark.parametrize("depth", [65, 900, 3000])
def test_deep_nesting_is_refused_and_shallow_is_not(depth: int, tmp_path: Path) -> None:
    assert refusal_of(builders.a_nested_file(depth), tmp_path) == "malformed"
    assert summary_of(builders.a_nested_file(20), tmp_path).modality == "CT"


def test_a_codestream_of_another_size_than_the_image_is_refused(tmp_path: Path) -> None:
    assert refusal_of(builders.a_jpeg2000_bomb(), tmp_path) == "wrong-pixels"


def test_a_deflated_file_unfolds_to_a_limit(tmp_path: Path) -> None:
    bomb = builders.a_deflate_bomb(300 << 20)
    assert len(bomb) < 1 << 20
    assert refusal_of(bomb, tmp_path) == "too-costly"


def test_too_many_pixels_are_refused_whatever_the_bytes(tmp_path: Path) -> None:
    huge = a_dataset(Rows=65535, Columns=65535)
    assert refusal_of(a_file(huge), tmp_path) == "too-many-pixels"
    long = a_dataset(Rows=4096, Columns=4096, NumberOfFrames=2_000_000)
    assert refusal_of(a_file(long), tmp_path) == "too-many-pixels"


def test_fewer_pixels_than_said_are_refused(tmp_path: Path) -> None:
    assert refusal_of(a_file(a_dataset(NumberOfFrames=2)), tmp_path) == "truncated"
    assert refusal_of(a_file(a_dataset(Rows=None)), tmp_path) == "wrong-pixels"


def test_a_directory_file_is_named_as_such(tmp_path: Path) -> None:
    assert refusal_of(a_real_file("DICOMDIR"), tmp_path) == "dicomdir"


def test_rle_with_another_number_of_segments_is_refused(tmp_path: Path) -> None:
    content = bytearray(a_real_file("MR_small_RLE.dcm"))
    at = content.index(struct.pack("<LL", 2, 64))
    content[at] = 15
    assert refusal_of(bytes(content), tmp_path) == "wrong-pixels"


def test_zeros_behind_the_last_element_do_no_harm(tmp_path: Path) -> None:
    assert summary_of(a_file() + bytes(1000), tmp_path).rows == 64


def test_a_syntax_unknown_to_us_is_kept_undecoded(tmp_path: Path) -> None:
    content = a_file().replace(uid.ExplicitVRLittleEndian.encode(), b"1.2.840.10008.9.9.9", 1)
    assert summary_of(content, tmp_path).transfer_syntax_uid == "1.2.840.10008.9.9.9"
