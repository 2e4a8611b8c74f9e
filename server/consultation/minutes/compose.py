"""Form and annex: put together from the facts until somebody signs, read back from the signed text after."""

import dataclasses
import datetime as dt
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation.form import form as forms
from server.consultation.minutes import document
from server.consultation.minutes.addenda import addenda_of
from server.consultation.minutes.draft import course_of, updates_since
from server.consultation.minutes.key_images import key_images
from server.consultation.minutes.presence import members, stays_and_gaps
from server.consultation.minutes.record import held_sessions, minutes_of
from server.consultation.minutes.seals import NotAsSigned, must_be_as_signed
from server.consultation.model import Consultation, KeyImage, Minutes, RoomEvent
from server.consultation.request import INFORMED_HOW
from server.people.model import Hospital, Membership, Person
from server.people.names import capitals
from server.platform.db import HERE, today
from server.platform.errors import later

HOW_SIGNED = later("ký điện tử trong hoichan, nhập lại mật khẩu")
SEX_WORDS = {1: "Nam", 2: "Nữ", 3: ""}  # as the form has them


async def compose(session: AsyncSession, case: Consultation) -> tuple[forms.MinutesForm, forms.Annex]:
    """The signed ones where there are signatures, else as the facts stand now. Raises NotAsSigned."""
    images = await key_images(session, case)
    minutes = await minutes_of(session, case)
    if minutes is None:
        return await _as_it_stands(session, case, images)
    await must_be_as_signed(session, case, minutes, await addenda_of(session, case))
    try:
        form, annex = forms.restore(
            minutes.content, {forms.picture_digest(image.picture): image.picture for image in images}
        )
    except KeyError as gone:  # a picture
        raise NotAsSigned from gone
    return form, dataclasses.replace(
        annex,
        signatures=await _signatures(session, case, minutes),
        addenda=await _addenda(session, case),
    )


async def _as_it_stands(
    session: AsyncSession, case: Consultation, images: Sequence[KeyImage]
) -> tuple[forms.MinutesForm, forms.Annex]:
    _, updates = await updates_since(session, case, 0)
    text = document.apply(updates)
    sessions = await held_sessions(session, case)
    events = await _room_events(session, [booked.public_id for booked in sessions])
    secretary = await _member(session, case.requested_by_id, case.hospital_id)
    chair = (
        await _member(session, sessions[-1].specialist_id, sessions[-1].hospital_id)
        if sessions
        else forms.Member()
    )
    named = {sessions[-1].specialist_id: chair} if sessions else {}
    named[case.requested_by_id] = secretary
    held_at = min((booked.begun_at or booked.starts_at for booked in sessions), default=None)
    stays, gaps = stays_and_gaps(events)
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
        diagnosis=f"{case.diagnosis} ({case.icd10})" if case.icd10 else case.diagnosis,
        held_at=held_at,
        chair=chair,
        secretary=secretary,
        members=members(events, named),
        course=text.text(document.COURSE) or course_of(case),
        conclusion=text.text(document.CONCLUSION),
        next_treatment=text.text(document.NEXT_TREATMENT),
        written_on=today(),
    )
    annex = forms.Annex(
        consultation=case.code,
        sites=stays,
        questions=tuple(
            forms.Question(question.number, question.text, text.answer(question.id), text.reason(question.id))
            for question in case.questions
        ),
        gaps=gaps,
        informed=_informed(case),
        contract=case.contract,
        contract_reason=case.contract_reason,
        key_images=tuple(_image(image) for image in images),
    )
    return form, annex


def _informed(case: Consultation) -> forms.Informed | None:
    if not (case.informed_at and case.informed_how):
        return None
    return forms.Informed(case.informed_by, case.informed_at, INFORMED_HOW[case.informed_how])


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


async def _room_events(session: AsyncSession, rooms: Sequence[str]) -> list[RoomEvent]:
    """In the order of the rooms, then as each room numbered them."""
    found = await session.scalars(
        select(RoomEvent).where(RoomEvent.room.in_(rooms)).order_by(RoomEvent.room, RoomEvent.seq)
    )
    return sorted(found, key=lambda event: rooms.index(event.room))


async def _signatures(
    session: AsyncSession, case: Consultation, minutes: Minutes
) -> tuple[forms.Signature, ...]:
    found: list[forms.Signature] = []
    if minutes.secretary_id and minutes.secretary_at:
        who = await _member(session, minutes.secretary_id, case.hospital_id)
        found.append(_signature("secretary", who, minutes.secretary_at, minutes))
    if minutes.chair_id and minutes.chair_at and case.target_hospital_id:
        who = await _member(session, minutes.chair_id, case.target_hospital_id)
        found.append(_signature("chair", who, minutes.chair_at, minutes))
    return tuple(found)


def _signature(role: forms.Role, who: forms.Member, at: dt.datetime, minutes: Minutes) -> forms.Signature:
    return forms.Signature(role, who.name, who.title, who.unit, at, HOW_SIGNED, minutes.digest)


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
