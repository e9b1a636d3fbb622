"""What people see and change, at `/api/x/slack-notifier-python/…`."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, Field
from temps_plugin import Caller, caller

from slack_notifier import problem
from slack_notifier.deliveries import Delivery
from slack_notifier.notifier import Notifier
from slack_notifier.problem import Problem
from slack_notifier.settings import SettingsChange, SettingsView

log = logging.getLogger(__name__)

app = FastAPI(
    title="Slack Notifier",
    description="Tells a Slack channel about deployments",
    version="0.1.0",
    # The SDK gives the document to the host, which shows it.
    openapi_url=None,
)
problem.install(app)


async def signed_in(request: Request) -> Caller:
    found = caller(request)
    if found is None:
        raise HTTPException(401, "sign in to Temps first")
    return found


async def administrator(found: SignedIn) -> Caller:
    if not found.is_admin:
        raise HTTPException(403, "only an administrator may change these settings")
    return found


async def said_to_be_json(request: Request, _: Administrator) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_other_json = kind.startswith("application/") and kind.endswith("+json")
    if kind != "application/json" and not is_other_json:
        raise HTTPException(415, "send the body with `Content-Type: application/json`")


async def notifier(request: Request) -> Notifier:
    found: Notifier = request.app.state.notifier
    return found


SignedIn = Annotated[Caller, Depends(signed_in)]
Administrator = Annotated[Caller, Depends(administrator)]
TheNotifier = Annotated[Notifier, Depends(notifier)]


class Deliveries(BaseModel):
    """The last deliveries."""

    deliveries: list[Delivery] = Field(description="Newest first.")


@app.get("/settings", responses={401: {"model": Problem, "description": "Nobody is signed in"}})
async def get_settings(_: SignedIn, notifier: TheNotifier) -> SettingsView:
    """Shows the settings."""
    return notifier.settings.current.view()


@app.patch(
    "/settings",
    responses={
        400: {"model": Problem, "description": "The body is no JSON"},
        401: {"model": Problem, "description": "Nobody is signed in"},
        403: {"model": Problem, "description": "The caller is no administrator"},
        415: {"model": Problem, "description": "The body is not said to be JSON"},
        422: {"model": Problem, "description": "A field is wrong; the detail names it"},
    },
    dependencies=[Depends(said_to_be_json)],
)
async def change_settings(
    found: Administrator, notifier: TheNotifier, change: SettingsChange
) -> SettingsView:
    """Changes the settings; for administrators. Answers with what they are then."""
    changed = await notifier.settings.change(change)
    log.info("user %s has changed the settings", found.user_id)
    return changed.view()


@app.get("/deliveries", responses={401: {"model": Problem, "description": "Nobody is signed in"}})
async def list_deliveries(_: SignedIn, notifier: TheNotifier) -> Deliveries:
    """Shows the last deliveries, newest first."""
    return Deliveries(deliveries=notifier.deliveries.entries)
