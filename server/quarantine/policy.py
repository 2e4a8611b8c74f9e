"""Who reads what was refused: the administrators of the hospital that it was meant for."""

from server.platform.policy import Role, Row, roles

ROWS = (Row("GET /refused-files", roles(Role.ADMINISTRATOR), audit="view-refused-files", once=True),)
