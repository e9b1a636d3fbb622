"""The exceptions: which there are, what they are besides, and what they say."""

from __future__ import annotations

import copy
import pickle

import pytest
from temps_plugin import errors
from temps_plugin.errors import PluginError, RemoteError, TempsError, error_of


@pytest.mark.parametrize(
    ("kind", "expected", "also"),
    [
        ("timeout", errors.CallTimeout, TimeoutError),
        ("disconnected", errors.Disconnected, ConnectionError),
        ("protocol", errors.ProtocolError, Exception),
        ("invalid_request", errors.InvalidRequest, ValueError),
        ("no_actor", errors.NoActor, Exception),
        ("other", errors.PluginError, Exception),
    ],
)
def test_each_kind_has_its_exception(
    kind: str, expected: type[TempsError], also: type[Exception]
) -> None:
    error = error_of(kind, "it went wrong", None)
    assert type(error) is expected
    assert isinstance(error, also)
    assert (error.kind, error.code, error.message) == (kind, kind, "it went wrong")
    assert str(error) == "it went wrong"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("not_found", errors.NotFound),
        ("permission_denied", errors.PermissionDenied),
        ("invalid_params", errors.InvalidParams),
        ("method_not_found", errors.MethodNotFound),
        ("internal", errors.InternalError),
        ("unauthenticated", errors.Unauthenticated),
        ("teapot", errors.RemoteError),
    ],
)
def test_each_code_of_the_host_has_its_exception(code: str, expected: type[RemoteError]) -> None:
    error = error_of("remote", "no project 42", code)
    assert type(error) is expected
    assert (error.kind, error.code, error.message) == ("remote", code, "no project 42")
    assert str(error) == f"the host answered {code}: no project 42"


def test_a_kind_of_the_core_that_has_no_exception_keeps_its_name() -> None:
    error = error_of("socket", "the path is too long", None)
    assert type(error) is PluginError
    assert (error.kind, error.code) == ("socket", "socket")
    # The instance has it, not the class: the next one is of its own kind.
    assert PluginError("else").kind == "other"


def test_an_author_can_raise_them_with_a_message_alone() -> None:
    assert errors.NotFound("no shop").code == "not_found"
    assert errors.CallTimeout("too late").code == "timeout"
    assert RemoteError("no", "teapot").code == "teapot"


@pytest.mark.parametrize(
    "error",
    [
        error_of("remote", "no", "teapot"),
        error_of("timeout", "too late", None),
        error_of("disconnected", "gone", None),
        error_of("socket", "too long", None),
    ],
    ids=lambda error: type(error).__name__,
)
def test_they_survive_copying_and_pickling(error: TempsError) -> None:
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert (twin.kind, twin.code, twin.message) == (error.kind, error.code, error.message)


def test_all_are_temps_errors_and_all_are_exported() -> None:
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert len(classes) == 14
    assert all(issubclass(cls, TempsError) for cls in classes)
    assert {cls.__name__ for cls in classes} | {"error_of"} == set(errors.__all__)
