"""The API for scripts, read-only for now: who asks, their cases, one case with its studies."""

import datetime as dt

from aiohttp import web
from pydantic import BaseModel

from server.consultation import share
from server.consultation.model import Consultation
from server.consultation.views.lines import CaseLine, case_line, page_in, page_of_cases
from server.platform.http import SESSION, SETTINGS, THING, principal
from server.platform.openapi import described, description, operations

routes = web.RouteTableDef()


class Me(BaseModel):
    """Whom the token or cookie stands for."""

    login: str
    name: str
    title: str
    hospital: str
    roles: list[str]


class Case(BaseModel):
    """A case in short."""

    id: str
    code: str
    patient: str
    stage: str
    urgency: str
    specialty: str
    asking: str
    supporting: str
    since: dt.datetime
    session_at: dt.datetime | None


class Cases(BaseModel):
    """A page of cases, a hundred at most; `next` is the address of the one after, null after the last."""

    consultations: list[Case]
    next: str | None


class Study(BaseModel):
    """A study that the caller may see; its images are under `/consultations/{id}/dicom-web`."""

    id: int
    description: str
    modalities: list[str]
    study_date: str
    instances: int


class Asked(BaseModel):
    number: int
    text: str


class WholeCase(Case):
    """A case with what was asked and its studies."""

    diagnosis: str
    icd10: str
    questions: list[Asked]
    studies: list[Study]


def short(line: CaseLine) -> dict[str, object]:
    return {name: getattr(line, name) for name in Case.model_fields}


def answer(model: BaseModel) -> web.Response:
    return web.Response(text=model.model_dump_json(), content_type="application/json")


@routes.get("/api/v1/me")
@described("/api/v1/me", Me, "Khóa này là của ai")
async def get_me(asked: web.Request) -> web.Response:
    by = principal(asked)
    return answer(
        Me(login=by.login, name=by.name, title=by.title, hospital=by.hospital, roles=sorted(by.roles))
    )


@routes.get("/api/v1/consultations")
@described("/api/v1/consultations", Cases, "Các ca mà người gọi được xem, mới thay đổi trước")
async def get_cases(asked: web.Request) -> web.Response:
    page = page_in(asked.query.get("page", ""))
    found, has_more = await page_of_cases(asked[SESSION], page=page)
    cases = [Case.model_validate(short(case_line(case))) for case in found]
    return answer(Cases(consultations=cases, next=f"{asked.path}?page={page + 1}" if has_more else None))


@routes.get("/api/v1/consultations/{consultation}")
@described("/api/v1/consultations/{consultation}", WholeCase, "Một ca, câu hỏi và các lần chụp")
async def get_case(asked: web.Request) -> web.Response:
    case: Consultation = asked[THING]
    studies = await share.studies_of(asked[SESSION], case, principal(asked))
    return answer(
        WholeCase.model_validate(
            short(case_line(case))
            | {
                "diagnosis": case.diagnosis,
                "icd10": case.icd10,
                "questions": [{"number": one.number, "text": one.text} for one in case.questions],
                "studies": [
                    {name: getattr(study, name) for name in Study.model_fields}
                    | {"modalities": list(study.modalities)}
                    for study in studies
                ],
            }
        )
    )


@routes.get("/api/openapi.json")
async def get_openapi(asked: web.Request) -> web.Response:
    return web.json_response(description(operations(routes), asked.app[SETTINGS].origin))
