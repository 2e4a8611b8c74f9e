"""evidence: which DICOM objects a signed case leaves, of which images, marks and key images."""

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dicom.index import instances
from server.consultation import marks
from server.consultation.grants import shared_study_ids
from server.consultation.minutes.key_images import key_images
from server.consultation.minutes.record import minutes_of
from server.consultation.model import Consultation, KeyImage
from server.people.model import Hospital, Person
from server.people.names import dicom_name
from server.platform.db import HERE
from signaling.messages import Marked

Json = dict[str, Any]

JOB: Final = "evidence"
_NUMBERS: Final = {"report": 9101, "selection": 9102, "presentation": 9103, "minutes": 9104}  # of the series
_GREY: Final = frozenset({"MONOCHROME1", "MONOCHROME2"})


@dataclass(frozen=True)
class Image:
    """An instance that evidence speaks of, as the index has it."""

    study_id: int
    series_id: int
    sop_uid: str
    syntax: str
    header: bytes
    blob: str
    rows: int | None
    columns: int | None
    photometric: str


@dataclass(frozen=True)
class Order:
    """One object to be made: what it is called, and what stands in it."""

    kind: str  # as `dicom.evidence.making` knows it
    study_id: int
    images: Sequence[Image]
    person: Json  # who answers for it: name (PN), hospital
    at: dt.datetime
    name: str  # the same for the same object of the same case
    marks: list[Json] = field(default_factory=list)
    key_images: list[Json] = field(default_factory=list)

    @property
    def sop_uid(self) -> str:
        return _uid(self.kind, self.name)

    def as_json(self) -> Json:
        return {
            "marks": self.marks,
            "key_images": self.key_images,
            "person": self.person,
            "series_uid": _uid(self.kind, self.name, "series"),
            "sop_uid": self.sop_uid,
            "number": _NUMBERS[self.kind],
            "at": self.at.astimezone(HERE).isoformat(timespec="seconds"),
        }


def _uid(*names: str) -> str:
    """A UID of these names, the same each time (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, ' '.join(names)).int}"


async def plan(session: AsyncSession, case: Consultation) -> list[Order]:
    """What the case leaves once both have signed, study by study; nothing before, and nothing without an image."""
    minutes = await minutes_of(session, case)
    if minutes is None or minutes.signed_at is None or minutes.chair_id is None:
        return []
    studies = sorted(await shared_study_ids(session, case))
    drawn = await marks.standing(session, case, studies)
    chosen = [one for one in await key_images(session, case) if one.study_id in studies]
    chair = await _person(session, minutes.chair_id, case)
    orders: list[Order] = []
    for study_id in studies:
        images = await _images(session, study_id, drawn, chosen)
        about = _About(case.public_id, study_id, images, chair, minutes.signed_at)
        orders += about.orders(
            [one for one in drawn if one.mark.study == study_id and one.mark.sop in images],
            [one for one in chosen if one.study_id == study_id and one.sop_uid in images],
        )
    first = await _any_image(session, studies)
    if first is not None:
        name = f"{case.public_id} minutes"
        orders.append(Order("minutes", first.study_id, [first], chair, minutes.signed_at, name))
    return orders


@dataclass(frozen=True)
class _About:
    """One study of the case."""

    case: str
    study_id: int
    images: Mapping[str, Image]
    chair: Json
    at: dt.datetime

    def orders(self, drawn: Sequence[Marked], chosen: Sequence[KeyImage]) -> Iterator[Order]:
        keys = [
            {"sop": one.sop_uid, "frame": one.frame, "voi": one.voi, "caption": one.caption} for one in chosen
        ]
        yield from self._reports(drawn)
        if keys:
            yield self._order("selection", "", self.chair, key_images=keys)
        yield from self._presentations([_mark(one) for one in drawn], keys)

    def _reports(self, drawn: Sequence[Marked]) -> Iterator[Order]:
        """One a person: a report says who observed."""
        people = {one.person.person: one.person for one in drawn}
        for number, person in people.items():
            own = [_mark(one) for one in drawn if one.person.person == number]
            who = {"name": dicom_name(person.name, person.title), "hospital": person.hospital}
            yield self._order("report", str(number), who, marks=own)

    def _presentations(self, drawn: list[Json], keys: list[Json]) -> Iterator[Order]:
        """One for each series, size and polarity: what a presentation state can hold together."""
        last = {(one["sop"], one["frame"]): one for one in keys}
        groups: dict[str, tuple[list[Json], list[Json]]] = {}
        for one in drawn:
            turned = last.get((one["sop"], one["frame"]), {"voi": (0, 0, 0)})["voi"][2]
            groups.setdefault(self._group(one["sop"], turned), ([], []))[0].append(one)
        for one in last.values():
            groups.setdefault(self._group(one["sop"], one["voi"][2]), ([], []))[1].append(one)
        for name, (its_marks, its_keys) in groups.items():
            if name:
                yield self._order("presentation", name, self.chair, marks=its_marks, key_images=its_keys)

    def _group(self, sop: str, inverted: float) -> str:
        image = self.images[sop]
        if image.photometric == "PALETTE COLOR":
            return ""  # would need a presentation state with the palette in it
        polarity = int(bool(inverted)) if image.photometric in _GREY else 2
        return f"{image.series_id} {image.rows} {image.columns} {image.photometric} {polarity}"

    def _order(self, kind: str, what: str, person: Json, **held: list[Json]) -> Order:
        names = {one["sop"] for each in held.values() for one in each}
        used = [image for sop, image in self.images.items() if sop in names]
        name = f"{self.case} {self.study_id} {what}"
        return Order(kind, self.study_id, used, person, self.at, name, **held)


def _mark(one: Marked) -> Json:
    mark = one.mark
    return {
        "uid": mark.uid,
        "tracking_uid": _uid(mark.uid),
        "sop": mark.sop,
        "frame": mark.frame,
        "tool": mark.tool,
        "points": [list(point) for point in mark.points],
        "text": mark.text,
    }


_COLUMNS: Final = (
    instances.c.study_id,
    instances.c.series_id,
    instances.c.sop_uid,
    instances.c.transfer_syntax_uid.label("syntax"),
    instances.c.header,
    instances.c.blob,
    instances.c.rows,
    instances.c.columns,
    instances.c.photometric,
)


async def _images(
    session: AsyncSession, study_id: int, drawn: Sequence[Marked], chosen: Sequence[KeyImage]
) -> dict[str, Image]:
    names = {one.mark.sop for one in drawn} | {one.sop_uid for one in chosen}
    rows = await session.execute(
        select(*_COLUMNS)
        .where(instances.c.study_id == study_id, instances.c.sop_uid.in_(names), instances.c.frames > 0)
        .order_by(instances.c.id)
    )
    return {row.sop_uid: Image(**row._mapping) for row in rows}


async def _any_image(session: AsyncSession, studies: Sequence[int]) -> Image | None:
    """The minutes lie in the first study of the case, and are of its patient."""
    row = (
        await session.execute(
            select(*_COLUMNS)
            .where(instances.c.study_id.in_(studies), instances.c.frames > 0)
            .order_by(instances.c.study_id, instances.c.id)
            .limit(1)
        )
    ).first()
    return Image(**row._mapping) if row is not None else None


async def _person(session: AsyncSession, person_id: int, case: Consultation) -> Json:
    person = await session.get_one(Person, person_id)
    hospital = await session.get(Hospital, case.target_hospital_id) if case.target_hospital_id else None
    name = dicom_name(person.name, person.title)
    return {"name": name, "hospital": hospital.short_name if hospital else ""}
