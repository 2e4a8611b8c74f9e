"""Storage commitment: a device asks whether it may forget its images, with pynetdicom and by hand."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from dicom.gateway import Gateway, Limits, commitment
from dicom.gateway.calling import CallFailed
from dicom.gateway.commitment import Report
from dicom.gateway.ports import Reference
from dicom.pacs.network import Destination
from tests.dicom.builders import CT_IMAGE, REPORT, a_dataset, a_file
from tests.dicom.gateway_site import IMPLICIT_LITTLE, Hospital, dcmtk, device, in_folder, is_well, told
from tests.services import HOST

SLICES = [f"2.25.5.{n}" for n in range(3)]


def a_request(instances: Iterable[tuple[str, str]], transaction: str = "2.25.900") -> Dataset:
    ds = Dataset()
    ds.TransactionUID = transaction
    ds.ReferencedSOPSequence = []
    for sop_class, sop_uid in instances:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_uid
        ds.ReferencedSOPSequence.append(item)
    return ds


def committed(
    port: int, requests: Sequence[Dataset], calling: str = "COMMIT", answer: int = 0
) -> tuple[list[int], list[tuple[int, Dataset]]]:
    """Ask as a modality does; the answers, and the event type and information of what is reported there."""
    reports: list[tuple[int, Dataset]] = []

    def taken(event: evt.Event) -> tuple[int, None]:
        reports.append((event.event_type, event.event_information))
        return answer, None

    ae = AE(ae_title=calling)
    ae.add_requested_context(StorageCommitmentPushModel)
    association = ae.associate(HOST, port, ae_title="HOICHAN", evt_handlers=[(evt.EVT_N_EVENT_REPORT, taken)])
    assert association.is_established
    statuses = []
    for number, request in enumerate(requests, 1):
        status, _ = association.send_n_action(
            request, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
        statuses.append(int(status.Status))
        for _ in range(50):
            if len(reports) >= number or status.Status:
                break
            pause(0.05)
    pause(0.1)  # the answer to the last report goes out
    association.release()
    return statuses, reports


def pause(seconds: float) -> None:
    time.sleep(seconds)


async def stored(gateway: Gateway, folder: Path) -> None:
    slices = {f"s{n}": a_file(a_dataset(SOPInstanceUID=one)) for n, one in enumerate(SLICES)}
    assert await dcmtk("storescu", gateway, "+sd", in_folder(folder, **slices)) == (0, "")


async def test_what_is_kept_is_reported_so_on_the_same_association(
    gateway: Gateway, hospital: Hospital, tmp_path: Path
) -> None:
    await stored(gateway, tmp_path / "ct")
    request = a_request((CT_IMAGE, one) for one in SLICES)
    statuses, reports = await asyncio.to_thread(committed, gateway.port, [request, request])
    assert statuses == [0, 0]
    assert [event_type for event_type, _ in reports] == [1, 1]
    assert told(reports[0][1]) == ("2.25.900", SLICES, {})
    assert hospital.asked[0] == (3, "COMMIT", "2.25.900", [(CT_IMAGE, one) for one in SLICES])
    assert hospital.reported == [1, 2]


async def test_what_is_not_kept_is_named_with_its_reason(
    gateway: Gateway, hospital: Hospital, tmp_path: Path
) -> None:
    await stored(gateway, tmp_path / "ct")
    gone, cut = (row for row in await hospital.rows() if row.sop_uid in SLICES[1:])
    hospital.store.path(gone.blob).unlink()
    path = hospital.store.path(cut.blob)
    path.write_bytes(path.read_bytes()[:-2])
    asked = [(CT_IMAGE, one) for one in SLICES] + [(REPORT, SLICES[0]), (CT_IMAGE, "2.25.404")]
    _, [(event_type, report)] = await asyncio.to_thread(committed, gateway.port, [a_request(asked)])
    assert event_type == 2
    transaction, kept, _ = told(report)
    assert (transaction, kept) == ("2.25.900", SLICES[:1])
    failed = [
        (str(one.ReferencedSOPClassUID), str(one.ReferencedSOPInstanceUID), int(one.FailureReason))
        for one in report.FailedSOPSequence
    ]
    assert failed == [
        (CT_IMAGE, SLICES[1], 0x0112),
        (CT_IMAGE, SLICES[2], 0x0110),
        (REPORT, SLICES[0], 0x0119),
        (CT_IMAGE, "2.25.404", 0x0112),
    ]


async def test_images_of_another_hospital_are_not_there(gateway: Gateway, tmp_path: Path) -> None:
    await stored(gateway, tmp_path / "ct")
    request = a_request([(CT_IMAGE, SLICES[0])])
    _, [(_, report)] = await asyncio.to_thread(committed, gateway.port, [request], "OTHER")
    assert told(report) == ("2.25.900", [], {SLICES[0]: 0x0112})


async def test_a_report_that_is_refused_stays_open(
    gateway: Gateway, hospital: Hospital, tmp_path: Path
) -> None:
    await stored(gateway, tmp_path / "ct")
    request = a_request([(CT_IMAGE, SLICES[0])])
    await asyncio.to_thread(committed, gateway.port, [request], "COMMIT", 0x0110)
    assert (len(hospital.asked), hospital.reported) == (1, [])


async def test_a_request_that_cannot_be_written_down_is_no_success(
    gateway: Gateway, hospital: Hospital
) -> None:
    hospital.is_down = True
    statuses, reports = await asyncio.to_thread(committed, gateway.port, [a_request([(CT_IMAGE, SLICES[0])])])
    assert (statuses, reports) == ([0x0110], [])


async def test_a_hangup_before_the_report_leaves_the_request_open(
    gateway: Gateway, hospital: Hospital, connect: Callable[[], Any]
) -> None:
    requestor = await connect()
    assert await requestor.associate(str(StorageCommitmentPushModel), IMPLICIT_LITTLE) == 2
    await requestor.action(a_commitment_of([(CT_IMAGE, SLICES[0])]))
    requestor.writer.close()
    await asyncio.sleep(0.3)
    assert (len(hospital.asked), hospital.reported) == (1, [])
    assert await is_well(gateway)


def nested(depth: int) -> bytes:
    """Sequences in sequences, none with a length or an end."""
    opened = struct.pack("<HHLHHL", 0x0008, 0x1199, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)
    return element(0x00081195, b"2.25.9") + opened * depth


def element(tag: int, value: bytes) -> bytes:
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value)) + value


def a_commitment_of(references: Iterable[Reference], transaction: bytes = b"2.25.900") -> bytes:
    items = b"".join(
        element(0xFFFEE000, element(0x00081150, a.encode()) + element(0x00081155, b.encode()))
        for a, b in references
    )
    return element(0x00081195, transaction) + element(0x00081199, items)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        a_commitment_of([]),
        a_commitment_of([("../../etc", "2.25.1")]),
        a_commitment_of([(CT_IMAGE, "2.25.1")], transaction=b"<script>"),
        a_commitment_of([(CT_IMAGE, f"2.25.{n}") for n in range(10_001)]),
        a_commitment_of([(CT_IMAGE, "2.25.1")])[:-3],
        element(0x00081195, b"2.25.9") + struct.pack("<HHL", 8, 0x1199, 0xFFFFFFF0),
        element(0x00081195, b"2.25.9")
        + struct.pack("<HHLHHL", 8, 0x1199, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF) * 3000,
    ],
    ids=["nothing", "none", "path", "markup", "10001", "cut", "lying", "deep"],
)
async def test_requests_that_mean_harm_are_refused(
    data: bytes, gateway: Gateway, hospital: Hospital, connect: Callable[[], Any]
) -> None:
    requestor = await connect()
    assert await requestor.associate(str(StorageCommitmentPushModel), IMPLICIT_LITTLE) == 2
    assert await requestor.action(data) == 0x0115
    assert hospital.asked == []
    assert await is_well(gateway)


WHAT = Report(
    "2.25.900", ((CT_IMAGE, SLICES[0]),), (((CT_IMAGE, "2.25.404"), commitment.Reason.NO_SUCH_INSTANCE),)
)


async def test_a_report_comes_on_an_association_of_ours() -> None:
    async with device() as (to, reports):
        assert await commitment.report(to, "HOICHAN", Limits(), WHAT)
        assert [told(one) for one in reports] == [("2.25.900", [SLICES[0]], {"2.25.404": 0x0112})]
    async with device(answer=0x0110) as (to, _):
        assert not await commitment.report(to, "HOICHAN", Limits(), WHAT)


async def test_a_device_that_is_away_is_said_to_be() -> None:
    with pytest.raises(CallFailed, match="no-answer"):
        await commitment.report(Destination(HOST, 1, "COMMIT"), "HOICHAN", Limits(), WHAT)
