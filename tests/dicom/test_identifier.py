"""Identifiers and event information, read flat: what is written is read, and of harm comes nothing but a refusal."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from dicom.elements import Encoding
from dicom.gateway import commitment, identifier, negotiation, queries
from dicom.gateway.command import parse
from dicom.gateway.commitment import Reason, Report
from dicom.gateway.contexts import Root
from dicom.gateway.identifier import BadIdentifier
from dicom.gateway.pdu import BadPDU, fragments
from dicom.ports import Malformed
from tests.dicom.builders import CT_IMAGE
from tests.dicom.gateway_site import a_request

ENCODINGS = [Encoding(implicit=True, little=True), Encoding(implicit=False, little=True)]


def a_question() -> Dataset:
    ds, item = Dataset(), Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.QueryRetrieveLevel = "IMAGE"
    ds.PatientName, ds.PatientID, ds.StudyDate = "Nguyễn*", "BN1", "20261101-"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = "2.25.1", "2.25.2", ["2.25.3", "2.25.4"]
    item.ReferencedSOPClassUID = CT_IMAGE
    ds.ReferencedStudySequence = [item, Dataset()]
    ds.ReferencedPatientSequence = []
    ds.Rows = None
    return ds


def encoded(ds: Dataset, encoding: Encoding, *, undefined: bool = False) -> bytes:
    for element in ds:
        if element.VR == "SQ":
            element.is_undefined_length = undefined
            for item in element.value:
                item.is_undefined_length_sequence_item = undefined
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, encoding.implicit
    write_dataset(out, ds)
    return out.getvalue()


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_data_set_of_pydicom_is_read_flat(encoding: Encoding, undefined: bool) -> None:
    flat = identifier.read(encoded(a_question(), encoding, undefined=undefined), encoding)
    assert flat.text(0x00080052) == "IMAGE"
    assert flat.text(0x00080018) == "2.25.3\\2.25.4"
    assert [item.text(0x00081150) for item in flat.items(0x00081110, 10)] == [CT_IMAGE, ""]
    assert list(flat.items(0x00081120, 10)) == []


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_report_is_what_pydicom_reads(encoding: Encoding) -> None:
    report = Report("2.25.9", ((CT_IMAGE, "2.25.1"),), (((CT_IMAGE, "2.25.22"), Reason.CLASS_CONFLICT),))
    ds = dcmread(
        BytesIO(b"\0" * 128 + b"DICM" + meta(encoding) + commitment.write(report, encoding)), force=True
    )
    assert ds.TransactionUID == "2.25.9"
    assert [one.ReferencedSOPInstanceUID for one in ds.ReferencedSOPSequence] == ["2.25.1"]
    assert [one.FailureReason for one in ds.FailedSOPSequence] == [0x0119]


def meta(encoding: Encoding) -> bytes:
    syntax = b"1.2.840.10008.1.2\0" if encoding.implicit else b"1.2.840.10008.1.2.1\0"
    return b"\x02\x00\x10\x00UI" + len(syntax).to_bytes(2, "little") + syntax


def harmed(content: bytes, dice: random.Random) -> bytes:
    """Some bytes changed, taken out or doubled."""
    found = bytearray(content)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(found))
        match dice.randrange(4):
            case 0:
                found[at] = dice.choice((0, 1, 0x7F, 0xFE, 0xFF, dice.randrange(256)))
            case 1:
                del found[at : at + dice.randint(1, 9)]
            case 2:
                found[at:at] = found[max(0, at - 40) : at]
            case _:
                found[at : at + 4] = dice.randbytes(4)
        if not found:
            break
    return bytes(found)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_of_harmed_identifiers_comes_an_answer_or_a_refusal(encoding: Encoding) -> None:
    dice = random.Random(27)
    report = Report("2.25.9", tuple((CT_IMAGE, f"2.25.{n}") for n in range(20)), ())
    questions = [encoded(a_question(), encoding, undefined=undefined) for undefined in (False, True)]
    asked = commitment.write(report, encoding)
    for _ in range(1500):
        question = harmed(dice.choice(questions), dice)
        for root in Root:
            with suppress(BadIdentifier, Malformed):
                queries.find(question, encoding, root)
            with suppress(BadIdentifier, Malformed):
                queries.retrieve(question, encoding, root)
        with suppress(BadIdentifier):
            commitment.read(harmed(asked, dice), encoding, 100)


def test_of_harmed_requests_and_commands_comes_no_fault_of_ours() -> None:
    dice = random.Random(28)
    request = a_request(CT_IMAGE, "1.2.840.10008.1.2")
    command = bytes.fromhex("00000001020000003000") + bytes.fromhex("00000008020000000101")
    for _ in range(3000):
        for read, content in (
            (negotiation.read_request, request),
            (negotiation.read_accept, request),
            (parse, command),
            (lambda value: list(fragments(value)), bytes.fromhex("000000060103") + command[:4]),
        ):
            with suppress(BadPDU):
                read(harmed(content, dice))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_mebibyte_of_nothing_is_refused_at_once(encoding: Encoding) -> None:
    nested = b"\x08\x00\x10\x11" + (b"" if encoding.implicit else b"SQ\0\0") + b"\xff\xff\xff\xff"
    nested += b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    begun = time.monotonic()
    for harm in (nested * 60_000, b"\0" * (1 << 20), b"\xff" * (1 << 20), nested[:8] * 100_000):
        with pytest.raises(BadIdentifier):
            identifier.read(harm, encoding)
    assert time.monotonic() - begun < 1
