"""Key images: described by both sides until somebody signs; the words print in the annex."""

import pytest
from sqlalchemy import insert

from dicom.index import studies
from server.consultation.form.pdf import render
from server.consultation.minutes.compose import compose
from server.consultation.model import KeyImage
from tests.server.house import PASSWORD, House, whole


async def an_image(house: House, case: str) -> int:
    async with house.database.system() as session:
        found = await whole(session, case)
        values = {column.name: "" for column in studies.c if column.type.python_type is str}
        values |= {"study_uid": f"2.25.{found.id}", "source": "upload"}
        numbers = {"owner_id": found.hospital_id, "series_count": 1, "instance_count": 1}
        times = {"received_at_ms": 1, "changed_at_ms": 1}
        study = await session.scalar(insert(studies).values(values | numbers | times).returning(studies.c.id))
        image = KeyImage(
            consultation_id=found.id,
            study_id=study,
            sop_uid="1.2.3",
            frame=1,
            voi=[40, 80, 0],
            view=[0, 0, 1, 0, 0, 0],
            series="2",
            image="7",
            by_id=found.requested_by_id,
        )
        session.add(image)
        await session.flush()
        return image.id


async def test_words_under_a_key_image_can_be_written_later_and_print_in_the_annex(house: House) -> None:
    case = await house.a_consultation("minutes-open")
    path = f"/consultations/{case}/minutes/key-images/{await an_image(house, case)}"
    doctor, expert = await house.by("doctor.L"), await house.by("specialist.P")

    assert (await doctor.patch(path, {"caption": "Khối máu tụ"})).json["caption"] == "Khối máu tụ"
    assert (await expert.patch(path, {"caption": "  Khối máu tụ 28 mm "})).status == 200

    [image] = (await doctor.get(f"/consultations/{case}/minutes/key-images")).json["images"]
    assert image["caption"] == "Khối máu tụ 28 mm"
    async with house.database.system(writes=False) as session:
        form, annex = await compose(session, await whole(session, case))
    assert [one.caption for one in annex.key_images] == ["Khối máu tụ 28 mm"]
    assert render(form, annex).startswith(b"%PDF-")
    page = await doctor.get(f"/consultations/{case}")
    assert f'data-minutes="/consultations/{case}/minutes" data-may-write' in page.text


@pytest.mark.parametrize("sent", [{"caption": "a" * 301}, {"caption": 1}, {"caption": "a\0"}, {}])
async def test_words_that_cannot_be_kept_are_refused(house: House, sent: dict[str, object]) -> None:
    case = await house.a_consultation("minutes-open")
    path = f"/consultations/{case}/minutes/key-images"
    doctor = await house.by("doctor.L")
    refused = await doctor.patch(f"{path}/{await an_image(house, case)}", sent)
    assert (refused.status, refused.code) == (422, "invalid")
    assert [one["caption"] for one in (await doctor.get(path)).json["images"]] == [""]


async def test_after_a_signature_and_for_other_cases_nothing_is_written(house: House) -> None:
    case, other = await house.a_consultation("concluded"), await house.a_consultation("minutes-open")
    image, sent = await an_image(house, case), {"caption": "khác"}
    doctor = await house.by("doctor.L")
    root = f"/consultations/{case}/minutes"
    assert (await doctor.patch(f"/consultations/{other}/minutes/key-images/{image}", sent)).status == 404
    digest = (await doctor.get(f"{root}/form")).json["digest"]
    sign = {"role": "secretary", "password": PASSWORD, "digest": digest}
    assert (await doctor.post(f"{root}/sign", sign)).status == 200
    assert (await doctor.patch(f"{root}/key-images/{image}", sent)).code == "draft-locked"
