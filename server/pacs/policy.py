"""Who may do what with a hospital's PACS: the rows of this feature."""

from server.pacs.model import PacsConnection, Retrieval
from server.platform.policy import Principal, Role, Row, roles

ADMINISTRATOR = roles(Role.ADMINISTRATOR)
DOCTOR = roles(Role.DOCTOR)


def own(principal: Principal, row: PacsConnection | Retrieval) -> bool:
    return row.hospital_id == principal.hospital_id


ROWS = (
    Row("GET /pacs", ADMINISTRATOR),
    Row("POST /pacs", ADMINISTRATOR),
    Row("POST /pacs/{connection}/change", ADMINISTRATOR, own),
    Row("POST /pacs/{connection}/remove", ADMINISTRATOR, own),
    Row("POST /pacs/{connection}/test", ADMINISTRATOR, own, streams=True),
    Row("POST /pacs/{connection}/search", DOCTOR, own, streams=True),
    Row("POST /pacs/{connection}/retrievals", DOCTOR, own),
    Row("GET /retrievals", DOCTOR),
    Row("POST /retrievals/{retrieval}/retry", DOCTOR, own),
    Row("POST /retrievals/{retrieval}/cancel", DOCTOR, own),
)
