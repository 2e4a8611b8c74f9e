"""The policy engine: who may do what to which object, as rows that the features bring.

A route, message type or DIMSE service without a row stops the start. Three answers: it is not there
for you (404), it is there but not yours to do (403), it is yours.
"""

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from server.platform.errors import NotAllowed, NotFound, SignInNeeded


class Role(enum.StrEnum):
    DOCTOR = "doctor"
    SPECIALIST = "specialist"
    COORDINATOR = "coordinator"
    ADMINISTRATOR = "administrator"
    OVERSIGHT = "oversight"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: one person in one hospital, by one sign-in or token."""

    person_id: int
    membership_id: int
    hospital_id: int
    roles: frozenset[Role]
    name: str
    title: str
    hospital: str
    login: str
    sign_in: str  # "s12" for a browser's sign-in, "t3" for a token: what a revocation names
    is_host: bool = False
    is_demo: bool = False

    @property
    def is_script(self) -> bool:
        """A program with a token, no person at a browser."""
        return self.sign_in.startswith("t")

    def has(self, *roles: Role) -> bool:
        return not self.roles.isdisjoint(roles)


class Reach(enum.Enum):
    """Whom a row admits before the object is looked at."""

    ANYONE = "anyone"
    SIGNED_IN = "signed in"


Relation = Callable[[Principal, Any], bool]


def always(_principal: Principal, _thing: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Row:
    """`what` is "METHOD /path/{id}", "ws message-type" or "dimse SERVICE"."""

    what: str
    who: frozenset[Role] | Reach
    relation: Relation = always
    audit: str | None = None  # action written in the same transaction
    once: bool = False  # audited once a person, object and sitting: looking, not doing
    writes: bool | None = None  # None: unsafe methods and audited reads do
    streams: bool = False  # the handler opens its own transactions
    is_open_to_scripts: bool = False  # bearer tokens may call it (no cookie, so no CSRF)


def roles(*which: Role) -> frozenset[Role]:
    return frozenset(which)


class Gap(RuntimeError):
    """Something can be asked for that no row speaks of."""


@dataclass(frozen=True)
class Policy:
    rows: Mapping[str, Row] = field(default_factory=dict)

    @classmethod
    def join(cls, *tables: Iterable[Row]) -> "Policy":
        rows: dict[str, Row] = {}
        for row in (row for table in tables for row in table):
            if row.what in rows:
                raise Gap(f"two policy rows for {row.what}")
            rows[row.what] = row
        return cls(rows)

    def must_cover(self, what: Iterable[str]) -> None:
        """Refuse to start on anything without a row, and on a row for nothing."""
        asked = set(what)
        if missing := sorted(asked - set(self.rows)):
            raise Gap(f"no policy row for {', '.join(missing)}")
        if idle := sorted(set(self.rows) - asked):
            raise Gap(f"policy rows for nothing: {', '.join(idle)}")

    def row(self, what: str) -> Row:
        return self.rows[what]


def admit(row: Row, principal: Principal | None) -> None:
    """The first half: is this kind of person let in at all?"""
    if row.who is Reach.ANYONE:
        return
    if principal is None:
        raise SignInNeeded
    if isinstance(row.who, frozenset) and row.who.isdisjoint(principal.roles):
        raise NotAllowed


def relate(row: Row, principal: Principal, thing: Any) -> None:
    """The second half: is this object theirs? `thing` is None where the scope hid it."""
    if thing is None or not row.relation(principal, thing):
        raise NotFound
