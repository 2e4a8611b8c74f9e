"""Who may do what with a consultation: the rows of this feature."""

from server.consultation.journey import Side
from server.consultation.model import Consultation
from server.platform.events import Notice
from server.platform.policy import Principal, Reach, Role, Row, roles

DOCTOR = roles(Role.DOCTOR)
DESK = roles(Role.COORDINATOR)
SPECIALIST = roles(Role.SPECIALIST)
TABLE = DOCTOR | SPECIALIST
PARTY = TABLE | DESK


def asking(principal: Principal, case: Consultation) -> bool:
    return case.side_of(principal) is Side.ASKING


def supporting(principal: Principal, case: Consultation) -> bool:
    return case.target_hospital_id == principal.hospital_id


def party(principal: Principal, case: Consultation) -> bool:
    return asking(principal, case) or supporting(principal, case)


def own_notice(principal: Principal, notice: Notice) -> bool:
    return notice.person_id == principal.person_id


CASE = "/consultations/{consultation}"

ROWS = (
    Row("GET /", Reach.SIGNED_IN, audit="list", once=True),
    Row("POST /notices/{notice}/seen", Reach.SIGNED_IN, own_notice),
    Row("GET /consultations", PARTY, audit="list", once=True),
    Row("GET /consultations/search", PARTY),
    Row("POST /consultations/search", PARTY, audit="search", once=True),
    # request
    Row("POST /consultations", DOCTOR, audit="draft"),
    Row(f"GET {CASE}/request", DOCTOR, asking, audit="view", once=True),
    Row(f"PATCH {CASE}/request", DOCTOR, asking),
    Row(f"POST {CASE}/request", DOCTOR, asking),
    Row("GET /icd10", TABLE),
    Row(f"POST {CASE}/answer-more", DOCTOR, asking),
    Row(f"POST {CASE}/documents", DOCTOR, asking, streams=True),
    Row(f"POST {CASE}/films", DOCTOR, asking, streams=True),
    Row(f"GET {CASE}/documents/{{document}}", PARTY, audit="view-document", once=True),
    Row(f"DELETE {CASE}/documents/{{document}}", DOCTOR, asking, audit="remove-document"),
    Row(f"POST {CASE}/hand-over", DOCTOR, asking),
    # the case
    Row(f"GET {CASE}", PARTY, party, audit="view", once=True),
    # triage
    Row("GET /ahead", SPECIALIST),
    Row(f"GET {CASE}/arrived", PARTY, party),
    Row(f"POST {CASE}/arrived", SPECIALIST, supporting, audit="fetch-ahead", once=True),
    Row("GET /desk", DESK, audit="list", once=True),
    Row("GET /desk/queue", DESK, audit="list", once=True),
    Row(f"POST {CASE}/take-up", DESK, supporting),
    Row(f"POST {CASE}/accept", DESK, supporting),
    Row(f"POST {CASE}/redirect", DESK, supporting),
    Row(f"POST {CASE}/ask-more", DESK, supporting),
    Row(f"POST {CASE}/decline", DESK, supporting),
    # schedule
    Row(f"GET {CASE}/schedule", DESK, supporting),
    Row(f"POST {CASE}/schedule", DESK, supporting),
    Row(f"POST {CASE}/schedule/{{session}}", DESK, supporting),
    Row(f"GET {CASE}/calendar.ics", PARTY, party),
    Row(f"POST {CASE}/cancel", DOCTOR | DESK, party),
    Row(f"POST {CASE}/reopen", DOCTOR, asking),
    Row("GET /agenda", PARTY, audit="list", once=True),
    # join
    Row(f"GET {CASE}/check", PARTY, party),
    Row(f"GET {CASE}/room", PARTY, party, audit="view", once=True),
    Row(f"POST {CASE}/join", PARTY, party),
    Row(f"POST {CASE}/end-session", TABLE, party),
    # share
    Row("GET /inbox", DOCTOR, audit="list", once=True),
    Row(f"POST {CASE}/studies", DOCTOR, asking),
    Row(f"POST {CASE}/studies/remove", DOCTOR, asking),
    Row(f"GET {CASE}/reading", PARTY, party, audit="view", once=True),
    Row(f"GET {CASE}/marks", PARTY, party),
    Row(f"POST {CASE}/marks", TABLE, party, audit="mark"),
    # minutes
    Row(f"GET {CASE}/minutes", PARTY, party, audit="view", once=True),
    Row(f"GET {CASE}/minutes/draft", PARTY, party),
    Row(f"POST {CASE}/minutes/draft", TABLE, party),
    Row(f"GET {CASE}/minutes/key-images", PARTY, party),
    Row(f"POST {CASE}/minutes/key-images", TABLE, party, streams=True),
    Row(f"PATCH {CASE}/minutes/key-images/{{image}}", TABLE, party, audit="describe-key-image"),
    Row(f"DELETE {CASE}/minutes/key-images/{{image}}", TABLE, party, audit="remove-key-image"),
    Row(f"POST {CASE}/minutes/key-images/{{image}}/restore", TABLE, party, audit="restore-key-image"),
    Row(f"GET {CASE}/minutes/form", PARTY, party),
    Row(f"POST {CASE}/minutes/sign", TABLE, party, streams=True),
    Row(f"POST {CASE}/minutes/give-back", TABLE, party),
    Row(f"POST {CASE}/minutes/addenda", TABLE, party, streams=True),
    Row(f"GET {CASE}/minutes/pdf", PARTY, party, audit="print", streams=True),
    Row(f"POST {CASE}/evidence/send", PARTY, party),
    Row(f"POST {CASE}/answer", SPECIALIST, supporting),
    # for scripts
    Row("GET /api/openapi.json", Reach.ANYONE, streams=True),
    Row("GET /api/v1/me", Reach.SIGNED_IN, is_open_to_scripts=True),
    Row("GET /api/v1/consultations", PARTY, audit="list", once=True, is_open_to_scripts=True),
    Row(
        "GET /api/v1/consultations/{consultation}",
        PARTY,
        party,
        audit="view",
        once=True,
        is_open_to_scripts=True,
    ),
    # outcome
    Row(f"POST {CASE}/outcome", DOCTOR, asking),
)
