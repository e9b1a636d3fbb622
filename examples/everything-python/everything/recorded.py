"""What arrived so far: events, what came of their handlers' calls, and requests whose caller went
away."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temps_plugin.wire import PluginEvent


class Recorded:
    """Everything runs on the event loop's thread, so nothing here is locked."""

    def __init__(self) -> None:
        self.events: list[PluginEvent] = []
        self.calls: list[dict[str, Any]] = []
        self.cancelled = 0


async def events(request: Request) -> Response:
    recorded: Recorded = request.app.state.recorded
    if request.method == "DELETE":
        recorded.events.clear()
        return Response(status_code=204)
    return JSONResponse({"events": [event.to_json() for event in recorded.events]})


async def calls(request: Request) -> Response:
    return JSONResponse({"calls": request.app.state.recorded.calls})


routes = [
    Route("/events", events, methods=["GET", "DELETE"]),
    Route("/event-calls", calls),
]
