"""Who may do what with copies for teaching: the rows of this feature. What is not released is its maker's."""

from server.consultation.policy import TABLE, party
from server.platform.policy import Principal, Row
from server.teaching.model import CopyState, TeachingCopy

COPY = "/teaching/{copy}"


def may_see(principal: Principal, copy: TeachingCopy) -> bool:
    is_shown = copy.state is CopyState.RELEASED or copy.asked_by_id == principal.person_id
    return copy.hospital_id == principal.hospital_id and is_shown


def own(principal: Principal, copy: TeachingCopy) -> bool:
    return copy.hospital_id == principal.hospital_id and copy.asked_by_id == principal.person_id


ROWS = (
    Row("POST /consultations/{consultation}/teaching", TABLE, party),
    Row("GET /teaching", TABLE, audit="list", once=True),
    Row(f"GET {COPY}", TABLE, may_see, audit="view", once=True),
    Row(f"GET {COPY}/pictures/{{picture}}/{{frame}}", TABLE, own, streams=True),
    Row(f"POST {COPY}/pictures/{{picture}}/blank", TABLE, own),
    Row(f"POST {COPY}/release", TABLE, own),
    Row(f"POST {COPY}/discard", TABLE, own),
    Row(f"GET {COPY}/zip", TABLE, may_see, audit="download", streams=True),
)
