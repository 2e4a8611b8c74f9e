"""Who works where: an administrator adds people, changes roles, lets leavers go; the host adds hospitals."""

import re

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.people import sign_in
from server.people.model import Hospital, Membership, Person, SignIn
from server.people.names import BadName, clean_name, fold, split_title
from server.platform.db import now
from server.platform.errors import Invalid, Refusal, later
from server.platform.events import audit
from server.platform.policy import Principal, Role

LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{2,39}")
CODE = re.compile(r"[0-9A-Z]{5}")
TIERS = ("district", "provincial", "central", "private", "department")
LEVELS = ("initial", "basic", "specialised", "none")
# Whom a hospital may have: only a health department oversees, and it never sees patients.
ROLES_OF = {
    tier: frozenset({Role.OVERSIGHT, Role.ADMINISTRATOR})
    if tier == "department"
    else frozenset(Role) - {Role.OVERSIGHT}
    for tier in TIERS
}


class OtherHospitalGives(Refusal):
    code = "other-hospital-gives"
    status = 403
    sentence = later(
        "Người này làm ở bệnh viện khác trước. Hãy nhờ quản trị của bệnh viện đó cấp lại mật khẩu."
    )


class LastAdministrator(Refusal):
    code = "last-administrator"
    sentence = later("Đây là quản trị cuối cùng của bệnh viện. Hãy thêm một quản trị khác trước.")


async def members(session: AsyncSession, by: Principal) -> list[tuple[Membership, Person]]:
    """Everyone of the hospital, leavers last."""
    rows = await session.execute(
        select(Membership, Person)
        .join(Person, Person.id == Membership.person_id)
        .where(Membership.hospital_id == by.hospital_id)
        .order_by(Membership.left_at.is_not(None), Person.name_key)
    )
    return [(membership, person) for membership, person in rows]


async def hospitals(session: AsyncSession) -> list[Hospital]:
    return list(await session.scalars(select(Hospital).order_by(Hospital.tier.desc(), Hospital.name)))


async def own_sign_ins(session: AsyncSession, by: Principal) -> list[SignIn]:
    found = await session.scalars(
        select(SignIn)
        .where(SignIn.person_id == by.person_id, SignIn.ended_at.is_(None), SignIn.expires_at > now())
        .order_by(SignIn.seen_at.desc())
    )
    return list(found)


async def own_places(session: AsyncSession, by: Principal) -> list[tuple[Membership, Hospital]]:
    rows = await session.execute(
        select(Membership, Hospital)
        .join(Hospital, Hospital.id == Membership.hospital_id)
        .where(Membership.person_id == by.person_id, Membership.left_at.is_(None))
        .order_by(Membership.id)
    )
    return [(membership, hospital) for membership, hospital in rows]


async def add_person(
    session: AsyncSession,
    by: Principal,
    *,
    name: str,
    login: str,
    roles: frozenset[Role],
    department: str = "",
    specialty: str = "",
    licence: str = "",
) -> tuple[Person, str]:
    """The person and, for somebody new, the word of a one-time link ("" for one who already signs in)."""
    hospital = await session.get_one(Hospital, by.hospital_id)
    return await place_person(
        session,
        hospital,
        by=by,
        name=name,
        login=login,
        roles=roles,
        department=department,
        specialty=specialty,
        licence=licence,
    )


async def place_person(
    session: AsyncSession,
    hospital: Hospital,
    *,
    by: Principal | None,
    name: str,
    login: str,
    roles: frozenset[Role],
    department: str = "",
    specialty: str = "",
    licence: str = "",
) -> tuple[Person, str]:
    title, bare = split_title(name)
    wrong = _wrong_fields(hospital, bare, login, roles)
    person = await sign_in.find_person(session, login)
    if person is not None and not wrong:
        if await session.scalar(
            select(Membership.id).where(
                Membership.person_id == person.id, Membership.hospital_id == hospital.id
            )
        ):
            wrong["login"] = later("Người này đã có trong danh sách. Hãy sửa vai trò ở dòng của họ.")
        elif fold(person.name) != fold(bare):
            wrong["login"] = later("Tên đăng nhập này đã thuộc về người khác. Hãy chọn tên khác.")
    if wrong:
        raise Invalid(wrong)
    word = ""
    if person is None:
        person = Person(login=login, name=clean_name(bare), name_key=fold(bare), title=title, licence=licence)
        session.add(person)
        await session.flush()
        word = await sign_in.make_link(session, person.id)
    membership = Membership(
        person_id=person.id,
        hospital_id=hospital.id,
        role_words=words(roles),
        department=department,
        specialty=specialty,
    )
    session.add(membership)
    await session.flush()
    await audit(
        session,
        "add-person",
        f"person:{person.id}",
        by=by,
        hospital_id=hospital.id,
        roles=membership.role_words,
    )
    return person, word


def words(roles: frozenset[Role]) -> str:
    return " ".join(sorted(roles))


def _wrong_fields(hospital: Hospital, name: str, login: str, roles: frozenset[Role]) -> dict[str, str]:
    wrong: dict[str, str] = {}
    try:
        clean_name(name)
    except BadName as refusal:
        wrong["name"] = refusal.sentence
    if not LOGIN.fullmatch(login):
        wrong["login"] = later("Tên đăng nhập gồm 3 đến 40 chữ thường không dấu, số, dấu chấm hoặc gạch.")
    if not roles or not roles <= ROLES_OF[hospital.tier]:
        wrong["roles"] = later("Hãy chọn ít nhất một vai trò hợp với đơn vị này.")
    return wrong


async def change_member(
    session: AsyncSession,
    member: Membership,
    by: Principal,
    *,
    roles: frozenset[Role],
    department: str,
    specialty: str,
) -> None:
    hospital = await session.get_one(Hospital, member.hospital_id)
    if not roles or not roles <= ROLES_OF[hospital.tier]:
        raise Invalid({"roles": later("Hãy chọn ít nhất một vai trò hợp với đơn vị này.")})
    if Role.ADMINISTRATOR in member.roles and Role.ADMINISTRATOR not in roles:
        await _must_leave_an_administrator(session, member)
    member.role_words, member.department, member.specialty = words(roles), department, specialty
    await audit(session, "change-person", f"membership:{member.id}", by=by, roles=member.role_words)


async def leave(session: AsyncSession, member: Membership, by: Principal) -> None:
    """The person works here no more: out at once, the name stays in old minutes."""
    if Role.ADMINISTRATOR in member.roles:
        await _must_leave_an_administrator(session, member)
    member.left_at = member.left_at or now()
    await sign_in.end_place(session, member.id)
    await sign_in.end_links(session, member.person_id)  # one that this hospital gave opens nothing any more
    await audit(session, "leave", f"membership:{member.id}", by=by)


async def come_back(session: AsyncSession, member: Membership, by: Principal) -> None:
    """The place counts from today: others may have become the older one. Who never left is left alone."""
    if member.left_at is None:
        return
    member.since, member.left_at = now(), None
    await audit(session, "return", f"membership:{member.id}", by=by)


async def password_link(session: AsyncSession, member: Membership, by: Principal) -> tuple[str, str]:
    """A login and the word of a new one-time link; what was signed in stays until the password changes.

    One password opens every place of a person, so the place that they have had longest gives it.
    Raises OtherHospitalGives.
    """
    table = Membership.__table__  # their places elsewhere are beyond the administrator's scope
    first = await session.scalar(
        select(table.c.hospital_id)
        .where(table.c.person_id == member.person_id, table.c.left_at.is_(None))
        .order_by(table.c.since, table.c.id)
        .limit(1)
    )
    if first not in {None, by.hospital_id}:
        raise OtherHospitalGives
    person = await session.get_one(Person, member.person_id)
    await audit(session, "password-link", f"person:{person.id}", by=by)
    return person.login, await sign_in.make_link(session, person.id)


async def _must_leave_an_administrator(session: AsyncSession, member: Membership) -> None:
    others = await session.scalars(
        select(Membership).where(
            Membership.hospital_id == member.hospital_id,
            Membership.left_at.is_(None),
            Membership.id != member.id,
        )
    )
    if not any(Role.ADMINISTRATOR in other.roles for other in others):
        raise LastAdministrator


async def add_hospital(
    session: AsyncSession,
    by: Principal | None,
    *,
    code: str,
    name: str,
    short_name: str,
    parent_name: str,
    tier: str,
    technical_level: str,
    administrator_name: str,
    administrator_login: str,
    is_host: bool = False,
) -> tuple[str, str]:
    """A new hospital with its first administrator; returns the login and the word of the one-time link."""
    wrong: dict[str, str] = {}
    if not CODE.fullmatch(code):
        wrong["code"] = later("Mã cơ sở khám chữa bệnh gồm 5 ký tự, giữ số 0 ở đầu, ví dụ 44012.")
    elif await session.scalar(select(Hospital.id).where(Hospital.code == code)):
        wrong["code"] = later("Mã này đã có trong danh sách.")
    for field, value in (("name", name), ("short_name", short_name)):
        if not value:
            wrong[field] = later("Chưa điền mục này.")
    if tier not in TIERS:
        wrong["tier"] = later("Hãy chọn một trong các giá trị có sẵn.")
    if wrong:
        raise Invalid(wrong)
    hospital = Hospital(
        code=code,
        name=name,
        short_name=short_name,
        parent_name=parent_name,
        tier=tier,
        technical_level=technical_level if technical_level in LEVELS else "none",
        is_host=is_host,
    )
    session.add(hospital)
    await session.flush()
    try:
        person, word = await place_person(
            session,
            hospital,
            by=by,
            name=administrator_name,
            login=administrator_login,
            roles=frozenset({Role.ADMINISTRATOR}),
        )
    except Invalid as refusal:
        raise Invalid({f"administrator_{field}": text for field, text in refusal.fields.items()}) from refusal
    await audit(session, "add-hospital", f"hospital:{hospital.id}", by=by, hospital_id=hospital.id)
    return person.login, word
