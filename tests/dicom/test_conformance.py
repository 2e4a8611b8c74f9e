"""The conformance statement says what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from pydicom.uid import AllTransferSyntaxes, ExplicitVRBigEndian

from dicom import described, query
from dicom.gateway import SERVICES, Limits, commitment, contexts, identifier, identity, pdu
from dicom.gateway.command import Field, Status
from dicom.query import ATTRIBUTES
from dicom.store import BlobStore
from dicom.web import described as web_described
from dicom.web import frames, routes, stow

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
