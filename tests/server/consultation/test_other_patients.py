"""Images of two patients in one study: shown wherever the study is listed, and on the images themselves."""

from __future__ import annotations

from tests.dicom.builders import a_dataset, a_file
from tests.dicom.dicomweb_site import a_multipart
from tests.server.house import House

WARNING = "1 ảnh trong ca chụp này ghi người bệnh khác"


async def test_a_study_with_images_of_another_patient_says_so_everywhere(own_house: House) -> None:
    house = own_house
    doctor = await house.by("doctor.L")
    files = [
        a_file(
            a_dataset(SOPInstanceUID=f"2.25.1.1.{n}", InstanceNumber=n, PatientID=number, PatientName=name)
        )
        for n, number, name in ((1, "BN1", "TRẦN^Văn Thử"), (2, "BN2", "LÊ^Thị Khác"))
    ]
    body, content_type = a_multipart(files)
    sent = await doctor.ask("POST", "/dicom-web/studies", data=body, headers={"Content-Type": content_type})
    assert sent.status == 200
    [study] = (await doctor.get("/images/studies")).json["studies"]
    assert WARNING in (await doctor.get("/inbox")).text
    shown = (await doctor.get(f"/images/studies/{study['study']}")).json
    assert shown["other_patients"] == 1
    assert [one["other_patient"] for one in shown["series"][0]["instances"]] == [None, "LÊ Thị Khác"]
    case = await house.a_consultation("draft", study_ids=(study["study"],))
    for page in ("", "/request"):
        assert WARNING in (await doctor.get(f"/consultations/{case}{page}")).text, page
