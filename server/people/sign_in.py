"""Sign in, stay signed in, sign out: server-side sessions, argon2id, guesses limited per browser and address."""

import asyncio
import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

import argon2
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server.people.model import Hospital, KnownBrowser, Link, Membership, Person, SignIn, Token
from server.platform import keys
from server.platform.db import insert_once, now
from server.platform.errors import Refusal, TooMany, later
from server.platform.events import audit, ring
from server.platform.policy import Principal
from server.platform.settings import Settings

SEEN_EVERY = dt.timedelta(minutes=1)
LINK_LASTS = dt.timedelta(hours=24)
TOKEN_LASTS = dt.timedelta(days=90)
PASSWORD_LENGTH = 12  # as the page says
ENDED = "sign-ins"  # rung when one has ended: open rooms look who must rise
# A stranger has few tries at one account; a browser in which the owner once signed in has its own count.
STRANGER: RateLimitItem = RateLimitItemPerHour(20)
FAMILIAR: RateLimitItem = RateLimitItemPerMinute(10)
ADDRESS: RateLimitItem = RateLimitItemPerMinute(300)  # a hospital may come from one address


class WrongPassword(Refusal):
    """Unknown login, wrong password, suspended or no place left: one answer for all."""

    code = "wrong-password"
    status = 422
    sentence = later(
        "Tên đăng nhập hoặc mật khẩu không đúng. Kiểm tra phím Caps Lock, hoặc nhờ quản trị cấp lại."
    )


class WrongSignature(Refusal):
    """The password asked for again at signing is not right."""

    code = "wrong-password"
    status = 422
    sentence = later("Mật khẩu không đúng nên chưa ký. Hãy gõ lại mật khẩu đăng nhập.")


class WeakPassword(Refusal):
    code = "weak-password"
    status = 422
    sentence = later("Mật khẩu cần ít nhất {length} ký tự và không được là tên đăng nhập.")


class PasswordsDiffer(Refusal):
    code = "passwords-differ"
    status = 422
    sentence = later("Hai lần gõ mật khẩu không giống nhau. Hãy gõ lại.")


class LinkUsed(Refusal):
    code = "link-used"
    status = 410
    sentence = later("Đường dẫn này đã dùng hoặc hết hạn. Hãy nhờ quản trị cấp đường dẫn mới.")


@cache
def hasher() -> argon2.PasswordHasher:
    return argon2.PasswordHasher()


@cache
def dummy_hash() -> str:
    """Checked when the login is unknown, so that the answer takes as long."""
    return hasher().hash(keys.token())


class Passwords:
    """argon2id in threads, two at a time: 64 MiB each, and the event loop goes on.

    Those who are signed in have a gate of their own: no stranger's guesses make a signature wait.
    """

    def __init__(self) -> None:
        self._gate, self._familiar_gate = asyncio.Semaphore(2), asyncio.Semaphore(2)

    async def hash(self, password: str) -> str:
        async with self._gate:
            return await asyncio.to_thread(hasher().hash, password)

    async def is_right(self, password: str, known: str | None, *, familiar: bool = False) -> bool:
        async with self._familiar_gate if familiar else self._gate:
            try:
                await asyncio.to_thread(hasher().verify, known or dummy_hash(), password)
            except argon2.exceptions.VerifyMismatchError:
                return False
            return known is not None


class Guesses:
    """How many wrong passwords one may try."""

    def __init__(self, redis_url: str = "") -> None:
        storage = RedisStorage(f"async+{redis_url}") if redis_url else MemoryStorage()
        self._window = MovingWindowRateLimiter(storage)

    async def take(self, login: str, address: str, familiar: bool) -> None:
        """Count one try before the password is looked at, so that many at once are counted too."""
        for limit, name in ((_limit(familiar), _who(login, familiar)), (ADDRESS, address)):
            if not await self._window.hit(limit, keys.hashed(name)):
                raise TooMany(seconds=3600 if limit is STRANGER else 60)

    async def forgive(self, login: str, familiar: bool) -> None:
        """The password was right: the tries before it were the owner's."""
        await self._window.clear(_limit(familiar), keys.hashed(_who(login, familiar)))


def _limit(familiar: bool) -> RateLimitItem:
    return FAMILIAR if familiar else STRANGER


def _who(login: str, familiar: bool) -> str:
    return f"{login}:familiar" if familiar else login


@dataclass(frozen=True)
class Refused:
    """A sign-in that failed, as the audit keeps it."""

    hospital_id: int
    who: str  # "person:12", "nobody"
    address: str
    reason: str  # code of the refusal


OTHERS_REFUSED = Refused(0, "many", "", "")


async def tell_refused(session: AsyncSession, one: Refused, times: int) -> None:
    await audit(
        session,
        "sign-in-refused",
        one.who,
        by=None,
        hospital_id=one.hospital_id,
        address=one.address,
        reason=one.reason,
        times=times,
    )


@dataclass(frozen=True)
class Entered:
    """What the browser gets to keep."""

    cookie: str
    browser: str  # the familiar-browser cookie
    person_id: int


async def is_familiar(session: AsyncSession, login: str, browser: str | None) -> bool:
    if not browser:
        return False
    found = await session.scalar(
        select(KnownBrowser.person_id)
        .join(Person, Person.id == KnownBrowser.person_id)
        .where(KnownBrowser.token_hash == keys.hashed(browser), Person.login == login)
    )
    return found is not None


async def find_person(session: AsyncSession, login: str) -> Person | None:
    return await session.scalar(select(Person).where(Person.login == login.strip().lower()))


async def places(session: AsyncSession, person_id: int) -> list[Membership]:
    """The hospitals where this person works now, the earliest first."""
    found = await session.scalars(
        select(Membership)
        .join(Hospital, Hospital.id == Membership.hospital_id)
        .where(Membership.person_id == person_id, Membership.left_at.is_(None), Hospital.closed_at.is_(None))
        .order_by(Membership.since, Membership.id)
    )
    return list(found)


async def enter(
    session: AsyncSession, person: Person, settings: Settings, *, browser_name: str, browser: str | None
) -> Entered:
    """Begin a new sign-in: a new cookie each time, so that an old one cannot be fixed upon anyone."""
    working = await places(session, person.id)
    if not working:
        raise WrongPassword
    cookie = keys.token()
    row = SignIn(
        token_hash=keys.hashed(cookie),
        person_id=person.id,
        membership_id=working[0].id,
        browser=browser_name,
        expires_at=now() + dt.timedelta(hours=settings.session_hours),
    )
    session.add(row)
    known = await _know(session, person, browser)
    await audit(
        session,
        "sign-in",
        f"person:{person.id}",
        by=None,
        hospital_id=working[0].hospital_id,
        person=person.id,
    )
    return Entered(cookie, known, person.id)


async def _know(session: AsyncSession, person: Person, browser: str | None) -> str:
    """The word of this browser, now this person's too; a new one where it brings none that we gave."""
    knows = select(KnownBrowser.person_id).where(KnownBrowser.token_hash == keys.hashed(browser or ""))
    known_to = set(await session.scalars(knows))
    word = browser if browser and known_to else keys.token()
    if person.id not in known_to:
        row = {"token_hash": keys.hashed(word), "person_id": person.id}
        await session.execute(insert_once(session, KnownBrowser).values(row))
    return word


async def principal_of_cookie(session: AsyncSession, cookie: str, settings: Settings) -> Principal | None:
    """Who this cookie stands for, or None when it is unknown, idle too long, expired or ended."""
    row = await session.scalar(select(SignIn).where(SignIn.token_hash == keys.hashed(cookie)))
    at = now()
    if row is None or row.ended_at or row.expires_at <= at:
        return None
    if row.seen_at + dt.timedelta(minutes=settings.session_idle_minutes) <= at:
        return None
    return await principal_of(session, row.membership_id, f"s{row.id}", settings)


async def principal_of_token(session: AsyncSession, token: str, settings: Settings) -> Principal | None:
    row = await session.scalar(select(Token).where(Token.token_hash == keys.hashed(token)))
    if row is None or row.ended_at or row.expires_at <= now():
        return None
    return await principal_of(session, row.membership_id, f"t{row.id}", settings)


async def principal_of(
    session: AsyncSession, membership_id: int, sign_in: str, settings: Settings
) -> Principal | None:
    found = (
        await session.execute(
            select(Membership, Person, Hospital)
            .join(Person, Person.id == Membership.person_id)
            .join(Hospital, Hospital.id == Membership.hospital_id)
            .where(Membership.id == membership_id)
        )
    ).one_or_none()
    if found is None:
        return None
    membership, person, hospital = found
    if membership.left_at or person.suspended_at or hospital.closed_at:
        return None
    return in_place(membership, person, hospital, sign_in, is_demo=settings.demo)


def in_place(
    membership: Membership, person: Person, hospital: Hospital, sign_in: str, *, is_demo: bool = False
) -> Principal:
    """A person as they act in one of their hospitals."""
    return Principal(
        person_id=person.id,
        membership_id=membership.id,
        hospital_id=hospital.id,
        roles=membership.roles,
        name=person.name,
        title=person.title,
        hospital=hospital.short_name,
        login=person.login,
        sign_in=sign_in,
        is_host=hospital.is_host,
        is_demo=is_demo,
    )


async def ended(session: AsyncSession, sign_ins: Collection[str]) -> frozenset[str]:
    """Which of these ("s12") open nothing any more. Being idle does not count: in a room one talks."""
    numbers = [int(word[1:]) for word in sign_ins if word.startswith("s")]
    living = await session.scalars(
        select(SignIn.id)
        .join(Membership, Membership.id == SignIn.membership_id)
        .join(Person, Person.id == SignIn.person_id)
        .join(Hospital, Hospital.id == Membership.hospital_id)
        .where(SignIn.id.in_(numbers), SignIn.ended_at.is_(None), SignIn.expires_at > now())
        .where(Membership.left_at.is_(None), Person.suspended_at.is_(None), Hospital.closed_at.is_(None))
    )
    return frozenset(sign_ins) - {f"s{number}" for number in living}


async def touch(session: AsyncSession, cookie: str) -> None:
    """Note that the person is still there, at most once a minute."""
    await session.execute(
        update(SignIn)
        .where(SignIn.token_hash == keys.hashed(cookie), SignIn.seen_at < now() - SEEN_EVERY)
        .values(seen_at=now())
    )


async def leave(session: AsyncSession, principal: Principal) -> None:
    await end_sign_in(session, int(principal.sign_in[1:]), principal)


async def end_sign_in(session: AsyncSession, sign_in_id: int, by: Principal) -> None:
    """End one of one's own sign-ins; unknown ones and those of others are left alone."""
    await session.execute(
        update(SignIn)
        .where(SignIn.id == sign_in_id, SignIn.person_id == by.person_id, SignIn.ended_at.is_(None))
        .values(ended_at=now())
    )
    ring(session, ENDED)
    await audit(session, "sign-out", f"sign-in:{sign_in_id}", by=by)


async def end_all(session: AsyncSession, person_id: int) -> None:
    """After a password change or suspension: every browser and token of that person is out."""
    mine = select(Membership.id).where(Membership.person_id == person_id)
    await session.execute(
        update(SignIn).where(SignIn.person_id == person_id, SignIn.ended_at.is_(None)).values(ended_at=now())
    )
    await session.execute(
        update(Token).where(Token.membership_id.in_(mine), Token.ended_at.is_(None)).values(ended_at=now())
    )
    ring(session, ENDED)


async def end_place(session: AsyncSession, membership_id: int) -> None:
    """Every browser and token of one place is out."""
    for table in (SignIn, Token):
        await session.execute(
            update(table)
            .where(table.membership_id == membership_id, table.ended_at.is_(None))
            .values(ended_at=now())
        )
    ring(session, ENDED)


async def switch_place(session: AsyncSession, principal: Principal, membership_id: int) -> str:
    """Work in another of one's hospitals: a new cookie, the old one ends."""
    working = {place.id for place in await places(session, principal.person_id)}
    if membership_id not in working:
        raise WrongPassword
    old = await session.get_one(SignIn, int(principal.sign_in[1:]))
    old.ended_at = now()
    ring(session, ENDED)
    cookie = keys.token()
    session.add(
        SignIn(
            token_hash=keys.hashed(cookie),
            person_id=principal.person_id,
            membership_id=membership_id,
            browser=old.browser,
            expires_at=old.expires_at,
        )
    )
    return cookie


async def make_token(session: AsyncSession, membership: Membership, name: str) -> str:
    token = keys.token()
    session.add(
        Token(
            token_hash=keys.hashed(token),
            membership_id=membership.id,
            name=name,
            expires_at=now() + TOKEN_LASTS,
        )
    )
    await audit(session, "token", f"membership:{membership.id}", by=None, hospital_id=membership.hospital_id)
    return token


async def make_link(session: AsyncSession, person_id: int) -> str:
    """A word for a one-time link; earlier unused links of this person stop working."""
    await end_links(session, person_id)
    word = keys.token()
    session.add(Link(token_hash=keys.hashed(word), person_id=person_id, expires_at=now() + LINK_LASTS))
    return word


async def end_links(session: AsyncSession, person_id: int) -> None:
    await session.execute(
        update(Link).where(Link.person_id == person_id, Link.used_at.is_(None)).values(used_at=now())
    )


async def person_of_link(session: AsyncSession, word: str) -> Person:
    found = await session.scalar(
        select(Person)
        .join(Link, Link.person_id == Person.id)
        .where(Link.token_hash == keys.hashed(word), Link.used_at.is_(None), Link.expires_at > now())
    )
    if found is None:
        raise LinkUsed
    return found


async def set_password(session: AsyncSession, word: str, password_hash: str) -> Person:
    """Take the link's word once; the hash was made before, for this may be the only writer there is."""
    person = await person_of_link(session, word)
    used = await session.execute(
        update(Link)
        .where(Link.token_hash == keys.hashed(word), Link.used_at.is_(None))
        .values(used_at=now())
        .returning(Link.id)
        .execution_options(synchronize_session=False)
    )
    if used.one_or_none() is None:  # somebody used it a moment ago
        raise LinkUsed
    person.password_hash = password_hash
    working = await places(session, person.id)
    hospital_id = working[0].hospital_id if working else 0
    await audit(
        session, "set-password", f"person:{person.id}", by=None, hospital_id=hospital_id, person=person.id
    )
    await end_all(session, person.id)
    return person


def must_be_strong(login: str, password: str) -> None:
    if len(password) < PASSWORD_LENGTH or password.lower() == login.lower():
        raise WeakPassword(length=PASSWORD_LENGTH)
