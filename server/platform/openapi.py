"""The API's description (OpenAPI 3.1), made from the models that the handlers themselves use."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

VERSION: Final = "1"
REF: Final = "#/components/schemas/{model}"


@dataclass(frozen=True)
class Operation:
    """One address of the API: what it answers with, and in one sentence what for."""

    method: str
    path: str
    answers: type[BaseModel]
    summary: str


class Problem(BaseModel):
    """RFC 9457 problem details; `code` is stable, `detail` is for the screen."""

    type: str
    code: str
    status: int
    title: str
    detail: str
    reference: str


_DESCRIBED: Final = "__operation__"


def described(path: str, answers: type[BaseModel], summary: str) -> Callable[[Any], Any]:
    """Declare a GET handler with what it answers."""

    def mark(handler: Any) -> Any:
        setattr(handler, _DESCRIBED, Operation("get", path, answers, summary))
        return handler

    return mark


def operations(routes: Iterable[web.AbstractRouteDef]) -> list[Operation]:
    return [
        getattr(route.handler, _DESCRIBED)
        for route in routes
        if isinstance(route, web.RouteDef) and hasattr(route.handler, _DESCRIBED)
    ]


def description(found: Iterable[Operation], origin: str) -> dict[str, Any]:
    """The whole document."""
    listed = list(found)
    models = {operation.answers for operation in listed} | {Problem}
    _, schema = models_json_schema(
        [(model, "serialization") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template=REF,
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "hoichan", "version": VERSION, "description": "Hội chẩn từ xa"},
        "servers": [{"url": origin}],
        "security": [{"token": []}, {"cookie": []}],
        "paths": {operation.path: {operation.method: _operation(operation)} for operation in listed},
        "components": {
            "schemas": schema.get("$defs", {}),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "hoichan"},
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    return {
        "summary": operation.summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ],
        "responses": {
            "200": _answer(operation.answers, "application/json", "Như yêu cầu"),
            "default": _answer(Problem, "application/problem+json", "Từ chối, có lý do"),
        },
    }


def _answer(model: type[BaseModel], media_type: str, words: str) -> dict[str, Any]:
    return {
        "description": words,
        "content": {media_type: {"schema": {"$ref": REF.format(model=model.__name__)}}},
    }
