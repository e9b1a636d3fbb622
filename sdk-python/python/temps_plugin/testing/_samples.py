"""Sample values, complete and valid, to be changed where a test cares."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .. import _core
from ..wire import Deployment, Environment, PluginEvent, Project

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def project(id: int, name: str) -> Project:
    """A project. Change its members as you like."""
    return Project.from_json(json.loads(_core.sample_project(id, name)))


def environment(id: int, project_id: int, name: str) -> Environment:
    """An environment of a project."""
    return Environment.from_json(json.loads(_core.sample_environment(id, project_id, name)))


def deployment(id: int, project_id: int, environment_id: int) -> Deployment:
    """A finished deployment."""
    return Deployment.from_json(json.loads(_core.sample_deployment(id, project_id, environment_id)))


def event(event_type: str, data: Mapping[str, Any] | None = None) -> PluginEvent:
    """An event with an id of its own; its project is `data["project_id"]`, if there is one."""
    text = json.dumps(dict(data or {}))
    return PluginEvent.from_json(json.loads(_core.sample_event(event_type, text)))
