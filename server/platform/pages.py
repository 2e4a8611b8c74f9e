"""Pages: one typed context a template (Jinja, autoescape), one catalogue, hashed scripts and styles."""

import contextvars
import datetime as dt
import functools
import gettext as gettext_module
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Final

import jinja2
from aiohttp import web
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from markupsafe import Markup

from server.platform import keys
from server.platform.db import HERE, now
from server.platform.errors import Said, later
from server.platform.http import CSP, PRINCIPAL, SETTINGS, Problem, csrf_token
from server.platform.policy import Principal

WEB = Path(__file__).parents[2] / "web"
LANGUAGES: Final = ("vi", "en")
THEMES: Final = ("auto", "light", "dark")

LANGUAGE: contextvars.ContextVar[str] = contextvars.ContextVar("language", default="vi")


@dataclass(frozen=True)
class NavItem:
    href: str
    text: str
    is_current: bool


@dataclass(frozen=True)
class Shell:
    """What stands round every page."""

    person: str  # "BSCKII. Lê Thị Hoa"; empty when nobody is signed in
    hospital: str
    roles: tuple[str, ...]
    nav: tuple[NavItem, ...]
    csrf: str
    shelf: str  # the key to what this person's browsers keep on disk: web/src/shelf.ts
    language: str
    theme: str
    is_demo: bool
    path: str


@dataclass(frozen=True)
class Page:
    """A page's context: its fields are all that its template may use, besides `shell`."""

    template: ClassVar[str]


@dataclass(frozen=True)
class ProblemPage(Page):
    template: ClassVar[str] = "problem.html"
    status: int
    code: str
    sentence: str
    reference: str


Navigation = Callable[[Principal, str], tuple[NavItem, ...]]
NAVIGATION: Final = web.AppKey[Navigation]("navigation")
TEMPLATES: Final = web.AppKey("templates", jinja2.Environment)


def render(request: web.Request, page: Page, *, status: int = 200) -> web.Response:
    LANGUAGE.set(language(request))
    context = {field.name: getattr(page, field.name) for field in fields(page)}
    template = request.app[TEMPLATES].get_template(page.template)
    text = template.render(shell=shell(request), **context)
    answer = web.Response(text=text, status=status, content_type="text/html")
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        answer.enable_compression(web.ContentCoding.gzip)  # forced: deflate would be the first choice
    return answer


def show_problem(request: web.Request, problem: Problem) -> web.Response:
    """An error page that says what happened and where to go."""
    translate = gettext(request)
    page = ProblemPage(problem.status, problem.code, translate(problem.sentence), problem.reference)
    return render(request, page, status=problem.status)


def shell(request: web.Request) -> Shell:
    who = request[PRINCIPAL]
    return Shell(
        person=full_name(who.title, who.name) if who else "",
        hospital=who.hospital if who else "",
        roles=tuple(sorted(role.value for role in who.roles)) if who else (),
        nav=request.app[NAVIGATION](who, request.path) if who else (),
        csrf=csrf_token(request, who) if who else "",
        shelf=keys.mac(keys.derive(request.app[SETTINGS].key, "shelf"), str(who.person_id)) if who else "",
        language=language(request),
        theme=theme(request),
        is_demo=request.app[SETTINGS].demo,
        path=request.path,
    )


def full_name(title: str, name: str) -> str:
    return f"{title} {name}".strip()


def language(request: web.Request) -> str:
    chosen = request.cookies.get("language", "vi")
    return chosen if chosen in LANGUAGES else "vi"


def theme(request: web.Request) -> str:
    chosen = request.cookies.get("theme", "auto")
    return chosen if chosen in THEMES else "auto"


def gettext(request: web.Request) -> Callable[[str], str]:
    return catalogue(language(request)).gettext


@functools.cache
def source(language: str) -> Catalog | None:
    """The catalogue's file; Vietnamese is the source and needs none."""
    path = WEB / "locale" / language / "LC_MESSAGES" / "messages.po"
    if language == "vi" or not path.exists():
        return None
    return read_po(io.BytesIO(path.read_bytes()), locale=language)


@functools.cache
def catalogue(language: str) -> gettext_module.NullTranslations:
    found = source(language)
    if found is None:
        return gettext_module.NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, found)
    compiled.seek(0)
    return gettext_module.GNUTranslations(compiled)


def script_texts() -> Markup:
    """The texts of web/src in the page's language, for web/src/text.ts: {Vietnamese: translation}."""
    return _script_texts(LANGUAGE.get())


@functools.cache
def _script_texts(language: str) -> Markup:
    texts = {
        message.id: message.string
        for message in source(language) or ()
        if message.string and any(place.startswith("web/src/") for place, _line in message.locations)
    }
    return for_script(texts)


def translate(text: str) -> str:
    """In the language of the page being made."""
    return catalogue(LANGUAGE.get()).gettext(text) if text else ""


def said(one: Said) -> str:
    return one.text(translate)


def translate_many(one: str, many: str, count: int) -> str:
    return catalogue(LANGUAGE.get()).ngettext(one, many, count)


def size(size_bytes: int) -> str:
    """As people read it: "526,4 kB"."""
    power = min(3, (len(str(size_bytes)) - 1) // 3)
    number = format_decimal(size_bytes / 1000**power, "#,##0.#", LANGUAGE.get())
    return f"{number} {('B', 'kB', 'MB', 'GB')[power]}"


def environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(WEB / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    made.install_gettext_callables(translate, translate_many, newstyle=True)  # type: ignore[attr-defined]
    made.globals.update(entry=entry, early=early, now=now, script_texts=script_texts)
    made.filters.update(
        said=said,
        when=when,
        clock=clock,
        date_vn=date_vn,
        stamp=stamp,
        size=size,
        for_script=for_script,
        iso=iso,
        instant=instant,
        day_iso=day_iso,
    )
    return made


@functools.cache
def manifest() -> Mapping[str, Any]:
    """Vite's list of what it built."""
    found: Mapping[str, Any] = json.loads((WEB / "dist" / ".vite" / "manifest.json").read_text())
    return found


@functools.cache
def entry(name: str) -> Markup:
    """The style and script tags of src/entries/NAME.ts, with those of the chunks it imports."""
    chunks = manifest()
    first = f"src/entries/{name}.ts"
    seen: list[str] = []

    def walk(key: str) -> None:
        if key not in seen:
            seen.append(key)
            for imported in chunks[key].get("imports", ()):
                walk(imported)

    walk(first)
    styles = [style for key in reversed(seen) for style in chunks[key].get("css", ())]
    tags = [
        Markup('<link rel="stylesheet" href="/static/{}">').format(style) for style in dict.fromkeys(styles)
    ]
    tags += [
        Markup('<link rel="modulepreload" href="/static/{}">').format(chunks[key]["file"]) for key in seen[1:]
    ]
    tags.append(Markup('<script type="module" src="/static/{}"></script>').format(chunks[first]["file"]))
    return Markup("\n").join(tags)


@functools.cache
def early(pattern: str) -> Markup:
    """Tags for files that a script asks for only once it runs: they come before that, behind what is needed first."""
    tag = '<link rel="preload" as="fetch" crossorigin fetchpriority="low" href="/static/assets/{}">'
    found = sorted((WEB / "dist" / "assets").glob(pattern))
    return Markup("\n").join(Markup(tag).format(path.name) for path in found)  # noqa: S704 (the tag is ours)


def for_script(value: Any) -> Markup:
    """JSON that may stand inside a <script type="application/json"> element."""
    text = json.dumps(value, ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # noqa: S704  # every letter that could end the element is escaped above


def local(at: dt.datetime) -> dt.datetime:
    return at.astimezone(HERE)


def when(at: dt.datetime | None) -> str:
    """An instant as people say it: "hôm nay 14:30", "mai 08:00", "14:30 21/11/2026"."""
    if at is None:
        return ""
    there = local(at)
    days = (there.date() - local(now()).date()).days
    names = {0: later("hôm nay"), 1: later("mai"), -1: later("hôm qua")}
    if days in names:
        return f"{translate(names[days])} {there:%H:%M}"
    return stamp(at)


def instant(epoch_ms: int) -> dt.datetime:
    """The times of dicom/ are epoch milliseconds."""
    return dt.datetime.fromtimestamp(epoch_ms / 1000, dt.UTC)


def day_iso(at: dt.datetime) -> str:
    """The local day, for <input type="date">."""
    return local(at).date().isoformat()


def stamp(at: dt.datetime | None) -> str:
    return f"{local(at):%H:%M %d/%m/%Y}" if at else ""


def clock(at: dt.datetime | None) -> str:
    return f"{local(at):%H:%M}" if at else ""


def iso(at: dt.datetime | None) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="seconds") if at else ""


def date_vn(on: dt.date | dt.datetime | None) -> str:
    if isinstance(on, dt.datetime):
        on = local(on).date()
    return f"{on:%d/%m/%Y}" if on else ""


__all__ = ["CSP", "HERE", "LANGUAGES", "NAVIGATION", "TEMPLATES", "Page", "Shell", "render", "show_problem"]
