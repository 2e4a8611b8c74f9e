"""Oversight sees processes, never patients."""

from server.platform.policy import Role, Row, roles

ROWS = (Row("GET /oversight", roles(Role.OVERSIGHT)),)
