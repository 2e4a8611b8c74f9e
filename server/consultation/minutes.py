"""minutes: the live draft becomes form 27/BV2 and its annex; two signatures fix it; addenda follow."""

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from server.consultation import draft as drafts
from server.consultation.form import form as forms
from server.consultation.journey import Stage, Step, steps_for
from server.consultation.model import (
    Addendum,
    Consultation,
    DraftUpdate,
    KeyImage,
    LiveSession,
    Minutes,
    RoomEvent,
)
from server.consultation.request import INFORMED_HOW, today
from server.consultation.take import take
from server.people.model import Hospital, Membership, Person
from server.people.names import capitals
from server.platform.db import HERE, now
from server.platform.errors import Invalid, NotFound, Refusal, later
from server.platform.events import audit, ring, tell
from server.platform.policy import Principal

HOW_SIGNED = later("ký điện tử trong hoichan, nhập lại mật khẩu")
FOLD_AT = 200  # updates of a draft: each write reads them all
SEX_WORDS = {1: "Nam", 2: "Nữ", 3: ""}


class NotConcluded(Refusal):
    """A question has neither a conclusion nor a reason why not."""

    code = "not-concluded"
    status = 422
    sentence = later("Chưa ký được: còn thiếu {what}.")


class DraftLocked(Refusal):
    code = "draft-locked"
    sentence = later("Biên bản đã có chữ ký nên không sửa được. Bấm “Trả lại để sửa” hoặc thêm phụ lục.")


class TextChanged(Refusal):
    """What the signer saw is not what is there now."""

    code = "text-changed"
    sentence = later("Biên bản vừa thay đổi sau khi bạn mở. Hãy đọc lại bản mới rồi ký.")


class AlreadySigned(Refusal):
    code = "already-signed"
    sentence = later("Chữ ký này đã có. Hãy tải lại trang.")


class NotASigner(Refusal):
    code = "not-a-signer"
    status = 403
    sentence = later(
        "Thư ký là bác sĩ bên yêu cầu, chủ tọa là chuyên gia của phiên. Bạn không ký được mục này."
    )


# --- the draft -----------------------------------------------------------------------------------


async def open_draft(session: AsyncSession, case: Consultation, by: Principal) -> None:
    """Begin the draft with what the request says; once."""
    known = await session.scalar(
        select(func.count()).select_from(DraftUpdate).where(DraftUpdate.consultation_id == case.id)
    )
    if not known:
        first = drafts.begin({drafts.COURSE: _course(case)})
        session.add(DraftUpdate(consultation_id=case.id, seq=1, update=first, by_id=by.person_id))
        await session.flush()


async def draft_since(session: AsyncSession, case: Consultation, seq: int) -> tuple[int, list[bytes]]:
    rows = await session.execute(
        select(DraftUpdate.seq, DraftUpdate.update)
        .where(DraftUpdate.consultation_id == case.id, DraftUpdate.seq > seq)
        .order_by(DraftUpdate.seq)
    )
    found = [(row.seq, row.update) for row in rows]
    return (found[-1][0] if found else seq), [update for _, update in found]


async def write(session: AsyncSession, case: Consultation, update: bytes, by: Principal) -> int:
    """Keep one update of the draft; its number. Raises DraftLocked once somebody has signed."""
    if Step.MINUTES not in steps_for(case.stage, by, side=case.side_of(by), urgency=case.urgency):
        raise DraftLocked
    if await minutes_of(session, case) is not None:
        raise DraftLocked
    await session.get_one(Consultation, case.id, with_for_update=True)
    last, updates = await draft_since(session, case, 0)
    drafts.check(update, updates, drafts.field_names(question.id for question in case.questions))
    if len(updates) >= FOLD_AT:
        await _fold(session, case, last, updates)
    seq = last + 1
    session.add(DraftUpdate(consultation_id=case.id, seq=seq, update=update, by_id=by.person_id))
    await session.flush()
    await ring_rooms(session, case, seq)
    return seq


async def ring_rooms(session: AsyncSession, case: Consultation, seq: int | None = None) -> None:
    """Tell the open rooms that draft or key images changed, with the draft's last number."""
    if seq is None:
        seq, _ = await draft_since(session, case, 0)
    for room in await rooms_of(session, case):
        ring(session, f"minutes:{room}", seq=seq)


async def _fold(session: AsyncSession, case: Consultation, last: int, updates: Sequence[bytes]) -> None:
    """Put one row in place of many, under the last number: who asks since an earlier one gets all of it."""
    of_case = DraftUpdate.consultation_id == case.id
    await session.execute(delete(DraftUpdate).where(of_case, DraftUpdate.seq < last))
    row = await session.get_one(DraftUpdate, (case.id, last))
    row.update = drafts.compact(updates)


async def rooms_of(session: AsyncSession, case: Consultation) -> list[str]:
    """The rooms that are open now."""
    found = await session.scalars(
        select(LiveSession.public_id).where(
            LiveSession.consultation_id == case.id,
            LiveSession.begun_at.is_not(None),
            LiveSession.ended_at.is_(None),
        )
    )
    return list(found)


async def minutes_of(session: AsyncSession, case: Consultation, *, lock: bool = False) -> Minutes | None:
    query = select(Minutes).where(Minutes.consultation_id == case.id)
    found: Minutes | None = await session.scalar(query.with_for_update() if lock else query)
    return found


async def key_images(session: AsyncSession, case: Consultation) -> list[KeyImage]:
    found = await session.scalars(
        select(KeyImage)
        .where(KeyImage.consultation_id == case.id, KeyImage.removed_at.is_(None))
        .order_by(KeyImage.id)
    )
    return list(found)


async def key_image(session: AsyncSession, case: Consultation, image_id: int) -> KeyImage:
    found = await session.scalar(
        select(KeyImage).where(KeyImage.id == image_id, KeyImage.consultation_id == case.id)
    )
    if found is None:
        raise NotFound
    return found


# --- what is signed ------------------------------------------------------------------------------


async def compose(session: AsyncSession, case: Consultation) -> tuple[forms.MinutesForm, forms.Annex]:
    """Form and annex: the signed ones where there are signatures, else as the facts stand now."""
    images = await key_images(session, case)
    minutes = await minutes_of(session, case)
    if minutes is not None:
        pictures = {hashlib.sha256(image.picture).hexdigest(): image.picture for image in images}
        form, annex = forms.restore(minutes.content, pictures)
        return form, dataclasses.replace(
            annex,
            signatures=await _signatures(session, case, minutes),
            addenda=await _addenda(session, case),
        )
    return await _as_it_stands(session, case, images)


async def _as_it_stands(
    session: AsyncSession, case: Consultation, images: Sequence[KeyImage]
) -> tuple[forms.MinutesForm, forms.Annex]:
    _, updates = await draft_since(session, case, 0)
    text = drafts.apply(updates)
    sessions = await _held(session, case)
    events = await _room_events(session, [booked.public_id for booked in sessions])
    secretary = await _member(session, case.requested_by_id, case.hospital_id)
    chair = (
        await _member(session, sessions[-1].specialist_id, sessions[-1].hospital_id)
        if sessions
        else forms.Member()
    )
    held_at = min((booked.begun_at or booked.starts_at for booked in sessions), default=None)
    stays, gaps = presence(events)
    form = forms.MinutesForm(
        authority=case.hospital.parent_name,
        facility=case.hospital.name,
        department=case.department,
        admission_number=case.admission_number,
        patient_name=capitals(case.patient_name),
        age=str(case.birth.age(today())) if case.birth else "",
        sex=SEX_WORDS[case.sex],
        treated_from=case.admitted_on,
        treated_to=case.treated_until or (held_at.astimezone(HERE).date() if held_at else None),
        bed=case.bed,
        room=case.room,
        ward=case.department,
        diagnosis=_diagnosis(case),
        held_at=held_at,
        chair=chair,
        secretary=secretary,
        members=_members(events, secretary, chair),
        course=text.text(drafts.COURSE) or _course(case),
        conclusion=text.text(drafts.CONCLUSION),
        next_treatment=text.text(drafts.NEXT_TREATMENT),
        written_on=today(),
    )
    annex = forms.Annex(
        consultation=case.code,
        sites=stays,
        questions=tuple(
            forms.Question(
                question.number,
                question.text,
                text.answer(question.id),
                text.reason(question.id),
            )
            for question in case.questions
        ),
        gaps=gaps,
        informed=forms.Informed(case.informed_by, case.informed_at, INFORMED_HOW[case.informed_how])
        if case.informed_at and case.informed_how
        else None,
        contract=case.contract,
        contract_reason=case.contract_reason,
        key_images=tuple(_image(image) for image in images),
    )
    return form, annex


def _diagnosis(case: Consultation) -> str:
    return f"{case.diagnosis} ({case.icd10})" if case.icd10 else case.diagnosis


def _course(case: Consultation) -> str:
    """Until somebody writes it anew in the draft: what the request said."""
    return "\n".join(part for part in (case.summary, case.course, case.treatment) if part.strip())


def _image(image: KeyImage) -> forms.KeyImage:
    center, width = image.voi[:2]
    return forms.KeyImage(
        caption=image.caption,
        study=image.study,
        study_uid=image.study_uid,
        sop_uid=image.sop_uid,
        frame=image.frame,
        series=image.series,
        image=image.image,
        window=f"W {width:.0f} · L {center:.0f}" if width else "",
        picture=image.picture,
    )


async def _member(session: AsyncSession, person_id: int, hospital_id: int) -> forms.Member:
    person = await session.get_one(Person, person_id)
    hospital = await session.get_one(Hospital, hospital_id)
    return forms.Member(name=person.name, title=person.title, unit=hospital.name)


def _members(
    events: Iterable[RoomEvent], secretary: forms.Member, chair: forms.Member
) -> tuple[forms.Member, ...]:
    """Everyone who was in a room, each once, secretary and chair too."""
    found = {(member.name, member.unit): member for member in (chair, secretary) if member.name}
    names = {(member.name) for member in (chair, secretary)}
    for event in events:
        if event.type == "joined":
            person = event.data["person"]
            member = forms.Member(person["name"], person.get("title", ""), person.get("hospital", ""))
            if member.name not in names:
                found.setdefault((member.name, member.unit), member)
    return tuple(found.values())


def presence(events: Iterable[RoomEvent]) -> tuple[tuple[forms.SiteStay, ...], tuple[forms.Gap, ...]]:
    """Who was there from when to when, and the times without connection, out of the rooms' journals."""
    stays: list[forms.SiteStay] = []
    gaps: list[forms.Gap] = []
    here: dict[str, tuple[str, str, dt.datetime]] = {}
    away: dict[str, dt.datetime] = {}
    for event in events:
        peer = str(event.data.get("peer", ""))
        if event.type == "joined":
            person = event.data["person"]
            name = f"{person.get('title', '')} {person['name']}".strip()
            here[peer] = (str(event.data["site"]), name, event.at)
        elif event.type == "away" and peer in here:
            away.setdefault(peer, event.at)
        elif event.type == "back" and peer in away:
            gaps.append(forms.Gap(here[peer][0], away.pop(peer), event.at))
        elif event.type == "left" and peer in here:
            site, name, since = here.pop(peer)
            left_at = away.pop(peer, event.at)
            if left_at is not event.at:
                gaps.append(forms.Gap(site, left_at))
            stays.append(forms.SiteStay(site, name, since, left_at))
        elif event.type == "session-ended":
            stays += [forms.SiteStay(site, name, since, event.at) for site, name, since in here.values()]
            here.clear()
            away.clear()
    stays += [forms.SiteStay(site, name, since) for site, name, since in here.values()]
    return tuple(sorted(stays, key=lambda stay: stay.joined_at)), tuple(gaps)


async def _held(session: AsyncSession, case: Consultation) -> list[LiveSession]:
    found = await session.scalars(
        select(LiveSession)
        .where(LiveSession.consultation_id == case.id, LiveSession.cancelled_at.is_(None))
        .options(selectinload(LiveSession.specialist))
        .order_by(LiveSession.starts_at)
    )
    rows = list(found)
    return [booked for booked in rows if booked.begun_at or booked.kind == "written"] or rows


async def _room_events(session: AsyncSession, rooms: Sequence[str]) -> list[RoomEvent]:
    found = await session.scalars(
        select(RoomEvent).where(RoomEvent.room.in_(rooms)).order_by(RoomEvent.at, RoomEvent.seq)
    )
    return list(found)


def lacking(form: forms.MinutesForm, annex: forms.Annex) -> list[str]:
    """What stops the signing, in words."""
    found = [
        f"kết luận hoặc lý do cho câu hỏi {question.number}"
        for question in annex.questions
        if not question.conclusion.strip() and not question.reason.strip()
    ]
    if not form.conclusion.strip():
        found.append("kết luận chung")
    if not form.next_treatment.strip():
        found.append("hướng điều trị tiếp")
    return found


# --- signing -------------------------------------------------------------------------------------


async def role_of(session: AsyncSession, case: Consultation, by: Principal) -> forms.Role | None:
    """Which signature is this person's: the form names them, so nobody signs in their place."""
    if by.person_id == case.requested_by_id and by.hospital_id == case.hospital_id:
        return "secretary"
    held = await _held(session, case)
    is_chair = bool(held) and (by.person_id, by.hospital_id) == (held[-1].specialist_id, held[-1].hospital_id)
    return "chair" if is_chair else None


async def sign(
    session: AsyncSession, case: Consultation, by: Principal, *, role: forms.Role, digest: str
) -> Minutes:
    """Put one signature under the text that the signer saw. The password was asked for before.

    Raises NotASigner, NotConcluded, TextChanged, AlreadySigned, WrongStage.
    """
    if role != await role_of(session, case, by):
        raise NotASigner
    await session.get_one(Consultation, case.id, with_for_update=True, populate_existing=False)
    minutes = await minutes_of(session, case, lock=True)
    if minutes is None:
        form, annex = await compose(session, case)
        if missing := lacking(form, annex):
            raise NotConcluded(what=", ".join(missing))
        if digest != forms.digest(form, annex):
            raise TextChanged
        minutes = Minutes(consultation_id=case.id, content=forms.canonical(form, annex), digest=digest)
        session.add(minutes)
    elif digest != minutes.digest:
        raise TextChanged
    if getattr(minutes, f"{role}_id") is not None:
        raise AlreadySigned
    setattr(minutes, f"{role}_id", by.person_id)
    setattr(minutes, f"{role}_at", now())
    await _go_on(session, case, minutes, by)
    return minutes


async def _go_on(session: AsyncSession, case: Consultation, minutes: Minutes, by: Principal) -> None:
    others = {case.requested_by_id, *(row.specialist_id for row in await _held(session, case))}
    if minutes.secretary_id and minutes.chair_id:
        minutes.signed_at = now()
        await take(session, case, Step.COMPLETE, by)
        await tell(session, others - {by.person_id}, case.id, "signed")
    else:
        await take(session, case, Step.SIGN, by)
        await tell(session, others - {by.person_id}, case.id, "signed-one")


async def give_back(session: AsyncSession, case: Consultation, by: Principal) -> None:
    """Take the only signature off again, so that the draft can be mended; both sides may ask for it."""
    minutes = await minutes_of(session, case, lock=True)
    if (
        minutes is None
        or minutes.signed_at is not None
        or case.stage not in {Stage.MINUTES_OPEN, Stage.ANSWERED}
    ):
        raise DraftLocked
    if await role_of(session, case, by) is None:
        raise NotASigner
    await session.delete(minutes)
    await audit(session, "give-back", f"consultation:{case.public_id}", by=by)


async def add(session: AsyncSession, case: Consultation, by: Principal, text: str) -> Addendum:
    """An addendum to signed minutes: the signed text stays as it is."""
    if not text.strip():
        raise Invalid({"text": later("Hãy viết nội dung phụ lục.")})
    if await role_of(session, case, by) is None:
        raise NotASigner
    await take(session, case, Step.ADD, by)
    minutes = await minutes_of(session, case, lock=True)
    assert minutes is not None
    count = await session.scalar(
        select(func.count()).select_from(Addendum).where(Addendum.consultation_id == case.id)
    )
    clean = forms.clean(text.strip())
    number = (count or 0) + 1
    digest = hashlib.sha256(f"{minutes.digest}\n{number}\n{clean}".encode()).hexdigest()
    row = Addendum(consultation_id=case.id, number=number, text=clean, by_id=by.person_id, digest=digest)
    session.add(row)
    others = {case.requested_by_id, minutes.chair_id, minutes.secretary_id} - {None, by.person_id}
    await tell(session, {person for person in others if person}, case.id, "addendum")
    return row


async def answer(session: AsyncSession, case: Consultation, by: Principal) -> None:
    """The specialist answers in writing, without a call: the same draft, the same minutes."""
    booked = next((row for row in await _held(session, case) if row.kind == "written"), None)
    if booked is None or booked.specialist_id != by.person_id:
        raise NotASigner
    await take(session, case, Step.ANSWER, by)
    await open_draft(session, case, by)
    booked.begun_at = booked.ended_at = now()
    await tell(session, {case.requested_by_id}, case.id, "answered")


async def _signatures(
    session: AsyncSession, case: Consultation, minutes: Minutes
) -> tuple[forms.Signature, ...]:
    found: list[forms.Signature] = []
    sides: tuple[tuple[forms.Role, int | None, dt.datetime | None, int | None], ...] = (
        ("secretary", minutes.secretary_id, minutes.secretary_at, case.hospital_id),
        ("chair", minutes.chair_id, minutes.chair_at, case.target_hospital_id),
    )
    for role, person_id, at, hospital_id in sides:
        if person_id and at and hospital_id:
            who = await _member(session, person_id, hospital_id)
            found.append(forms.Signature(role, who.name, who.title, who.unit, at, HOW_SIGNED, minutes.digest))
    return tuple(found)


async def addenda_of(session: AsyncSession, case: Consultation) -> list[Addendum]:
    found = await session.scalars(
        select(Addendum).where(Addendum.consultation_id == case.id).order_by(Addendum.number)
    )
    return list(found)


async def _addenda(session: AsyncSession, case: Consultation) -> tuple[forms.Addendum, ...]:
    found = []
    for row in await addenda_of(session, case):
        person = await session.get_one(Person, row.by_id)
        unit = await _unit(session, case, row.by_id)
        found.append(
            forms.Addendum(
                row.number, row.text, person.name, person.title, unit, row.at, HOW_SIGNED, row.digest
            )
        )
    return tuple(found)


async def _unit(session: AsyncSession, case: Consultation, person_id: int) -> str:
    table, hospitals = Membership.__table__, Hospital.__table__
    found = await session.scalar(
        select(hospitals.c.name)
        .join(table, table.c.hospital_id == hospitals.c.id)
        .where(table.c.person_id == person_id)
        .where(table.c.hospital_id.in_((case.hospital_id, case.target_hospital_id)))
    )
    return str(found or "")
