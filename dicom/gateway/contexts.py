"""Which presentation contexts the gateway takes, and what each service is called there."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

from pydicom.uid import AllTransferSyntaxes

from dicom import uid
from dicom.gateway.command import Field
from dicom.gateway.negotiation import AnsweredContext, ProposedContext, Role

VERIFICATION: Final = "1.2.840.10008.1.1"
COMMITMENT: Final = "1.2.840.10008.1.20.1"
COMMITMENT_INSTANCE: Final = "1.2.840.10008.1.20.1.1"
IMPLICIT_LITTLE: Final = "1.2.840.10008.1.2"
EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
_STORAGE = ("1.2.840.10008.5.1.4.1.1.", "1.2.840.10008.5.1.4.34.7")  # also RT Beams Delivery Instruction
_TRANSFER_SYNTAXES = frozenset(map(str, AllTransferSyntaxes))
_PLAIN = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE})
_ACCEPTED, _USER_REJECTION, _ABSTRACT_UNKNOWN, _TRANSFER_UNKNOWN = 0, 1, 3, 4


class Root(Enum):
    """Where the levels of a query begin (PS3.4 C.6)."""

    PATIENT = "patient"
    STUDY = "study"


# Abstract syntax: its one operation, and the root that it asks from.
_QUERY_RETRIEVE: Final = {
    "1.2.840.10008.5.1.4.1.2.1.1": (Field.C_FIND_RQ, Root.PATIENT),
    "1.2.840.10008.5.1.4.1.2.1.2": (Field.C_MOVE_RQ, Root.PATIENT),
    "1.2.840.10008.5.1.4.1.2.1.3": (Field.C_GET_RQ, Root.PATIENT),
    "1.2.840.10008.5.1.4.1.2.2.1": (Field.C_FIND_RQ, Root.STUDY),
    "1.2.840.10008.5.1.4.1.2.2.2": (Field.C_MOVE_RQ, Root.STUDY),
    "1.2.840.10008.5.1.4.1.2.2.3": (Field.C_GET_RQ, Root.STUDY),
}
# What the policy of the program must have a row for.
_NAMES: Final = {
    Field.C_ECHO_RQ: "C-ECHO",
    Field.C_STORE_RQ: "C-STORE",
    Field.N_ACTION_RQ: "N-ACTION",
    Field.C_FIND_RQ: "C-FIND",
    Field.C_GET_RQ: "C-GET",
    Field.C_MOVE_RQ: "C-MOVE",
}
SERVICES: Final = tuple(_NAMES.values())


def is_storage(abstract_syntax: str) -> bool:
    """Every class of the standard's storage tree, those of later editions included."""
    return abstract_syntax.startswith(_STORAGE) and uid.is_acceptable(abstract_syntax)


def operation(abstract_syntax: str) -> Field | None:
    """The one request that may come on a context of this abstract syntax, beside C-ECHO; None: no such service."""
    if abstract_syntax == VERIFICATION:
        return Field.C_ECHO_RQ
    if abstract_syntax == COMMITMENT:
        return Field.N_ACTION_RQ
    if abstract_syntax in _QUERY_RETRIEVE:
        return _QUERY_RETRIEVE[abstract_syntax][0]
    return Field.C_STORE_RQ if is_storage(abstract_syntax) else None


def root(abstract_syntax: str) -> Root:
    return _QUERY_RETRIEVE[abstract_syntax][1]


def answer(
    proposed: Iterable[ProposedContext], agreed: Iterable[Role] = (), *, may_retrieve: bool = False
) -> list[AnsweredContext]:
    """Our answers, one a context. The requestor's first transfer syntax wins: so the images lie there.

    Where the images go out (C-GET) Implicit VR comes last: everybody must propose it, few images lie in it.
    Who only sends is refused Query/Retrieve.
    """
    going_out = {role.sop_class_uid for role in agreed if role.is_scp}
    return [
        _answer(context, goes_out=context.abstract_syntax in going_out)
        if may_retrieve or context.abstract_syntax not in _QUERY_RETRIEVE
        else AnsweredContext(context.id, _USER_REJECTION, IMPLICIT_LITTLE)
        for context in proposed
    ]


def roles(proposed: Iterable[Role]) -> list[Role]:
    """Our answers to role selection: of storage alone the requestor may be the provider (C-GET)."""
    return [
        Role(one.sop_class_uid, one.is_scu, one.is_scp and is_storage(one.sop_class_uid)) for one in proposed
    ]


def _answer(context: ProposedContext, *, goes_out: bool) -> AnsweredContext:
    service = operation(context.abstract_syntax)
    if service is None:
        return AnsweredContext(context.id, _ABSTRACT_UNKNOWN, IMPLICIT_LITTLE)
    allowed = _TRANSFER_SYNTAXES if service in (Field.C_STORE_RQ, Field.C_ECHO_RQ) else _PLAIN
    known = [syntax for syntax in context.transfer_syntaxes if syntax in allowed]
    if not known:
        return AnsweredContext(context.id, _TRANSFER_UNKNOWN, IMPLICIT_LITTLE)
    if goes_out:
        known.sort(key=lambda syntax: syntax == IMPLICIT_LITTLE)
    return AnsweredContext(context.id, _ACCEPTED, known[0])
