"""A small Flask plugin: a route for whoever is signed in, a page, and an event handler."""

from __future__ import annotations

import logging

from flask import Flask, Response, abort, render_template_string, request
from temps_plugin import NavEntry, Plugin, PluginContext, TempsError, caller
from temps_plugin.wire import PluginEvent

log = logging.getLogger("flask-hello")
app = Flask(__name__)

plugin = Plugin(
    "flask-hello",
    "0.1.0",
    display_name="Flask Hello",
    description="Says hello and lists your projects",
    nav=[
        NavEntry(label="Hello", icon="hand", section="platform", path="/flask-hello", order=95),
    ],
    permissions=["projects_read", "events_read"],
    app=app,
)

PAGE = """<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>Projects</title></head>
  <body>
    <h1>Projects</h1>
    <ul>
      {% for project in projects %}<li>{{ project.name }} ({{ project.main_branch }})</li>
      {% else %}<li>None yet.</li>
      {% endfor %}
    </ul>
  </body>
</html>
"""


@app.get("/hello")
def hello() -> dict[str, str]:
    found = caller(request)
    if found is None:
        abort(401, "sign in to Temps first")
    return {"hello": found.email, "role": found.role}


@app.get("/")
def projects() -> str | Response:
    # Flask runs handlers in threads, where a blocking call holds up nobody else.
    try:
        found = plugin.ctx.temps.sync.list_projects()
    except TempsError as error:
        return Response(f"Temps does not tell its projects: {error}", 502, mimetype="text/plain")
    return render_template_string(PAGE, projects=found)


@plugin.on_event("project.*")
def changed(_ctx: PluginContext, event: PluginEvent) -> None:
    log.info("%s: project %s", event.event_type, event.project_id)


if __name__ == "__main__":
    plugin.run()
