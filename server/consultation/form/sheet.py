"""Form and annex as the strings and lists that the page prints (form27.typ): times local, texts printable."""

import datetime as dt
from typing import Any, Final
from zoneinfo import ZoneInfo

from server.consultation.form.form import Annex, KeyImage, Member, MinutesForm, Signature, clean, digest
from server.consultation.form.glyphs import printable
from server.consultation.form.labels import LABELS, Language
from server.people.names import capitals, with_title

HERE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
_BLANK: Final = "……"
_EPOCH: Final = dt.date(1970, 1, 1)  # of a form without any date: same input, same bytes


def sheet(form: MinutesForm, annex: Annex, language: Language) -> dict[str, Any]:
    """Everything the template asks for."""
    say = LABELS[language]
    whole = {
        "form": _form(form, say),
        "annex": _annex(form, annex, say),
        "signed": {role: _seal(annex, role, say) for role in ("secretary", "chair")},
        "addenda": [
            {
                "title": say["addendum"].format(number=addendum.number),
                "text": addendum.text,
                "signer": _person(addendum.title, addendum.name, addendum.unit),
                "at": moment(addendum.at),
                "how": addendum.how,
                "digest": addendum.digest,
            }
            for addendum in annex.addenda
        ],
    }
    return {
        **_printable(whole),
        "labels": say,
        "language": language,
        "title": f"{say['title']} {annex.consultation}",
        "date": dict(zip(("year", "month", "day"), _dated(form).timetuple()[:3], strict=True)),
        "digest": digest(form, annex),
        "is_signed": annex.is_signed,
    }


def moment(at: dt.datetime | None) -> str:
    """An instant as screens and forms show it: "14:02 22/11/2026", in local time; "–" where there is none."""
    return at.astimezone(HERE).strftime("%H:%M %d/%m/%Y") if at else "–"


def stamp(form: MinutesForm) -> dt.datetime:
    """The time that the PDF says it was made at: of the data, not of the clock."""
    return dt.datetime.combine(_dated(form), dt.time(), dt.UTC)


def _dated(form: MinutesForm) -> dt.date:
    return form.written_on or (form.held_at.astimezone(HERE).date() if form.held_at else _EPOCH)


def _form(form: MinutesForm, say: dict[str, str]) -> dict[str, Any]:
    held = form.held_at.astimezone(HERE) if form.held_at else None
    written = form.written_on
    return {
        "authority": form.authority,
        "facility": form.facility,
        "department": form.department,
        "admission_number": form.admission_number,
        "patient_name": capitals(form.patient_name),
        "age": form.age,
        "sex": form.sex,
        "treated": say["treated"].format(from_day=_day(form.treated_from), to_day=_day(form.treated_to)),
        "bed": form.bed,
        "room": form.room,
        "ward": form.ward,
        "diagnosis": form.diagnosis,
        "held": say["held"].format(
            hour=f"{held:%H}" if held else _BLANK,
            minute=f"{held:%M}" if held else _BLANK,
            day=_day(held.date() if held else None),
        ),
        "chair": with_title(form.chair.title, form.chair.name),
        "secretary": with_title(form.secretary.title, form.secretary.name),
        "members": [_member(member) for member in form.members],
        "course": form.course.strip(),
        "conclusion": form.conclusion.strip(),
        "next_treatment": form.next_treatment.strip(),
        "written": say["written"].format(
            day=f"{written:%d}" if written else _BLANK,
            month=f"{written:%m}" if written else _BLANK,
            year=f"{written:%Y}" if written else _BLANK,
        ),
    }


def _annex(form: MinutesForm, annex: Annex, say: dict[str, str]) -> dict[str, Any]:
    informed = annex.informed
    return {
        "consultation": annex.consultation,
        "to": say["annex_to"].format(
            patient=capitals(form.patient_name) or _BLANK, number=form.admission_number or _BLANK
        ),
        "sites": [
            [stay.site, stay.people, moment(stay.joined_at), moment(stay.left_at)] for stay in annex.sites
        ],
        "questions": [
            {
                "number": question.number,
                "text": question.text,
                "label": say["reason" if question.reason and not question.conclusion else "answer"],
                "value": question.conclusion or question.reason,
            }
            for question in annex.questions
        ],
        "recorded": annex.recorded,
        "consents": [[consent.name, moment(consent.at), consent.how] for consent in annex.consents],
        "gaps": [[gap.site, moment(gap.since), moment(gap.until)] for gap in annex.gaps],
        "informed": f"{informed.who}, {moment(informed.at)}, {informed.how}" if informed else None,
        "contract": f"{say['contract_number']}: {annex.contract}"
        if annex.contract
        else f"{say['no_contract']}: {annex.contract_reason or _BLANK}",
        "key_images": [_key_image(image, say) for image in annex.key_images],
        "signatures": [_signature(signature, say) for signature in annex.signatures],
    }


def _key_image(image: KeyImage, say: dict[str, str]) -> dict[str, Any]:
    frame = f", {say['frame']} {image.frame}" if image.frame > 1 else ""
    place = f"{say['series']} {image.series} · {say['image']} {image.image}{frame}"
    window = [f"{say['window']}: {image.window}"] if image.window else []
    return {
        "caption": image.caption,
        "lines": [image.study, place, *window],
        # Numbers, for JSON has no bytes: 20 ms a picture of 50 kB.
        "picture": list(image.picture) if image.picture.startswith(_PICTURES) else None,
    }


_PICTURES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")  # how a JPEG and a PNG begin


def _signature(signature: Signature, say: dict[str, str]) -> list[str]:
    signer = _person(signature.title, signature.name, signature.unit)
    return [say[signature.role], signer, moment(signature.at), signature.how]


def _seal(annex: Annex, role: str, say: dict[str, str]) -> dict[str, str] | None:
    signature = next((signature for signature in annex.signatures if signature.role == role), None)
    if signature is None:
        return None
    at = say["signed_at"].format(at=moment(signature.at))
    return {"name": with_title(signature.title, signature.name), "at": at}


def _person(title: str, name: str, unit: str) -> str:
    return ", ".join(part for part in (with_title(title, name), unit) if part)


def _member(member: Member) -> str:
    return ", ".join(part for part in (member.name, member.title, member.unit) if part)


def _day(day: dt.date | None) -> str:
    return f"{day:%d/%m/%Y}" if day else f"{_BLANK}/{_BLANK}/{_BLANK}"


def _printable(value: Any) -> Any:
    """Every string of it, however deep, as the fonts can print it."""
    match value:
        case str():
            return printable(clean(value))
        case dict():
            return {key: _printable(item) for key, item in value.items()}
        case list():
            return [_printable(item) for item in value]
        case _:
            return value
