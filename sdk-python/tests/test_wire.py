"""The types of the wire: they judge the golden messages as any other reader, and say why."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard, get_args

import pytest
from temps_plugin import wire
from temps_plugin._wire import WireObject
from temps_plugin.wire import (
    ApiBodyJson,
    ApiBodyMultipart,
    ApiCall,
    ApiContentBinary,
    ApiContentText,
    ApiPart,
    DeploymentCreated,
    GenerateAi,
    GetProject,
    ListDeployments,
    NavEntry,
    PluginEvent,
    PluginManifest,
    Project,
    ProjectChanged,
    UiManifest,
)

VECTORS = Path(__file__).parents[2] / "schema" / "vectors"
# What the native core reads: no author sees these messages.
OF_THE_CORE = {
    "plugin-line",
    "launch",
    "launch-for-manifest",
    "plugin-frame.dialect1",
    "plugin-frame.dialect2",
    "host-frame.dialect1",
    "host-frame.dialect2",
}
TOKEN = "token-of-the-caller"
MANIFEST: dict[str, Any] = {"name": "shop", "version": "1.0.0"}
NAV: dict[str, Any] = {
    "label": "Shop",
    "icon": "store",
    "section": "platform",
    "path": "/shop",
    "order": 1,
}
CALL: dict[str, Any] = {"method": "GET", "path": "/api/projects", "actor": TOKEN}


class Vector(NamedTuple):
    kind: str
    is_valid: bool
    content: dict[str, Any]

    def read(self) -> list[WireObject]:
        """Reads the message with the types of its kind."""
        return reader(self.kind)(self.message())

    def message(self) -> Any:
        if "hex" in self.content:
            return json.loads(bytes.fromhex(self.content["hex"]))
        if "text" in self.content:
            return json.loads(self.content["text"])
        return self.content["message"]


def reader(kind: str) -> Callable[[Any], list[WireObject]]:
    folder, _, name = kind.rpartition("/")
    if folder == "event-data":
        return one(wire.EVENT_PAYLOADS[name])
    if folder == "calls":
        method, _, half = name.rpartition(".")
        if half == "params":
            return one(wire.CALL_PARAMS[method])
        result = wire.CALL_RESULTS[method]
        return many(result) if method in wire.LIST_METHODS else one(result)
    return one({"manifest": PluginManifest, "event": PluginEvent}[kind])


def one(type_: type[WireObject]) -> Callable[[Any], list[WireObject]]:
    return lambda message: [type_.from_json(message)]


def many(type_: type[WireObject]) -> Callable[[Any], list[WireObject]]:
    def read(message: Any) -> list[WireObject]:
        if not is_list(message):
            raise ValueError(f"found {message!r}; allowed is a list")
        return [type_.from_json(item) for item in message]

    return read


def vectors() -> list[Any]:
    found: list[Any] = []
    for path in sorted(VECTORS.rglob("*.json")):
        kind = path.parent.parent.relative_to(VECTORS).as_posix()
        if kind not in OF_THE_CORE:
            content = json.loads(path.read_text())
            vector = Vector(kind, path.parent.name == "valid", content)
            found.append(pytest.param(vector, id=path.relative_to(VECTORS).as_posix()))
    return found


def agrees(written: Any, message: Any) -> bool:
    """Whether what was written says what the message says, but for members no type knows."""
    if type(written) is not type(message):
        return False
    if is_object(written):
        return all(agrees(written[name], message[name]) for name in written.keys() & message.keys())
    if is_list(written):
        return all(agrees(*pair) for pair in zip(written, message, strict=True))
    return bool(written == message)


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def error_of(type_: type[WireObject], message: Any) -> str:
    with pytest.raises(ValueError) as caught:
        type_.from_json(message)
    return str(caught.value)


def test_every_kind_of_vector_is_there() -> None:
    kinds = {param.values[0].kind for param in vectors()}
    calls = {f"calls/{method}.{half}" for method in wire.METHODS for half in ("params", "result")}
    events = {f"event-data/{event}" for event in wire.EVENT_PAYLOADS}
    assert kinds == {"manifest", "event", *calls, *events}


@pytest.mark.parametrize("vector", vectors())
def test_a_vector_is_judged_as_its_folder_says(vector: Vector) -> None:
    if not vector.is_valid and not vector.content.get("schema_accepts"):
        with pytest.raises(ValueError):
            vector.read()
        return
    message = vector.message()
    objects = vector.read()
    written = [found.to_json() for found in objects]
    assert agrees(written, message if is_list(message) else [message])
    assert [type(found).from_json(text) for found, text in zip(objects, written, strict=True)] == (
        objects
    )
    assert json.loads(json.dumps(written)) == written


class TestWriting:
    def test_a_manifest_always_says_whether_it_needs_a_database(self) -> None:
        assert PluginManifest(**MANIFEST).to_json() == {
            **MANIFEST,
            "nav": [],
            "requires_db": False,
            "health_path": "/health",
            "events": [],
        }

    def test_what_is_set_is_written(self) -> None:
        manifest = PluginManifest(
            **MANIFEST,
            nav=(NavEntry(**NAV),),
            ui=UiManifest(entry_js="main.js"),
            hide_header=True,
            capabilities=["api_read"],
        )
        written = manifest.to_json()
        assert written["nav"] == [NAV]
        assert written["ui"] == {"entry_js": "main.js", "css": [], "routes": []}
        assert written["hide_header"] is True
        assert written["capabilities"] == ["api_read"]

    def test_parameters_that_are_not_given_are_left_out(self) -> None:
        assert ListDeployments(project_id=7, limit=3).to_json() == {"project_id": 7, "limit": 3}
        assert wire.GetHostCapabilities().to_json() == {}

    def test_data_of_events_is_written_with_its_nulls(self) -> None:
        data = {"deployment_id": 1, "project_id": 2, "environment_id": 3, "environment_name": "x"}
        written = DeploymentCreated.from_json(data).to_json()
        assert written == {**data, "commit_sha": None, "branch": None}

    def test_bodies_carry_their_kind(self) -> None:
        parts = [
            ApiPart(name="a", content=ApiContentText(value="x")),
            ApiPart(name="b", filename="b.bin", content=ApiContentBinary(value="AAE=")),
        ]
        body = ApiBodyMultipart(body=parts)
        assert body.to_json() == {
            "kind": "multipart",
            "body": [
                {"name": "a", "content": {"kind": "text", "value": "x"}},
                {
                    "name": "b",
                    "filename": "b.bin",
                    "content": {"kind": "binary", "value": "AAE="},
                },
            ],
        }
        call = ApiCall.from_json({**CALL, "body": body.to_json()})
        assert call.body == body
        assert isinstance(call.body, ApiBodyMultipart)
        assert call.body.body[1].content.kind == "binary"


class TestReading:
    def test_unknown_members_are_kept_in_raw_and_nowhere_else(self) -> None:
        message = {"project_id": 1, "project_name": "Shop", "later": [1]}
        project = ProjectChanged.from_json(message)
        assert project.raw is message
        assert project.to_json() == {"project_id": 1, "project_name": "Shop"}
        assert ProjectChanged(project_id=1, project_name="Shop").raw == {}

    def test_what_a_missing_member_means_is_not_shared(self) -> None:
        PluginManifest.from_json(MANIFEST).events.append("*")
        assert PluginManifest.from_json(MANIFEST).events == []
        event: dict[str, Any] = {"id": "1", "event_type": "x.y", "timestamp": ""}
        PluginEvent.from_json(event).data["seen"] = True
        assert PluginEvent.from_json(event).data == {}
        PluginEvent(**event).data["seen"] = True
        assert PluginEvent(**event).data == {}

    def test_data_of_any_form_is_kept(self) -> None:
        event = {"id": "1", "event_type": "x.y", "timestamp": "", "data": None}
        assert PluginEvent.from_json(event).to_json() == {**event, "project_id": None}

    def test_a_whole_number_is_a_number_but_a_number_is_no_integer(self) -> None:
        asked = {"purpose": "a", "prompt": "b"}
        assert GenerateAi.from_json({**asked, "temperature": 1}).temperature == 1
        assert "max_tokens" in error_of(GenerateAi, {**asked, "max_tokens": 1.0})


class TestErrors:
    @pytest.mark.parametrize(
        ("type_", "message", "text"),
        [
            (Project, [], "Project: found a list; allowed is an object"),
            (Project, None, "Project: found null; allowed is an object"),
            (
                GetProject,
                {},
                "GetProject.project_id: found nothing; "
                "allowed is an integer from -2147483648 to 2147483647",
            ),
            (
                PluginManifest,
                {**MANIFEST, "nav": [NAV, {**NAV, "section": "setings"}]},
                "PluginManifest.nav[1].section: found 'setings'; "
                "allowed is one of 'platform', 'settings', 'project'",
            ),
            (
                PluginManifest,
                {**MANIFEST, "nav": [{**NAV, "order": -1}]},
                "PluginManifest.nav[0].order: found -1; allowed is an integer from 0 to 4294967295",
            ),
            (
                PluginManifest,
                {**MANIFEST, "nav": NAV},
                "PluginManifest.nav: found an object; allowed is a list",
            ),
            (
                PluginManifest,
                {**MANIFEST, "ui": "main.js"},
                "PluginManifest.ui: found a text; allowed is an object or null",
            ),
            (
                PluginManifest,
                {**MANIFEST, "requires_db": 0},
                "PluginManifest.requires_db: found 0; allowed is true or false",
            ),
            (
                PluginManifest,
                {**MANIFEST, "display_name": True},
                "PluginManifest.display_name: found true; allowed is a text or null",
            ),
            (
                PluginManifest,
                {**MANIFEST, "name": "a_b"},
                "PluginManifest.name: found 'a_b'; allowed is a text of at most 64 characters "
                "and that matches ^[a-z0-9]+(-[a-z0-9]+)*$",
            ),
            (
                NavEntry,
                {**NAV, "label": ""},
                "NavEntry.label: found ''; allowed is a text of at least 1 character",
            ),
            (
                NavEntry,
                {**NAV, "order": 10**30},
                "NavEntry.order: found a huge integer; allowed is an integer from 0 to 4294967295",
            ),
            (
                ApiCall,
                {**CALL, "body": {"kind": "xml", "body": ""}},
                "ApiCall.body.kind: found 'xml'; allowed is one of 'json', 'multipart'",
            ),
            (
                ApiCall,
                {**CALL, "body": {"body": ""}},
                "ApiCall.body.kind: found nothing; allowed is one of 'json', 'multipart'",
            ),
            (
                ApiCall,
                {**CALL, "body": []},
                "ApiCall.body: found a list; allowed is an object or null",
            ),
            (
                ApiBodyJson,
                {"kind": "multipart", "body": ""},
                "ApiBodyJson.kind: found 'multipart'; allowed is 'json'",
            ),
            (
                GenerateAi,
                {"purpose": "a", "prompt": "b", "temperature": float("nan")},
                "GenerateAi.temperature: found nan; allowed is a finite number or null",
            ),
            (
                GenerateAi,
                {"purpose": "a", "prompt": "b", "temperature": 10**400},
                "GenerateAi.temperature: found a huge integer; allowed is a finite number or null",
            ),
            (
                GenerateAi,
                {"purpose": "a", "prompt": b"b"},
                "GenerateAi.prompt: found a Python bytes; allowed is a text",
            ),
        ],
    )
    def test_the_text_names_the_place_and_what_is_allowed(
        self, type_: type[WireObject], message: Any, text: str
    ) -> None:
        assert error_of(type_, message) == text

    def test_a_long_text_is_cut(self) -> None:
        text = error_of(NavEntry, {**NAV, "section": "x" * 5000})
        assert f"found '{'x' * 60}'… (5000 characters)" in text

    def test_validate_checks_what_was_made_in_python(self) -> None:
        wrong: Any = "setings"
        entry = NavEntry(**{**NAV, "section": wrong})
        manifest = PluginManifest(**MANIFEST, nav=[entry])
        with pytest.raises(
            ValueError, match=r"^PluginManifest\.nav\[0\]\.section: found 'setings'"
        ):
            manifest.validate()
        entry.section = "settings"
        manifest.validate()

    def test_validate_sees_what_is_only_equal_to_a_default(self) -> None:
        zero: Any = 0
        with pytest.raises(ValueError, match="hide_header: found 0"):
            PluginManifest(**MANIFEST, hide_header=zero).validate()

    @pytest.mark.parametrize("wrong", ["deployment.*", b"*", 5, None])
    def test_a_list_is_not_made_of_what_is_none(self, wrong: Any) -> None:
        with pytest.raises(TypeError, match=r"PluginManifest\.events: found .*; allowed is a list"):
            PluginManifest(**MANIFEST, events=wrong)

    def test_constructors_take_known_names_only(self) -> None:
        make: Any = PluginManifest
        with pytest.raises(TypeError, match="positional"):
            make("shop", "1.0.0")
        with pytest.raises(TypeError, match="displayname"):
            make(**MANIFEST, displayname="Shop")
        with pytest.raises(AttributeError):
            make(**MANIFEST).displayname = "Shop"


class TestSecrets:
    def test_an_actor_is_not_shown(self) -> None:
        call = ApiCall.from_json(CALL)
        shown = "ApiCall(method='GET', path='/api/projects', actor=<hidden>)"
        assert repr(call) == str(call) == f"{call}" == shown
        assert call.actor == TOKEN
        assert call.to_json()["actor"] == TOKEN

    @pytest.mark.parametrize("wrong", [[TOKEN], {TOKEN: TOKEN}, b"token-of-the-caller"])
    def test_a_wrong_actor_is_not_shown_either(self, wrong: Any) -> None:
        with pytest.raises(ValueError) as caught:
            ApiCall.from_json({**CALL, "actor": wrong})
        assert TOKEN not in str(caught.value) + repr(caught.value)
        assert str(caught.value) == (
            "ApiCall.actor: found a value that is not shown; "
            "allowed is a text of at least 1 character"
        )

    def test_a_bare_token_is_not_shown(self) -> None:
        assert error_of(ApiCall, TOKEN) == "ApiCall: found a text; allowed is an object"


class TestObjects:
    def test_equal_members_of_one_class_make_equal_objects(self) -> None:
        message = {"project_id": 1, "project_name": "Shop"}
        project = ProjectChanged(project_id=1, project_name="Shop")
        assert project == ProjectChanged.from_json({**message, "later": 1})
        assert project != ProjectChanged(project_id=1, project_name="Other")
        assert ApiContentText(value="x") != ApiContentBinary(value="x")
        assert project != message

    def test_they_have_no_hash(self) -> None:
        with pytest.raises(TypeError, match="unhashable"):
            hash(GetProject(project_id=1))

    def test_they_can_be_copied(self) -> None:
        manifest = PluginManifest(**MANIFEST, nav=[NavEntry(**NAV)])
        other = copy.deepcopy(manifest)
        assert other == manifest
        other.nav[0].order = 9
        assert other != manifest

    def test_a_repr_shows_what_differs_from_the_defaults(self) -> None:
        manifest = PluginManifest(**MANIFEST, events=["*"])
        assert repr(manifest) == "PluginManifest(name='shop', version='1.0.0', events=['*'])"
        assert eval(repr(manifest)) == manifest


def test_tuples_hold_the_values_of_their_types() -> None:
    pairs: list[tuple[tuple[str, ...], Any]] = [
        (wire.NAV_SECTIONS, wire.NavSection),
        (wire.CAPABILITIES, wire.Capability),
        (wire.API_METHODS, wire.ApiMethod),
        (wire.HOST_PERMISSIONS, wire.KnownHostPermission),
        (wire.ERROR_CODES, wire.KnownErrorCode),
    ]
    for values, type_ in pairs:
        assert values == get_args(type_)
    assert "not_found" in wire.ERROR_CODES
    assert all(hasattr(wire, name) for name in wire.__all__)


def test_importing_the_types_brings_in_nothing_beyond_asyncio() -> None:
    program = """
import __future__, asyncio, sys, types
package = types.ModuleType("temps_plugin")
package.__path__ = sys.argv[1:]
sys.modules["temps_plugin"] = package
before = set(sys.modules)
import temps_plugin.wire
print(sorted(set(sys.modules) - before))
"""
    package = str(Path(wire.__file__).parent)
    run = subprocess.run(
        [sys.executable, "-c", program, package], check=True, capture_output=True, text=True
    )
    assert run.stdout.strip() == "['temps_plugin._wire', 'temps_plugin.wire']"
