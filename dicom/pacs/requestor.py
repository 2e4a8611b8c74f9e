"""What a PACS is asked by DIMSE, with pynetdicom. Runs in the child alone (`__main__.py`)."""

from __future__ import annotations

import socket
import ssl
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.presentation import PresentationContext

from dicom import charset, uid
from dicom.pacs import contexts
from dicom.pacs.contexts import FIND, GET, MOVE, VERIFICATION
from dicom.pacs.failures import PacsFailure
from dicom.pacs.found import MAX_ASKED, MAX_INSTANCES, MAX_TEXT, STUDY_KEYS

CONNECT_S: Final = 10
SUCCESS, PENDING, MOVE_DESTINATION_UNKNOWN, SOME_FAILED = 0x0000, {0xFF00, 0xFF01}, 0xA801, 0xB000
WARNING: Final = 0xB  # Bxxx: taken, with something to say (PS3.7 C.5)
REJECTIONS: Final = {(1, 3): "calling-title", (1, 7): "called-title", (3, 1): "busy", (3, 2): "busy"}
_UIDS_AT_ONCE: Final = 50  # in one request at the image level
_LISTED_AT_ONCE: Final = 500  # in one line to the parent
_NOBODY: Final = "HOICHAN-TEST"

_config.STORE_RECV_CHUNKED_DATASET = True
_config.LOG_HANDLER_LEVEL = "none"


@dataclass(slots=True)
class Requestor:
    """The questions that a child may be told to ask; `say` sends a line to the parent, `kept` a received file."""

    order: dict[str, Any]
    say: Callable[..., None]
    kept: Callable[[Path], None]
    context: ssl.SSLContext | None = None  # of TLS

    def run(self) -> None:
        does = {"test": self.test, "find": self.find, "retrieve": self.retrieve, "store": self.store}
        does[self.order["do"]]()

    def test(self) -> None:
        """Everything that a search and a retrieval need, without a patient."""
        service = GET if self.order["way"] == "get" else MOVE
        association = self._associate(contexts.services(VERIFICATION, FIND, service))
        if association.send_c_echo().get("Status") not in {SUCCESS, None}:
            raise PacsFailure("rejected")
        self._must_offer(association, service, "no-retrieve")
        nobody = {"QueryRetrieveLevel": "STUDY", "PatientID": _NOBODY, "StudyInstanceUID": ""}
        try:
            list(self._asked(association, nobody))
        except PacsFailure as failure:
            # Orthanc takes the association and the echo of a stranger, and hangs up when it is asked.
            raise PacsFailure("find-refused" if failure.code == "broken" else failure.code) from failure
        association.release()

    def find(self) -> None:
        association = self._associate(contexts.services(FIND))
        for name in self.order["names"]:
            keys = dict.fromkeys(STUDY_KEYS, "") | {
                "QueryRetrieveLevel": "STUDY",
                "PatientName": name,
                "PatientID": self.order["id"],
                "StudyDate": self.order["dates"],
            }
            try:
                for answer in self._asked(association, keys):
                    self.say(study={key: _text(answer, key) for key in STUDY_KEYS})
            except PacsFailure as failure:
                if failure.code == "too-costly" and name != self.order["names"][0]:
                    return  # too wide for this archive: what was found will do
                # An archive may refuse letters that it does not know; the other patterns are ASCII.
                if failure.code != "find-refused" or name.isascii():
                    raise
        association.release()

    def retrieve(self) -> None:
        association = self._associate(contexts.services(FIND))
        listed = list(self._instances(association))
        association.release()
        if not listed:
            raise PacsFailure("gone")
        for start in range(0, len(listed), _LISTED_AT_ONCE):
            self.say(listed=[one.sop for one in listed[start : start + _LISTED_AT_ONCE]])
        self.say(all=True)
        have = set(self.order["have"])
        requests = list(_requests(self.order["study"], listed, have))
        wanted = [one for one in listed if one.sop not in have]
        if not requests:
            return
        if self.order["way"] == "move":
            self._move(requests)
        else:
            self._get(requests, [one.sop_class for one in wanted if one.sop_class])

    def store(self) -> None:
        """Send the files that the parent put into our folder, each told when the archive has taken it (PS3.4 B.2)."""
        outgoing: dict[str, str] = self.order["outgoing"]  # file name to SOP class
        association = self._associate(contexts.outgoing(list(outgoing.values())))
        for name, sop_class in outgoing.items():
            self._must_offer(association, sop_class, "no-store")
            answer = association.send_c_store(dcmread(Path(self.order["folder"], name)))
            if "Status" not in answer:
                raise PacsFailure("store-broken")
            if answer.Status != SUCCESS and answer.Status >> 12 != WARNING:
                raise PacsFailure("store-refused")
            self.say(stored=name)
        association.release()

    def _get(self, requests: Sequence[Dataset], classes: Sequence[str]) -> None:
        images = contexts.storage(classes)
        handlers: list[Any] = [(evt.EVT_C_STORE, self._store)]
        association = self._associate(
            [*contexts.services(GET), *images],
            ext_neg=contexts.roles([str(one.abstract_syntax) for one in images]),
            handlers=handlers,
        )
        self._must_offer(association, GET, "no-retrieve")
        for request in requests:
            self._finish(association.send_c_get(request, GET))
        association.release()

    def _move(self, requests: Sequence[Dataset]) -> None:
        association = self._associate(contexts.services(MOVE))
        self._must_offer(association, MOVE, "no-retrieve")
        before = 0
        for request in requests:
            moving = association.send_c_move(request, self.order["calling"], MOVE)
            before += self._finish(moving, before)
        association.release()

    def _finish(self, answers: Iterator[tuple[Dataset, Dataset | None]], before: int = 0) -> int:
        """Read the answers to a retrieval to the last: how many instances went. What is missing, the parent sees."""
        count = 0
        for status, _ in answers:
            if "Status" not in status:
                raise PacsFailure("broken")
            count = int(status.get("NumberOfCompletedSuboperations") or count)
            if self.order["way"] == "move":
                self.say(moved=before + count)
            if status.Status == MOVE_DESTINATION_UNKNOWN:
                raise PacsFailure("move-destination")
            if status.Status not in {SUCCESS, SOME_FAILED, *PENDING}:
                raise PacsFailure("retrieve-refused")
        return count

    def _store(self, event: evt.Event) -> int:
        self.kept(event.dataset_path)
        return SUCCESS

    def _instances(self, association: Association) -> Iterator[_Instance]:
        """Every instance of the study, series by series: the levels that each provider must know (PS3.4 C.6.2)."""
        study, count = self.order["study"], 0
        series = [
            _text(answer, "SeriesInstanceUID")
            for answer in self._asked(
                association,
                {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": study, "SeriesInstanceUID": ""},
            )
        ]
        for series_uid in dict.fromkeys(filter(uid.is_acceptable, series)):
            keys = {
                "QueryRetrieveLevel": "IMAGE",
                "StudyInstanceUID": study,
                "SeriesInstanceUID": series_uid,
                "SOPInstanceUID": "",
                "SOPClassUID": "",
            }
            for answer in self._asked(association, keys, MAX_INSTANCES):
                one = _Instance(series_uid, _text(answer, "SOPInstanceUID"), _text(answer, "SOPClassUID"))
                if uid.is_acceptable(one.sop):
                    yield one
                    count += 1
                if count >= MAX_INSTANCES:
                    raise PacsFailure("too-costly")

    def _asked(
        self, association: Association, keys: dict[str, str], most: int = MAX_ASKED
    ) -> Iterator[Dataset]:
        """The answers to one C-FIND; one that never ends is aborted."""
        self._must_offer(association, FIND, "no-find")
        question = Dataset()
        question.SpecificCharacterSet = "ISO_IR 192"  # Orthanc answers in what it is asked in
        for keyword, value in keys.items():
            setattr(question, keyword, value)
        count = 0
        for status, answer in association.send_c_find(question, FIND):
            if "Status" not in status:
                raise PacsFailure("broken")
            if status.Status not in {SUCCESS, *PENDING}:
                raise PacsFailure("find-refused")
            if answer is not None:
                count += 1
                if count > most:
                    association.abort()
                    raise PacsFailure("too-costly")
                charset.settle(answer)
                yield answer

    def _must_offer(self, association: Association, service: str, code: str) -> None:
        if service not in {str(one.abstract_syntax) for one in association.accepted_contexts}:
            raise PacsFailure(code)

    def _associate(
        self, proposed: Sequence[PresentationContext], handlers: Sequence[Any] = (), **more: Any
    ) -> Association:
        """Open an association. Raises PacsFailure with what is in the way."""
        ae = AE(ae_title=self.order["calling"])
        ae.connection_timeout, ae.acse_timeout = CONNECT_S, CONNECT_S
        ae.dimse_timeout, ae.network_timeout = self.order["longest_s"], self.order["idle_s"]
        connected: list[bool] = []
        rejections: list[A_ASSOCIATE_RJ] = []

        def note(event: evt.Event) -> None:
            # By itself pynetdicom forgets a rejection when the connection closes right behind it.
            if isinstance(event.pdu, A_ASSOCIATE_RJ):
                rejections.append(event.pdu)

        association = ae.associate(
            self.order["host"],
            self.order["port"],
            contexts=list(proposed),
            ae_title=self.order["called"],
            evt_handlers=[
                *handlers,
                (evt.EVT_CONN_OPEN, lambda event: connected.append(True)),
                (evt.EVT_PDU_RECV, note),
            ],
            tls_args=(self.context, self.order["host"]) if self.context else None,
            **more,
        )
        if association.is_established:
            return association
        if not connected:
            raise PacsFailure("tls" if self.context and self._is_listening() else "no-answer")
        if rejections:
            raise PacsFailure(_why(rejections[0]))
        if self.context:  # who does not know our certificate says so behind the handshake
            raise PacsFailure("tls")
        raise PacsFailure("no-find" if association.rejected_contexts else "no-dicom")

    def _is_listening(self) -> bool:
        try:
            socket.create_connection((self.order["host"], self.order["port"]), CONNECT_S).close()
        except OSError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Instance:
    series: str
    sop: str
    sop_class: str


def _why(answer: A_ASSOCIATE_RJ) -> str:
    """Result Source and Reason/Diag. of an A-ASSOCIATE-RJ (PS3.8 9.3.4)."""
    return REJECTIONS.get((int(answer.source or 0), int(answer.reason_diagnostic or 0)), "rejected")


def _text(answer: Dataset, keyword: str) -> str:
    """A value as text, several with a backslash between; what cannot be decoded is nothing."""
    try:
        value = answer.get(keyword)
    except Exception:
        return ""
    if value is None:
        return ""
    values = value if isinstance(value, MultiValue) else [value]
    return "\\".join(str(one) for one in values)[:MAX_TEXT]


def _requests(study: str, listed: Sequence[_Instance], have: set[str]) -> Iterator[Dataset]:
    """A series of which we have nothing as a whole, else the missing images by name."""
    missing: dict[str, list[str]] = defaultdict(list)
    whole: dict[str, int] = defaultdict(int)
    for one in listed:
        whole[one.series] += 1
        if one.sop not in have:
            missing[one.series].append(one.sop)
    for series, sops in missing.items():
        if len(sops) == whole[series]:
            yield _identifier("SERIES", study, series)
            continue
        for start in range(0, len(sops), _UIDS_AT_ONCE):
            yield _identifier("IMAGE", study, series, sops[start : start + _UIDS_AT_ONCE])


def _identifier(level: str, study: str, series: str, sops: Sequence[str] = ()) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel, ds.StudyInstanceUID, ds.SeriesInstanceUID = level, study, series
    if sops:
        ds.SOPInstanceUID = list(sops)
    return ds
