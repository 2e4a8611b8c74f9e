"""What the addresses of people have in common: typed commands, cookies, who is at the other end."""

import re
from typing import Annotated, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints

from server.people import sign_in
from server.platform.http import SETTINGS
from server.platform.repeats import Repeats

PASSWORDS: Final = web.AppKey("passwords", sign_in.Passwords)
GUESSES: Final = web.AppKey("guesses", sign_in.Guesses)
REFUSED: Final = web.AppKey[Repeats[sign_in.Refused]]("refused")

Word = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Pem = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20_000)]
Secret = Annotated[str, StringConstraints(max_length=200)]
# Browsers drop tabs and line ends from an address, and read "\" as "/".
OWN_PATH: Final = re.compile(r"/(?![/\\])[!-~]*")


class Command(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def cookie_name(asked: web.Request) -> str:
    """`__Host-` over HTTPS; a plain name on loopback HTTP, where scripts could not send it back."""
    return "__Host-hoichan" if asked.app[SETTINGS].is_https else "hoichan"


def set_cookie(asked: web.Request, answer: web.Response, name: str, value: str, days: float) -> None:
    answer.set_cookie(
        name,
        value,
        max_age=int(days * 86400),
        httponly=True,
        samesite="Lax",
        secure=asked.app[SETTINGS].is_https,
        path="/",
    )


def address_of(asked: web.Request) -> str:
    """The caller's address; a proxy's word counts only where a setting trusts that proxy."""
    direct = asked.remote or ""
    if direct in asked.app[SETTINGS].trusted_proxies:
        return asked.headers.get("X-Forwarded-For", direct).split(",")[-1].strip()
    return direct


def link_of(origin: str, word: str) -> str:
    """The one-time link: what stands behind "#" never leaves the browser in an address."""
    return f"{origin}/password#{word}"


def browser_of(asked: web.Request) -> str:
    """Which browser on what ("Chrome, Windows"): enough to recognise one's own, too little to track."""
    agent = asked.headers.get("User-Agent", "")
    names = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
    systems = (
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("Mac", "Mac"),
        ("Linux", "Linux"),
    )
    found = [next((name for mark, name in table if mark in agent), "") for table in (names, systems)]
    return ", ".join(word for word in found if word)


def safe_next(path: str) -> str:
    """Only a path of ours may follow a sign-in."""
    return path if OWN_PATH.fullmatch(path) else "/"
