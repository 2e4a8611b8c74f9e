"""Who may ask for what, written by hand from DOMAIN and the journey: the policy table is held against this.

Nothing here is read from the service's own tables. Each address has a rule: the roles that are let in at all
(others: 403, and 401 for nobody), and whose the object is (others: 404, as if it were not there).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

OPEN, UNKNOWN, NOT_YOURS, NOT_THERE = "open", 401, 403, 404


@dataclass(frozen=True)
class Someone:
    """One who asks."""

    name: str
    roles: frozenset[str]
    hospital: str  # letter; "" for nobody
    is_out: bool = False  # nobody, suspended, or no longer working there
    is_script: bool = False  # a token instead of a browser

    @property
    def person(self) -> str:
        return self.name.split(":")[0]


@dataclass(frozen=True)
class Thing:
    """One object: a case, with the hospital that asks and those that it is open to now; or somebody's row."""

    kind: str
    asking: str = ""
    open_to: frozenset[str] = frozenset()  # supporting hospitals that may see the case now
    booked: frozenset[str] = frozenset()  # specialists of its sessions
    images_open_to: frozenset[str] = frozenset()
    owner: str = ""  # of a notice, a sign-in, an upload: the person; of a member, a study: the hospital


Whose = Callable[[Someone, Thing], bool]


# --- whose a case is ---


def asking_doctor(who: Someone, case: Thing) -> bool:
    """Every doctor of the hospital that asks stands in for the others."""
    return "doctor" in who.roles and who.hospital == case.asking


def desk(who: Someone, case: Thing) -> bool:
    """The desk of the hospital that the case is with."""
    return "coordinator" in who.roles and who.hospital in case.open_to


def booked_specialist(who: Someone, case: Thing) -> bool:
    """A specialist sees a case only once booked for it."""
    return "specialist" in who.roles and who.hospital in case.open_to and who.person in case.booked


def anyone_of_the_case(who: Someone, case: Thing) -> bool:
    return asking_doctor(who, case) or desk(who, case) or booked_specialist(who, case)


def supporting_side(who: Someone, case: Thing) -> bool:
    return desk(who, case) or booked_specialist(who, case)


def sees_its_images(who: Someone, case: Thing) -> bool:
    return asking_doctor(who, case) or (supporting_side(who, case) and who.hospital in case.images_open_to)


# --- whose other things are ---


def own(who: Someone, thing: Thing) -> bool:
    return who.person == thing.owner


def own_hospital(who: Someone, thing: Thing) -> bool:
    return who.hospital == thing.owner


def sees_copy(who: Someone, thing: Thing) -> bool:
    """A released copy is its hospital's; before that it is the person's who asked for it."""
    return who.hospital in thing.images_open_to or who.person == thing.owner


def released_to(who: Someone, thing: Thing) -> bool:
    return who.hospital in thing.images_open_to


def everyone(_who: Someone, _thing: Thing) -> bool:
    return True


def nobody(_who: Someone, _thing: Thing) -> bool:
    return False


# --- roles ---

DOCTOR = frozenset({"doctor"})
SPECIALIST = frozenset({"specialist"})
DESK = frozenset({"coordinator"})
ADMINISTRATOR = frozenset({"administrator"})
OVERSIGHT = frozenset({"oversight"})
TABLE = DOCTOR | SPECIALIST
PARTY = TABLE | DESK
SIGNED_IN = PARTY | ADMINISTRATOR | OVERSIGHT
HOST = "P"  # the hospital whose administrators add hospitals


@dataclass(frozen=True)
class Rule:
    """`roles` None: no sign-in is needed."""

    roles: frozenset[str] | None
    whose: Whose = everyone
    takes_scripts: bool = False
    only_host: bool = False
    never: bool = False  # shown, but the act is nobody's: 403 to those whose it is

    def expects(self, who: Someone, thing: Thing) -> str | int:
        if self.roles is None:
            return OPEN
        if who.is_out or (who.is_script and not self.takes_scripts):
            return UNKNOWN
        if who.roles.isdisjoint(self.roles) or (self.only_host and who.hospital != HOST):
            return NOT_YOURS
        if not self.whose(who, thing):
            return NOT_THERE
        return NOT_YOURS if self.never else OPEN


CASE = "/consultations/{consultation}"
ANYONE = Rule(None)
ANY_PERSON = Rule(SIGNED_IN)
IMAGES = Rule(TABLE, own_hospital, takes_scripts=True)
CASE_IMAGES = Rule(PARTY, sees_its_images, takes_scripts=True)
CASE_LISTS = Rule(PARTY, anyone_of_the_case, takes_scripts=True)  # empty where no image may be seen

COPY_IMAGES = Rule(TABLE, released_to, takes_scripts=True)

RULES: dict[str, Rule] = {
    # the house
    "GET /healthz": ANYONE,
    "GET /readyz": ANYONE,
    "GET /metrics": ANYONE,
    "GET /static": ANYONE,
    "GET /signal": ANYONE,  # its ticket says who
    "GET /signal/check": ANY_PERSON,
    # signing in
    "GET /sign-in": ANYONE,
    "POST /sign-in": ANYONE,
    "GET /password": ANYONE,
    "POST /password": ANYONE,  # the word sent is the key
    "POST /preferences": ANYONE,
    "POST /sign-out": ANY_PERSON,
    "GET /sessions": ANY_PERSON,
    "POST /sessions/{sign_in}/end": Rule(SIGNED_IN, own),
    "POST /place": ANY_PERSON,
    # people and hospitals
    "GET /people": Rule(ADMINISTRATOR),
    "POST /people": Rule(ADMINISTRATOR),
    "POST /people/{member}/change": Rule(ADMINISTRATOR, own_hospital),
    "POST /people/{member}/leave": Rule(ADMINISTRATOR, own_hospital),
    "POST /people/{member}/link": Rule(ADMINISTRATOR, own_hospital),
    "POST /people/{member}/return": Rule(ADMINISTRATOR, own_hospital),
    "GET /hospitals": Rule(ADMINISTRATOR, only_host=True),
    "POST /hospitals": Rule(ADMINISTRATOR, only_host=True),
    # the hospital's own PACS
    "GET /devices": Rule(ADMINISTRATOR),
    "POST /devices": Rule(ADMINISTRATOR),
    "POST /devices/{device}/change": Rule(ADMINISTRATOR, own_hospital),
    "POST /devices/{device}/remove": Rule(ADMINISTRATOR, own_hospital),
    "GET /pacs": Rule(ADMINISTRATOR),
    "POST /pacs": Rule(ADMINISTRATOR),
    "POST /pacs/{connection}/change": Rule(ADMINISTRATOR, own_hospital),
    "POST /pacs/{connection}/remove": Rule(ADMINISTRATOR, own_hospital),
    "POST /pacs/{connection}/test": Rule(ADMINISTRATOR, own_hospital),
    "POST /pacs/{connection}/search": Rule(DOCTOR, own_hospital),
    "POST /pacs/{connection}/retrievals": Rule(DOCTOR, own_hospital),
    "GET /retrievals": Rule(DOCTOR),
    "POST /retrievals/{retrieval}/retry": Rule(DOCTOR, own_hospital),
    "POST /retrievals/{retrieval}/cancel": Rule(DOCTOR, own_hospital),
    # files that were refused, to administrators of the hospital that they were meant for
    "GET /refused-files": Rule(ADMINISTRATOR),
    # copies for teaching: its maker's until it is released, then its hospital's
    "GET /teaching": Rule(TABLE),
    "GET /teaching/{copy}": Rule(TABLE, sees_copy),
    "GET /teaching/{copy}/zip": Rule(TABLE, sees_copy),
    "GET /teaching/{copy}/pictures/{picture}/{frame}": Rule(TABLE, own),
    "POST /teaching/{copy}/pictures/{picture}/blank": Rule(TABLE, own),
    "POST /teaching/{copy}/release": Rule(TABLE, own),
    "POST /teaching/{copy}/discard": Rule(TABLE, own),
    "GET /teaching/{copy}/images/studies": COPY_IMAGES,
    "GET /teaching/{copy}/images/studies/{study}": COPY_IMAGES,
    "GET /teaching/{copy}/images/studies/{study}/instances/{instance}/frames/{frame}": COPY_IMAGES,
    "GET /teaching/{copy}/images/studies/{study}/series/{series}/thumbnail": COPY_IMAGES,
    "GET /teaching/{copy}/images/studies/{study}/series/{series}/frames": COPY_IMAGES,
    f"POST {CASE}/teaching": Rule(TABLE, anyone_of_the_case),
    # oversight: figures, never a patient
    "GET /oversight": Rule(OVERSIGHT),
    # programs
    "GET /api/openapi.json": ANYONE,
    "GET /api/v1/me": Rule(SIGNED_IN, takes_scripts=True),
    "GET /api/v1/consultations": Rule(PARTY, takes_scripts=True),
    "GET /api/v1/consultations/{consultation}": Rule(PARTY, anyone_of_the_case, takes_scripts=True),
    # one's own work
    "GET /": ANY_PERSON,
    "POST /notices/{notice}/seen": Rule(SIGNED_IN, own),
    "GET /consultations": Rule(PARTY),
    "GET /consultations/search": Rule(PARTY),
    "POST /consultations/search": Rule(PARTY),
    "POST /consultations": Rule(DOCTOR),
    "GET /agenda": Rule(PARTY),
    "GET /desk": Rule(DESK),
    "GET /desk/queue": Rule(DESK),
    "GET /inbox": Rule(DOCTOR),
    "GET /icd10": Rule(TABLE),
    # request
    f"GET {CASE}": Rule(PARTY, anyone_of_the_case),
    f"GET {CASE}/request": Rule(DOCTOR, asking_doctor),
    f"PATCH {CASE}/request": Rule(DOCTOR, asking_doctor),
    f"POST {CASE}/request": Rule(DOCTOR, asking_doctor),
    f"POST {CASE}/answer-more": Rule(DOCTOR, asking_doctor),
    f"POST {CASE}/hand-over": Rule(DOCTOR, asking_doctor),
    f"POST {CASE}/documents": Rule(DOCTOR, asking_doctor),
    f"POST {CASE}/films": Rule(DOCTOR, asking_doctor),
    f"GET {CASE}/documents/{{document}}": Rule(PARTY, anyone_of_the_case),
    f"DELETE {CASE}/documents/{{document}}": Rule(DOCTOR, asking_doctor),
    # triage
    f"POST {CASE}/take-up": Rule(DESK, desk),
    f"POST {CASE}/accept": Rule(DESK, desk),
    f"POST {CASE}/redirect": Rule(DESK, desk),
    f"POST {CASE}/ask-more": Rule(DESK, desk),
    f"POST {CASE}/decline": Rule(DESK, desk),
    # schedule
    f"GET {CASE}/schedule": Rule(DESK, desk),
    f"POST {CASE}/schedule": Rule(DESK, desk),
    f"POST {CASE}/schedule/{{session}}": Rule(DESK, desk),
    f"GET {CASE}/calendar.ics": Rule(PARTY, anyone_of_the_case),
    f"POST {CASE}/cancel": Rule(DOCTOR | DESK, anyone_of_the_case),
    f"POST {CASE}/reopen": Rule(DOCTOR, asking_doctor),
    # join
    f"GET {CASE}/check": Rule(PARTY, anyone_of_the_case),
    f"GET {CASE}/room": Rule(PARTY, anyone_of_the_case),
    f"POST {CASE}/join": Rule(PARTY, anyone_of_the_case),
    f"POST {CASE}/end-session": Rule(TABLE, anyone_of_the_case),
    # share
    f"POST {CASE}/studies": Rule(DOCTOR, asking_doctor),
    f"POST {CASE}/studies/remove": Rule(DOCTOR, asking_doctor),
    f"GET {CASE}/reading": Rule(PARTY, anyone_of_the_case),
    f"GET {CASE}/marks": Rule(PARTY, anyone_of_the_case),
    f"POST {CASE}/marks": Rule(TABLE, anyone_of_the_case),
    # images ahead of the session
    "GET /ahead": Rule(SPECIALIST),
    f"GET {CASE}/arrived": Rule(PARTY, anyone_of_the_case),
    f"POST {CASE}/arrived": Rule(SPECIALIST, supporting_side),
    # minutes
    f"GET {CASE}/minutes": Rule(PARTY, anyone_of_the_case),
    f"GET {CASE}/minutes/form": Rule(PARTY, anyone_of_the_case),
    f"GET {CASE}/minutes/draft": Rule(PARTY, anyone_of_the_case),
    f"POST {CASE}/minutes/draft": Rule(TABLE, anyone_of_the_case),
    f"GET {CASE}/minutes/key-images": Rule(PARTY, anyone_of_the_case),
    f"POST {CASE}/minutes/key-images": Rule(TABLE, anyone_of_the_case),
    f"PATCH {CASE}/minutes/key-images/{{image}}": Rule(TABLE, anyone_of_the_case),
    f"DELETE {CASE}/minutes/key-images/{{image}}": Rule(TABLE, anyone_of_the_case),
    f"POST {CASE}/minutes/key-images/{{image}}/restore": Rule(TABLE, anyone_of_the_case),
    f"POST {CASE}/minutes/sign": Rule(TABLE, anyone_of_the_case),
    f"POST {CASE}/minutes/give-back": Rule(TABLE, anyone_of_the_case),
    f"POST {CASE}/minutes/addenda": Rule(TABLE, anyone_of_the_case),
    f"GET {CASE}/minutes/pdf": Rule(PARTY, anyone_of_the_case),
    f"POST {CASE}/evidence/send": Rule(PARTY, anyone_of_the_case),
    f"POST {CASE}/answer": Rule(SPECIALIST, supporting_side),
    # outcome
    f"POST {CASE}/outcome": Rule(DOCTOR, asking_doctor),
    # images of one's own hospital
    "GET /images/studies": Rule(TABLE, takes_scripts=True),
    "GET /images/studies/{study}": IMAGES,
    "GET /images/studies/{study}/instances/{instance}/frames/{frame}": IMAGES,
    "GET /images/studies/{study}/series/{series}/frames": IMAGES,
    "GET /images/studies/{study}/series/{series}/thumbnail": IMAGES,
    "POST /uploads": Rule(TABLE, takes_scripts=True),
    "OPTIONS /uploads": Rule(TABLE, takes_scripts=True),
    "GET /uploads/{upload}": Rule(TABLE, own, takes_scripts=True),
    "PATCH /uploads/{upload}": Rule(TABLE, own, takes_scripts=True),
    "DELETE /uploads/{upload}": Rule(TABLE, own, takes_scripts=True),
    # images of a case
    f"GET {CASE}/images/studies": CASE_LISTS,
    f"GET {CASE}/images/studies/{{study}}": CASE_IMAGES,
    f"GET {CASE}/images/studies/{{study}}/instances/{{instance}}/frames/{{frame}}": CASE_IMAGES,
    f"GET {CASE}/images/studies/{{study}}/series/{{series}}/frames": CASE_IMAGES,
    f"GET {CASE}/images/studies/{{study}}/series/{{series}}/thumbnail": CASE_IMAGES,
    f"POST {CASE}/dicom-web/studies": Rule(PARTY, anyone_of_the_case, takes_scripts=True, never=True),
    f"POST {CASE}/dicom-web/studies/{{study}}": Rule(
        PARTY, anyone_of_the_case, takes_scripts=True, never=True
    ),
    # DICOMweb, own and of a case: searches give what may be seen, all else needs the study
    "POST /dicom-web/studies": Rule(TABLE, takes_scripts=True),
    "POST /dicom-web/studies/{study}": Rule(TABLE, takes_scripts=True),
}
for _tail in ("studies", "series", "instances"):
    RULES[f"GET /dicom-web/{_tail}"] = Rule(TABLE, takes_scripts=True)
    RULES[f"GET {CASE}/dicom-web/{_tail}"] = CASE_LISTS
for _tail in (
    "",
    "/metadata",
    "/series",
    "/instances",
    "/series/{series}",
    "/series/{series}/instances",
    "/series/{series}/metadata",
    "/series/{series}/instances/{instance}",
    "/series/{series}/instances/{instance}/metadata",
    "/series/{series}/instances/{instance}/frames/{frames}",
    "/series/{series}/instances/{instance}/bulkdata/{element}",
    "/rendered",
    "/series/{series}/rendered",
    "/series/{series}/instances/{instance}/rendered",
    "/series/{series}/instances/{instance}/frames/{frames}/rendered",
    "/thumbnail",
    "/series/{series}/thumbnail",
    "/series/{series}/instances/{instance}/thumbnail",
    "/series/{series}/instances/{instance}/frames/{frames}/thumbnail",
):
    RULES[f"GET /dicom-web/studies/{{study}}{_tail}"] = IMAGES
    RULES[f"GET {CASE}/dicom-web/studies/{{study}}{_tail}"] = CASE_IMAGES
