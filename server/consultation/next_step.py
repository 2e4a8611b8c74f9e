"""The next step of a case for one person: a sentence and a button, from one table read from the top."""

from collections.abc import Callable
from dataclasses import dataclass

from server.consultation.join import is_early
from server.consultation.journey import Stage, Step, steps_for
from server.consultation.model import Consultation, LiveSession, Minutes
from server.platform.errors import later
from server.platform.policy import Principal


@dataclass(frozen=True)
class NextStep:
    sentence: str
    button: str = ""  # empty: nothing to do but wait
    href: str = ""
    is_task: bool = False  # it waits for this person, so their home page shows it


@dataclass(frozen=True)
class Situation:
    """What the next step depends on."""

    stage: Stage
    steps: frozenset[Step]  # that this person may take
    is_live: bool  # the session to come is held in a room, not in writing
    is_early: bool  # its room is not open yet
    has_signed: bool  # this person
    has_signature: bool  # anybody


@dataclass(frozen=True)
class Offer:
    holds: Callable[[Situation], bool]
    sentence: str
    button: str
    leads_to: str  # below the address of the case
    is_task: bool = True


def _may(step: Step) -> Callable[[Situation], bool]:
    return lambda now: step in now.steps


OFFERS = (
    Offer(_may(Step.REQUEST), later("Yêu cầu chưa gửi."), later("Viết tiếp"), "/request"),
    Offer(_may(Step.ANSWER_MORE), later("Nơi hỗ trợ hỏi thêm."), later("Trả lời"), "#answer-more"),
    Offer(_may(Step.ACCEPT), later("Ca đang chờ phân loại."), later("Phân loại"), "#triage"),
    Offer(
        lambda now: Step.SCHEDULE in now.steps and now.stage is Stage.ACCEPTED,
        later("Ca đã nhận, chưa có lịch."),
        later("Xếp lịch"),
        "/schedule",
    ),
    Offer(
        lambda now: Step.ANSWER in now.steps and not now.is_live,
        later("Ca cần trả lời bằng văn bản."),
        later("Trả lời"),
        "/minutes",
    ),
    Offer(
        lambda now: Step.JOIN in now.steps and now.is_live and now.is_early,
        later("Đã xếp lịch. Phòng mở trước giờ hẹn 30 phút."),
        later("Thử máy trước"),
        "/check",
        is_task=False,
    ),
    Offer(
        lambda now: Step.JOIN in now.steps and now.is_live,
        later("Phòng hội chẩn đã sẵn sàng."),
        later("Vào phòng"),
        "/check",
    ),
    Offer(
        lambda now: Step.SIGN in now.steps and not now.has_signed,
        later("Biên bản chờ bạn đọc và ký."),
        later("Đọc và ký"),
        "/minutes",
    ),
    Offer(
        _may(Step.SIGN),
        later("Bạn đã ký, đang chờ bên kia ký."),
        later("Xem biên bản"),
        "/minutes",
        is_task=False,
    ),
    Offer(_may(Step.OUTCOME), later("Người bệnh thế nào rồi?"), later("Báo kết quả"), "#outcome"),
    Offer(_may(Step.REOPEN), later("Ca đã dừng."), later("Mở lại ca"), "#reopen"),
    Offer(
        lambda now: now.has_signature,
        later("Biên bản đã ký."),
        later("Xem biên bản"),
        "/minutes",
        is_task=False,
    ),
)
# The steps that are somebody's task: an offer above is one where such a step is theirs.
TASKS = frozenset(
    {
        Step.REQUEST,
        Step.ANSWER_MORE,
        Step.ACCEPT,
        Step.SCHEDULE,
        Step.ANSWER,
        Step.JOIN,
        Step.SIGN,
        Step.OUTCOME,
        Step.REOPEN,
    }
)
# Said to whoever can only wait.
WAITING = {
    Stage.REQUESTED: later("Đang chờ điều phối viên nhận ca."),
    Stage.REDIRECTED: later("Đang chờ nơi được chuyển đến nhận ca."),
    Stage.REOPENED: later("Đang chờ điều phối viên nhận lại ca."),
    Stage.ACCEPTED: later("Ca đã được nhận, đang chờ xếp lịch."),
    Stage.SCHEDULED: later("Đã xếp lịch, đang chờ đến giờ."),
    Stage.NEEDS_MORE: later("Đang chờ bác sĩ bổ sung."),
    Stage.ANSWERED: later("Đang hoàn tất biên bản."),
    Stage.MINUTES_OPEN: later("Đang hoàn tất biên bản."),
    Stage.IN_SESSION: later("Đang hội chẩn."),
}


def next_step(
    case: Consultation, by: Principal, current: LiveSession | None, minutes: Minutes | None
) -> NextStep:
    """`current` is the session to come or running, `minutes` the text under signature."""
    now = Situation(
        stage=case.stage,
        steps=steps_for(case.stage, by, side=case.side_of(by), urgency=case.urgency),
        is_live=current is None or current.kind == "live",
        is_early=current is not None and is_early(current),
        has_signed=minutes is not None and by.person_id in {minutes.secretary_id, minutes.chair_id},
        has_signature=minutes is not None,
    )
    for offer in OFFERS:
        if offer.holds(now):
            href = f"/consultations/{case.public_id}{offer.leads_to}"
            return NextStep(offer.sentence, offer.button, href, offer.is_task)
    return NextStep(WAITING.get(case.stage, ""))
