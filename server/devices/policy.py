"""Who may enter a hospital's devices: the rows of this feature."""

from server.people.model import DicomPeer
from server.platform.policy import Principal, Role, Row, roles

ADMINISTRATOR = roles(Role.ADMINISTRATOR)


def own(principal: Principal, row: DicomPeer) -> bool:
    return row.hospital_id == principal.hospital_id


ROWS = (
    Row("GET /devices", ADMINISTRATOR),
    Row("POST /devices", ADMINISTRATOR),
    Row("POST /devices/{device}/change", ADMINISTRATOR, own),
    Row("POST /devices/{device}/remove", ADMINISTRATOR, own),
)
