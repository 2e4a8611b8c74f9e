"""The printed minutes: typst sets form 27/BV2, annex and addenda as PDF/A-2b with the fonts inside."""

import asyncio
import json
from functools import cache
from importlib import resources
from typing import Final

import typst

from server.consultation.form.form import Annex, MinutesForm
from server.consultation.form.glyphs import FONTS
from server.consultation.form.labels import Language
from server.consultation.form.sheet import sheet, stamp

MEDIA_TYPE: Final = "application/pdf"


def render(form: MinutesForm, annex: Annex, *, language: Language = "vi") -> bytes:
    """The PDF of the minutes, marked as a draft until both have signed; the same input gives the same bytes.

    Takes some 10 ms a page of one core: from a coroutine use `printed`.
    """
    data = json.dumps(sheet(form, annex, language), ensure_ascii=False).encode()
    # typst takes files by name too, though its types do not say so.
    made = typst.compile(  # type: ignore[call-overload]
        {"main.typ": _template(), "sheet.json": data},
        font_paths=[str(FONTS)],
        ignore_system_fonts=True,
        format="pdf",
        pdf_standards="a-2b",
        timestamp=stamp(form),
    )
    assert isinstance(made, bytes)
    return made


async def printed(form: MinutesForm, annex: Annex, *, language: Language = "vi") -> bytes:
    """Like `render`, in a thread."""
    return await asyncio.to_thread(render, form, annex, language=language)


@cache
def _template() -> bytes:
    return resources.files("server.consultation.form").joinpath("form27.typ").read_bytes()
