"""Errors as problem documents (RFC 9457)."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from slack_notifier.file import FileError

log = logging.getLogger(__name__)


class Problem(BaseModel):
    """What went wrong. `detail` tells a person what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def install(app: FastAPI) -> None:
    """Has `app` answer every error with a problem document."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(FileError, _no_file)


def _answer(status: int, detail: str) -> JSONResponse:
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    content = problem.model_dump()
    return JSONResponse(content, status, media_type="application/problem+json")


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    answer = _answer(error.status_code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    """400 for a body that is no JSON, 422 for one of another shape; the detail names the field."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    kind, place = first["type"], list(first["loc"])[1:]
    if kind == "json_invalid":
        why = first.get("ctx", {}).get("error", "")
        return _answer(400, f"cannot parse the body as JSON: {why} at character {place[0]}")
    if kind == "missing" and not place:
        return _answer(400, "cannot parse the body as JSON: it is empty")
    name = ".".join(str(part) for part in place) or "the body"
    return _answer(422, f"{name}: {_reason(first)}")


def _reason(first: dict[str, Any]) -> str:
    """Why a field is refused. What was sent is not quoted: it may be a secret."""
    if first["type"] == "extra_forbidden":
        return "there is no such field"
    return str(first["msg"]).removeprefix("Value error, ")


async def _no_file(_: Request, error: Exception) -> JSONResponse:
    # Paths of the server are nothing for a browser.
    log.error("a request failed: %s", error)
    return _answer(500, "the plugin could not write to its data directory; its log says why")
