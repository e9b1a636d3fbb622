"""The same answer from a FastAPI route."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

app = FastAPI()


@app.get("/json")
async def item() -> dict[str, Any]:
    return {
        "id": 7,
        "name": "shop",
        "state": "ready",
        "labels": ["blue", "round"],
        "score": 0.5,
    }
