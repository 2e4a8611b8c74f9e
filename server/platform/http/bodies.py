"""What was sent becomes a frozen typed command, or a refusal that names the fields."""

import math
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import pydantic
from aiohttp import web
from multidict import MultiDictProxy

from server.platform.errors import Invalid, later

BODY_LIMIT_BYTES = 1024 * 1024
Model = TypeVar("Model", bound=pydantic.BaseModel)

REASONS: Final[Mapping[str, str]] = {
    "missing": later("Chưa điền mục này."),
    "string_too_short": later("Chưa điền mục này."),
    "string_too_long": later("Dài quá, hãy viết gọn lại."),
    "enum": later("Hãy chọn một trong các giá trị có sẵn."),
    "literal_error": later("Hãy chọn một trong các giá trị có sẵn."),
    "extra_forbidden": later("Mục này không có trong biểu mẫu."),
    "date_from_datetime_parsing": later("Ngày chưa đúng, viết ngày/tháng/năm."),
    "date_parsing": later("Ngày chưa đúng, viết ngày/tháng/năm."),
    "datetime_parsing": later("Ngày giờ chưa đúng."),
    "datetime_from_date_parsing": later("Ngày giờ chưa đúng."),
    "int_parsing": later("Cần một số nguyên."),
    "json_invalid": later("Nội dung gửi lên không đọc được."),
}
OTHER_REASON = later("Mục này chưa đúng.")


async def parse(request: web.Request, model: type[Model]) -> Model:
    """The body as a frozen typed command, or Invalid; what was typed is never echoed."""
    try:
        if request.content_type == "application/json":
            read = model.model_validate_json(await request.read(), strict=True)
        else:
            read = model.model_validate(await form_of(request, model))
    except pydantic.ValidationError as wrong:
        raise invalid(request, wrong) from None
    if unkept := [name for name, value in read.model_dump().items() if not can_be_kept(value)]:
        raise Invalid(dict.fromkeys(unkept, OTHER_REASON))
    return read


def can_be_kept(value: object) -> bool:
    """Whether both databases take it: no NUL in a text, no number beyond 32 bits, nothing but real numbers."""
    match value:
        case str():
            return "\0" not in value
        case int():
            return abs(value) < 2**31
        case float():
            return math.isfinite(value)
        case dict():
            return all(map(can_be_kept, value.values()))
        case list() | tuple() | set() | frozenset():
            return all(map(can_be_kept, value))
        case _:
            return True


async def posted_by(request: web.Request) -> "MultiDictProxy[str | bytes | bytearray | web.FileField]":
    """The fields of a form. Raises Invalid where they cannot be read: an unknown charset, no boundary."""
    try:
        return await request.post()
    except (ValueError, LookupError, AssertionError):
        raise Invalid({"form": REASONS["json_invalid"]}) from None


async def form_of(request: web.Request, model: type[Model]) -> dict[str, Any]:
    """A form's fields by name; a repeated field is a list where the model wants one; empty is absent."""
    posted = await posted_by(request)
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        values = [str(value) for value in posted.getall(name, []) if isinstance(value, str)]
        if str(field.annotation).startswith(("tuple", "list", "frozenset")):
            found[name] = values
        elif values and values[-1].strip():
            found[name] = values[-1]
    return found


def invalid(request: web.Request, wrong: pydantic.ValidationError) -> Invalid:
    from server.platform.pages import gettext

    translate = gettext(request)
    fields: dict[str, str] = {}
    for error in wrong.errors(include_input=False, include_url=False, include_context=True):
        name = ".".join(str(part) for part in error["loc"]) or "form"
        own = error.get("ctx", {}).get("error")
        text = str(own) if isinstance(own, ValueError) else REASONS.get(error["type"], OTHER_REASON)
        fields.setdefault(name, translate(text))
    return Invalid(fields)
