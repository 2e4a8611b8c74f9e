"""Addresses of people: one's own account, and an administrator's people and hospitals."""

from server.people.routes import account, administration

TABLES = (account.routes, administration.routes)

__all__ = ["TABLES"]
