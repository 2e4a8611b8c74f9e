"""The way of a consultation as one table: (stage, step) -> (next stage, who may, of which side). Pure."""

import enum
from dataclasses import dataclass

from server.platform.errors import Refusal, later
from server.platform.policy import Principal, Role


class Stage(enum.StrEnum):
    DRAFT = "draft"
    REQUESTED = "requested"
    NEEDS_MORE = "needs-more"
    DECLINED = "declined"
    REDIRECTED = "redirected"
    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    IN_SESSION = "in-session"
    ANSWERED = "answered"  # in writing, without a call
    MINUTES_OPEN = "minutes-open"
    SIGNED = "signed"
    OUTCOME_KNOWN = "outcome-known"
    CANCELLED = "cancelled"
    REOPENED = "reopened"


class Step(enum.StrEnum):
    REQUEST = "request"  # send it
    EDIT = "edit"  # change what was asked, while still allowed
    ACCEPT = "accept"
    REDIRECT = "redirect"
    ASK_MORE = "ask-more"
    ANSWER_MORE = "answer-more"
    DECLINE = "decline"
    SCHEDULE = "schedule"
    JOIN = "join"
    END_SESSION = "end-session"
    ANSWER = "answer"
    MINUTES = "minutes"  # write them
    SIGN = "sign"
    COMPLETE = "complete"  # the second signature
    ADD = "add"  # an addendum
    OUTCOME = "outcome"
    HAND_OVER = "hand-over"  # to another doctor of the asking hospital
    CANCEL = "cancel"
    REOPEN = "reopen"


class Side(enum.Enum):
    ASKING = "asking"
    SUPPORTING = "supporting"
    EITHER = "either"


class Urgency(enum.StrEnum):
    EMERGENCY = "emergency"
    URGENT = "urgent"
    ROUTINE = "routine"


# Target of the first answer in minutes (DOMAIN: proposals).
ANSWER_WITHIN_MIN = {Urgency.EMERGENCY: 3, Urgency.URGENT: 15, Urgency.ROUTINE: 24 * 60}


@dataclass(frozen=True, slots=True)
class Move:
    to: Stage
    who: frozenset[Role]
    side: Side
    only_emergency: bool = False


_DOCTOR = frozenset({Role.DOCTOR})
_DESK = frozenset({Role.COORDINATOR})
_SPECIALIST = frozenset({Role.SPECIALIST})
_SUPPORT = _DESK | _SPECIALIST
_TABLE = _DOCTOR | _SPECIALIST  # who sits at the table
_ALL = _DOCTOR | _DESK | _SPECIALIST

S, T = Stage, Step


def _desk(stage: Stage) -> dict[tuple[Stage, Step], Move]:
    """What the desk may do with a case that waits for it."""
    return {
        (stage, T.ACCEPT): Move(S.ACCEPTED, _DESK, Side.SUPPORTING),
        (stage, T.REDIRECT): Move(S.REDIRECTED, _DESK, Side.SUPPORTING),
        (stage, T.ASK_MORE): Move(S.NEEDS_MORE, _DESK, Side.SUPPORTING),
        (stage, T.DECLINE): Move(S.DECLINED, _DESK, Side.SUPPORTING),
        (stage, T.SCHEDULE): Move(S.SCHEDULED, _DESK, Side.SUPPORTING, only_emergency=True),
        (stage, T.CANCEL): Move(S.CANCELLED, _DOCTOR, Side.ASKING),
        (stage, T.EDIT): Move(stage, _DOCTOR, Side.ASKING),
    }


STEPS: dict[tuple[Stage, Step], Move] = {
    (S.DRAFT, T.EDIT): Move(S.DRAFT, _DOCTOR, Side.ASKING),
    (S.DRAFT, T.REQUEST): Move(S.REQUESTED, _DOCTOR, Side.ASKING),
    (S.DRAFT, T.CANCEL): Move(S.CANCELLED, _DOCTOR, Side.ASKING),
    **_desk(S.REQUESTED),
    **_desk(S.REDIRECTED),
    **_desk(S.REOPENED),
    (S.NEEDS_MORE, T.EDIT): Move(S.NEEDS_MORE, _DOCTOR, Side.ASKING),
    (S.NEEDS_MORE, T.ANSWER_MORE): Move(S.REQUESTED, _DOCTOR, Side.ASKING),
    (S.NEEDS_MORE, T.CANCEL): Move(S.CANCELLED, _DOCTOR, Side.ASKING),
    (S.ACCEPTED, T.EDIT): Move(S.ACCEPTED, _DOCTOR, Side.ASKING),
    (S.ACCEPTED, T.SCHEDULE): Move(S.SCHEDULED, _DESK, Side.SUPPORTING),
    (S.ACCEPTED, T.REDIRECT): Move(S.REDIRECTED, _DESK, Side.SUPPORTING),
    (S.ACCEPTED, T.ASK_MORE): Move(S.NEEDS_MORE, _DESK, Side.SUPPORTING),
    (S.ACCEPTED, T.DECLINE): Move(S.DECLINED, _DESK, Side.SUPPORTING),
    (S.ACCEPTED, T.CANCEL): Move(S.CANCELLED, _DOCTOR | _DESK, Side.EITHER),
    (S.SCHEDULED, T.EDIT): Move(S.SCHEDULED, _DOCTOR, Side.ASKING),
    (S.SCHEDULED, T.SCHEDULE): Move(S.SCHEDULED, _DESK, Side.SUPPORTING),
    (S.SCHEDULED, T.JOIN): Move(S.IN_SESSION, _ALL, Side.EITHER),
    (S.SCHEDULED, T.ANSWER): Move(S.ANSWERED, _SPECIALIST, Side.SUPPORTING),
    (S.SCHEDULED, T.CANCEL): Move(S.CANCELLED, _DOCTOR | _DESK, Side.EITHER),
    (S.IN_SESSION, T.JOIN): Move(S.IN_SESSION, _ALL, Side.EITHER),
    (S.IN_SESSION, T.MINUTES): Move(S.IN_SESSION, _TABLE, Side.EITHER),
    (S.IN_SESSION, T.END_SESSION): Move(S.MINUTES_OPEN, _TABLE, Side.EITHER),
    (S.ANSWERED, T.MINUTES): Move(S.ANSWERED, _TABLE, Side.EITHER),
    (S.ANSWERED, T.SIGN): Move(S.ANSWERED, _TABLE, Side.EITHER),
    (S.ANSWERED, T.COMPLETE): Move(S.SIGNED, _TABLE, Side.EITHER),
    (S.ANSWERED, T.SCHEDULE): Move(S.SCHEDULED, _DESK, Side.SUPPORTING),
    (S.MINUTES_OPEN, T.MINUTES): Move(S.MINUTES_OPEN, _TABLE, Side.EITHER),
    (S.MINUTES_OPEN, T.SIGN): Move(S.MINUTES_OPEN, _TABLE, Side.EITHER),
    (S.MINUTES_OPEN, T.COMPLETE): Move(S.SIGNED, _TABLE, Side.EITHER),
    (S.MINUTES_OPEN, T.SCHEDULE): Move(S.SCHEDULED, _DESK, Side.SUPPORTING),  # another session
    (S.SIGNED, T.ADD): Move(S.SIGNED, _TABLE, Side.EITHER),
    (S.SIGNED, T.OUTCOME): Move(S.OUTCOME_KNOWN, _DOCTOR, Side.ASKING),
    (S.OUTCOME_KNOWN, T.ADD): Move(S.OUTCOME_KNOWN, _TABLE, Side.EITHER),
    (S.OUTCOME_KNOWN, T.OUTCOME): Move(S.OUTCOME_KNOWN, _DOCTOR, Side.ASKING),
    (S.DECLINED, T.REOPEN): Move(S.REOPENED, _DOCTOR, Side.ASKING),
    (S.CANCELLED, T.REOPEN): Move(S.REOPENED, _DOCTOR, Side.ASKING),
}

# Whoever asked may leave: in every stage that goes on, another doctor can take the case over.
_GOES_ON = frozenset(S) - {S.DRAFT, S.DECLINED, S.CANCELLED}
STEPS |= {(stage, T.HAND_OVER): Move(stage, _DOCTOR, Side.ASKING) for stage in _GOES_ON}

WAITING_FOR_DESK = frozenset({S.REQUESTED, S.REDIRECTED, S.REOPENED})
CLOSED = frozenset({S.DECLINED, S.CANCELLED, S.OUTCOME_KNOWN})

# The line of seven dots on the case page: how far each stage has come.
DOTS = ("request", "triage", "schedule", "join", "share", "minutes", "outcome")
DOT_OF = {
    S.DRAFT: 0,
    S.REQUESTED: 1,
    S.REDIRECTED: 1,
    S.REOPENED: 1,
    S.NEEDS_MORE: 0,
    S.DECLINED: 1,
    S.CANCELLED: 0,
    S.ACCEPTED: 2,
    S.SCHEDULED: 3,
    S.IN_SESSION: 4,
    S.ANSWERED: 5,
    S.MINUTES_OPEN: 5,
    S.SIGNED: 6,
    S.OUTCOME_KNOWN: 7,
}


class WrongStage(Refusal):
    """The case has moved on, or not come so far."""

    code = "wrong-stage"
    sentence = later("Ca này đã chuyển sang bước khác nên không làm được việc này. Hãy tải lại trang của ca.")


class WrongRole(Refusal):
    code = "wrong-role"
    status = 403
    sentence = later("Việc này thuộc vai trò khác trong ca. Hãy nhờ người phụ trách bước này.")


def move(
    stage: Stage, step: Step, principal: Principal, *, side: Side, urgency: Urgency = Urgency.ROUTINE
) -> Stage:
    """Where `step` leads from `stage`. Raises WrongStage or WrongRole."""
    way = STEPS.get((stage, step))
    if way is None or (way.only_emergency and urgency is not Urgency.EMERGENCY):
        raise WrongStage
    if way.who.isdisjoint(principal.roles) or way.side not in {side, Side.EITHER}:
        raise WrongRole
    return way.to


def steps_for(stage: Stage, principal: Principal, *, side: Side, urgency: Urgency) -> frozenset[Step]:
    """The steps that `principal` may take now: what the case page offers."""
    return frozenset(
        step
        for (at, step), way in STEPS.items()
        if at is stage
        and (urgency is Urgency.EMERGENCY or not way.only_emergency)
        and not way.who.isdisjoint(principal.roles)
        and way.side in {side, Side.EITHER}
    )
