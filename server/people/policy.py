"""Who may do what with people and hospitals: the rows of this feature."""

from server.people.model import Membership, SignIn
from server.platform.policy import Principal, Reach, Role, Row, roles

ADMINISTRATOR = roles(Role.ADMINISTRATOR)


def own_hospital(principal: Principal, member: Membership) -> bool:
    return member.hospital_id == principal.hospital_id


def own_sign_in(principal: Principal, row: SignIn) -> bool:
    return row.person_id == principal.person_id


ROWS = (
    Row("GET /sign-in", Reach.ANYONE, streams=True),
    Row("POST /sign-in", Reach.ANYONE, streams=True),
    Row("POST /sign-out", Reach.SIGNED_IN),
    Row("GET /password", Reach.ANYONE, streams=True),
    Row("POST /password", Reach.ANYONE, streams=True),
    Row("POST /preferences", Reach.ANYONE, streams=True),
    Row("GET /sessions", Reach.SIGNED_IN),
    Row("POST /sessions/{sign_in}/end", Reach.SIGNED_IN, own_sign_in),
    Row("POST /place", Reach.SIGNED_IN),
    Row("GET /people", ADMINISTRATOR),
    Row("POST /people", ADMINISTRATOR),
    Row("POST /people/{member}/change", ADMINISTRATOR, own_hospital),
    Row("POST /people/{member}/leave", ADMINISTRATOR, own_hospital),
    Row("POST /people/{member}/return", ADMINISTRATOR, own_hospital),
    Row("POST /people/{member}/link", ADMINISTRATOR, own_hospital),
    Row("GET /hospitals", ADMINISTRATOR),
    Row("POST /hospitals", ADMINISTRATOR),
)
