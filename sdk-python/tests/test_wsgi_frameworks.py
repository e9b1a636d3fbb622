"""The applications of others on `WsgiApp`, and the validator of `wsgiref`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from wsgiref.validate import validator

import pytest
from wsgi_driver import Environ, answer, ask


def checked_app(environ: Environ, start_response: Any) -> Iterable[bytes]:
    body = environ["wsgi.input"]
    lines = [body.read(3), body.readline(), *body.readlines(2), body.read(100)]
    environ["wsgi.errors"].flush()
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["QUERY_STRING"] == "write":
        write(b"written ")
    return [b"|".join(lines)]


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("query", [b"", b"write"])
@pytest.mark.filterwarnings("error")
def test_the_validator_of_wsgiref_finds_nothing(method: str, query: bytes) -> None:
    client = ask(
        validator(checked_app),
        method,
        [b"abcde\n", b"f\ng\nh"],
        path="/ä",
        query_string=query,
        headers=[(b"content-type", b"text/plain"), (b"content-length", b"11")],
        extensions={"temps": {"caller": None}},
    )
    assert client.status == 200
    assert client.complete
    if method != "HEAD":
        assert client.body == (b"written " if query else b"") + b"abc|de\n|f\n|g\nh"


@pytest.mark.filterwarnings("error")
def test_the_validator_finds_nothing_in_a_stream() -> None:
    headers = [("Content-Type", "text/plain")]
    client = ask(validator(answer(b"a", b"", b"b", headers=headers)), root_path="/app", path="/app")
    assert client.body == b"ab"
    empty = ask(validator(answer(status="204 No Content")))
    assert empty.status == 204


def test_flask() -> None:
    pytest.importorskip("flask")
    import flask

    app = flask.Flask(__name__)

    @app.post("/echo/<name>")
    def echo(name: str) -> Any:
        request = flask.request
        return {
            "name": name,
            "url": request.url,
            "form": request.form.to_dict(),
            "file": request.files["file"].read().decode(),
            "user": request.headers.get("X-Temps-User-Id"),
            "caller": request.environ["temps.caller"],
        }

    @app.get("/stream")
    def stream() -> Any:
        return flask.Response((f"{number}\n" for number in range(3)), mimetype="text/plain")

    @app.post("/raw")
    def raw() -> Any:
        return flask.request.get_data()

    @app.get("/broken")
    def broken() -> Any:
        raise KeyError("in a view")

    boundary = b"--b\r\nContent-Disposition: form-data; name="
    body = (
        boundary
        + b'"a"\r\n\r\n1\r\n'
        + boundary
        + b'"file"; filename="f"\r\n\r\ncontent\r\n--b--\r\n'
    )
    client = ask(
        app,
        "POST",
        [body[:20], body[20:50], body[50:]],
        path="/echo/grün",
        query_string=b"q=1",
        headers=[
            (b"host", b"example.org"),
            (b"content-type", b"multipart/form-data; boundary=b"),
            (b"content-length", str(len(body)).encode()),
            (b"x-temps-user-id", b"7"),
            (b"x_temps_user_id", b"1"),
        ],
        extensions={"temps": {"caller": "someone"}},
    )
    assert client.status == 200
    assert flask.json.loads(client.body) == {
        "name": "grün",
        "url": "http://example.org/echo/grün?q=1",
        "form": {"a": "1"},
        "file": "content",
        "user": "7",
        "caller": "someone",
    }
    host = [(b"host", b"example.org")]
    streamed = ask(app, path="/stream", headers=host)
    assert [message["body"] for message in streamed.sent[1:]] == [b"0\n", b"1\n", b"2\n", b""]
    # Without a Content-Length the body's end is the input's end.
    assert ask(app, "POST", [b"a", b"b"], path="/raw", headers=host).body == b"ab"
    assert ask(app, path="/broken", headers=host).status == 500
    assert ask(app, path="/missing", headers=host).status == 404
    head = ask(app, "HEAD", path="/stream", headers=host)
    assert (head.status, head.body, head.complete) == (200, b"", True)


def test_django() -> None:
    django = pytest.importorskip("django")
    settings = pytest.importorskip("django.conf").settings
    if not settings.configured:
        settings.configure(SECRET_KEY="x" * 50)
        django.setup()
    with pytest.importorskip("django.test").override_settings(
        ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"]
    ):
        check_django(pytest.importorskip("django.core.handlers.wsgi").WSGIHandler())


def check_django(app: Any) -> None:
    boundary = b"--b\r\nContent-Disposition: form-data; name="
    body = boundary + b'"a"; filename="f"\r\n\r\ncontent\r\n--b--\r\n'
    client = ask(
        app,
        "POST",
        [body[:10], body[10:]],
        path="/echo/grün",
        headers=[
            (b"host", b"example.org"),
            (b"cookie", b"a=1"),
            (b"cookie", b"b=2"),
            (b"content-type", b"multipart/form-data; boundary=b"),
            (b"content-length", str(len(body)).encode()),
        ],
        extensions={"temps": {"caller": "someone"}},
    )
    assert client.status == 200
    assert client.body.decode() == "grün content someone 1 2"
    streamed = ask(app, path="/stream", headers=[(b"host", b"example.org")])
    assert streamed.body == b"012"
    assert streamed.complete
    missing = ask(app, path="/missing", headers=[(b"host", b"example.org")])
    assert missing.status == 404


def __getattr__(name: str) -> Any:
    """`urlpatterns` for Django, made when it asks."""
    if name != "urlpatterns":
        raise AttributeError(name)
    http = pytest.importorskip("django.http")
    path = pytest.importorskip("django.urls").path

    def echo(request: Any, name: str) -> Any:
        cookies = request.COOKIES
        content = request.FILES["a"].read().decode()
        caller = request.META["temps.caller"]
        return http.HttpResponse(f"{name} {content} {caller} {cookies['a']} {cookies['b']}")

    def stream(request: Any) -> Any:
        return http.StreamingHttpResponse(str(number) for number in range(3))

    return [path("echo/<name>", echo), path("stream", stream)]
