"""What happened in a room and must be kept: one journal row each, type and data.

A room decides facts, the journal keeps them, and only then does the room apply and announce them.
Presence is kept for the minutes (who was there, from when to when, and the gaps in between).
"""

from collections.abc import Mapping
from typing import ClassVar, get_args

from pydantic import JsonValue, ValidationError

from signaling.fields import ChatText, Count, Mark, MessageId, PeerId, Person, Piece, Text, Why


class Fact(Piece):
    """`by` is the person whose doing it was; None where it simply happened."""

    type: ClassVar[str]
    by: Count | None = None


class Entered(Fact):
    type = "joined"
    peer: PeerId
    person: Person
    site: Text
    role: Text


class Gone(Fact):
    """`why`: left by choice, lost for longer than its place is kept, removed, replaced by itself."""

    type = "left"
    peer: PeerId
    person: Person
    why: Why


class WentAway(Fact):
    """The line was lost; the place is kept."""

    type = "away"
    peer: PeerId
    person: Count


class CameBack(Fact):
    type = "back"
    peer: PeerId
    person: Count


class LetIn(Fact):
    type = "admitted"
    peer: PeerId
    person: Count
    by_name: Text


class TurnedAway(Fact):
    type = "turned-away"
    peer: PeerId
    person: Count
    by_name: Text


class Said(Fact):
    type = "chatted"
    id: MessageId
    person: Person
    text: ChatText


class Drew(Fact):
    type = "marked"
    person: Person
    mark: Mark


class Leads(Fact):
    type = "presenter-changed"
    presenter: Person | None


class Ended(Fact):
    type = "session-ended"
    by_name: Text


AnyFact = Entered | Gone | WentAway | CameBack | LetIn | TurnedAway | Said | Drew | Leads | Ended

FACTS: Mapping[str, type[AnyFact]] = {fact.type: fact for fact in get_args(AnyFact)}


def write(fact: Fact) -> Mapping[str, JsonValue]:
    """The data of a journal row."""
    data: dict[str, JsonValue] = fact.model_dump(mode="json")
    return data


def read(type: str, data: Mapping[str, JsonValue]) -> AnyFact | None:
    """A journal row as it was decided; None for rows of others, which rooms pass over."""
    kind = FACTS.get(type)
    if kind is None:
        return None
    try:
        return kind.model_validate(dict(data), strict=False)
    except ValidationError:
        return None
