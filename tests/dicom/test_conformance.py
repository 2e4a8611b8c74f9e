"""The conformance statement says what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydicom.uid import AllTransferSyntaxes, ExplicitVRBigEndian
from pynetdicom import AE

from dicom import described, query
from dicom.gateway import (
    SERVICES,
    Limits,
    calling,
    commitment,
    contexts,
    identifier,
    identity,
    negotiation,
    pdu,
    sending,
)
from dicom.gateway.command import Field, Status
from dicom.pacs import found, network, requestor
from dicom.pacs.failures import FAILURES
from dicom.query import ATTRIBUTES
from dicom.store import BlobStore
from dicom.web import described as web_described
from dicom.web import frames, routes, stow
from server import delivering
from server.pacs import retrievals

STATEMENT = (Path(__file__).parents[2] / "dicom" / "CONFORMANCE.md").read_text()


def rows(heading: str, number: int = 0) -> Iterator[list[str]]:
    """The cells of a table under a heading, without its head."""
    section = STATEMENT.split(f"\n### {heading}", 1)[1].split("\n#", 1)[0]
    tables = [block for block in section.split("\n\n") if block.lstrip().startswith("|")]
    for line in tables[number].strip().splitlines()[2:]:
        yield [cell.strip(" `") for cell in line.strip("|").split(" | ")]


def test_the_resources_are_the_routes(tmp_path: Path) -> None:
    ports = cast(Any, SimpleNamespace(store=BlobStore(tmp_path, bytes(32)), headers={}))
    served = {(route.method, re.sub(r":.*\}", "}", route.path)) for route in routes("", ports)}
    assert {(method, path) for method, path, _ in rows("4.1")} == served


def test_the_searchable_attributes_are_those_of_the_search() -> None:
    documented = [(tag, keyword, level) for tag, keyword, level, _ in rows("4.2")]
    assert documented == [(each.tag, each.keyword, each.level.name.lower()) for each in ATTRIBUTES]
    assert f"at most {query.MAX_RESULTS}" in STATEMENT
    assert f"at most {query.MAX_OFFSET}" in STATEMENT


def test_the_transfer_syntaxes_and_media_types_are_those_of_gateway_and_frames() -> None:
    documented = {uid: media_type for uid, _, media_type in rows("3.4")}
    assert documented.keys() == {str(uid) for uid in AllTransferSyntaxes}
    for uid, media_type in documented.items():
        native = "application/octet-stream" if uid in (*frames.LITTLE_ENDIAN, ExplicitVRBigEndian) else "none"
        assert media_type == frames.MEDIA_TYPES.get(uid, native)


def test_the_limits_and_names_of_the_gateway_are_its_own() -> None:
    values = {name: value.rstrip("`") for name, value in rows("3.1")}
    limits = Limits()
    assert values["Maximum PDU"] == f"{pdu.MAX_DATA_BYTES} bytes"
    assert (
        values["Associations at once"]
        == f"{limits.established}, of one address {limits.established_an_address}"
    )
    assert values["Time to ask for an association"].startswith(f"{limits.negotiation_s:g} s;")
    assert values["Idle time"] == f"{limits.idle_s:g} s"
    assert values["Largest instance"] == f"{limits.instance_bytes} bytes"
    assert values["Implementation class UID"] == identity.IMPLEMENTATION_CLASS_UID
    assert values["Implementation version name"] == identity.IMPLEMENTATION_VERSION
    assert values["Largest identifier"] == f"{limits.identifier_bytes} bytes"
    assert values["Answers to one C-FIND, instances of one C-GET or C-MOVE"] == str(limits.answers)
    assert (
        values["Instances of one commitment request"]
        == f"{limits.references}, in {limits.commitment_bytes} bytes"
    )


def test_the_services_and_their_abstract_syntaxes_are_those_of_the_gateway() -> None:
    documented = {service: re.findall(r"1(?:\.\d+)+", named) for service, named, _ in rows("3.2")}
    assert list(documented) == list(SERVICES)
    for service, syntaxes in documented.items():
        field = Field[f"{service.replace('-', '_')}_RQ"]
        assert syntaxes
        assert {contexts.operation(f"{one}.1" if service == "C-STORE" else one) for one in syntaxes} == {
            field
        }
    assert f"at most {identifier.MAX_ELEMENTS} elements" in STATEMENT


def test_every_status_and_reason_is_named() -> None:
    assert {int(status, 16) for status, _ in rows("3.3")} == set(Status)
    assert {int(reason, 16) for reason, _ in rows("3.5")} == set(commitment.Reason)
    reasons = {int(reason, 16) for reason, _ in rows("4.4", 2)}
    assert reasons == {*stow.REASONS.values(), stow.PROCESSING_FAILURE}


def test_the_limits_of_storing_are_those_that_are_held() -> None:
    values = {name: int(value.split()[0]) for name, value in rows("4.4", 0)}
    assert list(values.values()) == [
        *(stow.MAX_INSTANCE_BYTES, stow.MAX_REQUEST_BYTES, stow.MAX_INSTANCES),
        *(web_described.MAX_METADATA_BYTES, stow.MAX_PARTS, described.MAX_DEPTH, described.MAX_MADE_BYTES),
    ]
    assert f"transactions of at most {stow.BATCH}" in STATEMENT


def test_what_we_ask_a_pacs_for_is_what_is_said() -> None:
    values = {name: value.rstrip("`") for name, value in rows("3.7")}
    limits, ae = network.Limits(), AE()
    timeouts = (limits.idle_s, limits.answer_s, limits.retrieval_s, limits.store_s)
    name = "Silence before it is aborted; longest test or search; retrieval; sending"
    assert values[name] == "; ".join(f"{value:g} s" for value in timeouts)
    assert values["Time to connect and to associate"] == f"{requestor.CONNECT_S} s each"
    assert values["Answers to one question"] == str(found.MAX_ASKED)
    assert values["Instances of one study"] == str(found.MAX_INSTANCES)
    assert values["Associations at once"].endswith(
        f"at most {retrievals.AT_ONCE} of a hospital waiting or under way"
    )
    assert values["Maximum PDU"] == f"{ae.maximum_pdu_size} bytes"
    named = values["Implementation class UID, version name"]
    assert named.startswith(f"{ae.implementation_class_uid}, `{ae.implementation_version_name}`")
    minutes = [str(round(wait.total_seconds() / 60)) for wait in delivering.AGAIN]
    assert f"again after {', '.join(minutes[:-1])} and {minutes[-1]} minutes" in STATEMENT


def test_what_we_propose_ourselves_holds_no_other_negotiation_than_is_said() -> None:
    contexts_ = [negotiation.ProposedContext(1, contexts.COMMITMENT, (contexts.IMPLICIT_LITTLE,))]
    asked = negotiation.request(
        "PACS", "HOICHAN", contexts_, [negotiation.Role(contexts.COMMITMENT, False, True)]
    )
    assert bytes([0x53, 0]) + b"\0\x04" not in asked, "asynchronous operations window"
    assert negotiation.read_request(asked[6:]).data_bytes == pdu.MAX_DATA_BYTES
    assert identity.IMPLEMENTATION_CLASS_UID.encode() in asked
    assert identity.IMPLEMENTATION_VERSION.encode() in asked
    section = STATEMENT.split("\n### 3.1", 1)[1].split("\n###", 1)[0]
    assert f"wait {calling.CONNECT_S} s for a connection" in section
    assert f"{Limits().waiting_an_address} connections of one address" in section


def test_the_statuses_that_we_are_answered_are_those_that_are_told_apart() -> None:
    told: dict[str, list[tuple[set[int], str]]] = {}
    for services, status, does in rows("3.9"):
        values = {int(value, 16) for value in re.findall(r"0x[0-9A-F]{4}\b", status)}
        for service in ["C-STORE of"] if " of " in services else re.findall(r"[CN]-[A-Z-]+[A-Z]", services):
            told.setdefault(service, []).append((values, does))
    good = {service: set().union(*(values for values, _ in said)) for service, said in told.items()}
    ends = {requestor.SUCCESS, requestor.SOME_FAILED, *requestor.PENDING}
    assert good["C-ECHO"] == {requestor.SUCCESS}
    assert good["C-FIND"] == {requestor.SUCCESS, *requestor.PENDING}
    assert good["C-GET"] == ends
    assert good["C-MOVE"] == ends | {requestor.MOVE_DESTINATION_UNKNOWN}
    assert good["C-STORE of"] == {Status.SUCCESS, *sending.WARNINGS}
    assert good["N-EVENT-REPORT"] == {Status.SUCCESS}
    assert requestor.WARNING == 0xB, "0xBxxx"
    section = STATEMENT.split("\n### 3.9", 1)[1].split("\n## ", 1)[0]
    codes = set(re.findall(r"`([a-z-]+)`", section))
    assert codes <= FAILURES.keys()
    assert codes >= {*requestor.REJECTIONS.values()}


@pytest.mark.parametrize("pair", requestor.REJECTIONS.items(), ids=str)
def test_each_reason_of_a_rejection_is_named(pair: tuple[tuple[int, int], str]) -> None:
    (source, reason), code = pair
    section = " ".join(STATEMENT.split("\n### 3.9", 1)[1].split("\n## ", 1)[0].split())
    (clause,) = [part for part in section.split(";") if f"{source}, {reason}" in part]
    assert f"`{code}`" in clause


def test_security_is_told_as_it_is() -> None:
    security = STATEMENT.split("\n## 6 Security", 1)[1]
    assert "3.8" in security
    assert "TLS" in security.split("DIMSE", 1)[1]
