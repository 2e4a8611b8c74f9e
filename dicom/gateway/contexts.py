"""Which presentation contexts the gateway takes: Verification, and storage in any transfer syntax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pydicom.uid import AllTransferSyntaxes

from dicom import uid
from dicom.gateway.pdu import AnsweredContext, ProposedContext

VERIFICATION: Final = "1.2.840.10008.1.1"
SERVICES: Final = ("C-ECHO", "C-STORE")
_STORAGE = ("1.2.840.10008.5.1.4.1.1.", "1.2.840.10008.5.1.4.34.7")  # also RT Beams Delivery Instruction
_TRANSFER_SYNTAXES = frozenset(map(str, AllTransferSyntaxes))
_ACCEPTED, _ABSTRACT_UNKNOWN, _TRANSFER_UNKNOWN = 0, 3, 4


def is_storage(abstract_syntax: str) -> bool:
    """Every class of the standard's storage tree, those of later editions included."""
    return abstract_syntax.startswith(_STORAGE) and uid.is_acceptable(abstract_syntax)


def answer(proposed: Iterable[ProposedContext]) -> list[AnsweredContext]:
    """Our answers, one a context. The requestor's first transfer syntax wins: so the images lie there."""
    return [_answer(context) for context in proposed]


def _answer(context: ProposedContext) -> AnsweredContext:
    known = [syntax for syntax in context.transfer_syntaxes if syntax in _TRANSFER_SYNTAXES]
    if context.abstract_syntax != VERIFICATION and not is_storage(context.abstract_syntax):
        return AnsweredContext(context.id, _ABSTRACT_UNKNOWN, "1.2.840.10008.1.2")
    if not known:
        return AnsweredContext(context.id, _TRANSFER_UNKNOWN, "1.2.840.10008.1.2")
    return AnsweredContext(context.id, _ACCEPTED, known[0])
