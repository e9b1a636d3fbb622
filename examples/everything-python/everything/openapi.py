"""The OpenAPI document of the routes a person may want to try."""

from __future__ import annotations

from typing import Any

ROUTES = (
    ("/whoami", "get", "Who the host says you are"),
    ("/private", "get", "The same, for signed-in callers only"),
    ("/public/hello", "get", "Within reach without signing in"),
    ("/context", "get", "How this plugin was started"),
    ("/events", "get", "The events received so far"),
    ("/call", "post", "Makes a call over the channel"),
    ("/api", "post", "Makes a call to the platform's API in your name"),
    ("/print", "post", "Prints to standard output"),
)


# More than a `ready` line can hold.
TOO_MUCH = 2 * 1024 * 1024


GREETING = {
    "type": "object",
    "properties": {"hello": {"type": "string"}},
    "required": ["hello"],
}


def document(version: str, large: bool) -> dict[str, Any]:
    """The document; with `large`, one that does not fit its line."""
    info = {"title": "everything-python", "version": version}
    if large:
        info["description"] = "x" * TOO_MUCH
    return {
        "openapi": "3.1.0",
        "info": info,
        "paths": {
            path: {method: {"summary": summary, "responses": responses(path)}}
            for path, method, summary in ROUTES
        },
    }


def responses(path: str) -> dict[str, Any]:
    done: dict[str, Any] = {"description": "Done"}
    if path == "/public/hello":
        done["content"] = {"application/json": {"schema": GREETING}}
    if path == "/private":
        return {"200": done, "401": {"description": "Nobody is signed in"}}
    return {"200": done}
