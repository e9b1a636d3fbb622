"""Running a plugin inside a test: the real thing on a temporary socket, with a platform in memory.

Nothing is spawned but threads. With pytest, ask for the fixture `run_plugin`, which stops what it
has started when the test is over:

```python
from temps_plugin.testing import TestPlatform, TestUser, event, project

from my_plugin import plugin


def test_it(run_plugin):
    running = run_plugin(plugin, platform=TestPlatform(projects=[project(7, "shop")]))

    reply = running.get("/projects", user=TestUser("1", "ada@example.org"))
    assert reply.status == 200
    assert reply.json() == ["shop"]

    running.deliver(event("deployment.succeeded", {"project_id": 7}))
    assert [call.method for call in running.platform.calls] == ["list_projects"]
```

With any other test tool:

```python
with TestPlugin(plugin) as running:
    assert running.get("/health").status == 200
```

A plugin runs with its event loop on a thread of its own, and everything here waits for it: a test
needs no `async`. The same `Plugin` may be run again, but not twice at the same time.
"""

from __future__ import annotations

from ._platform import RecordedCall, TestPlatform
from ._request import TestResponse, TestUser
from ._run import RunningPlugin, TestPlugin
from ._samples import deployment, environment, event, project

__all__ = [
    "RecordedCall",
    "RunningPlugin",
    "TestPlatform",
    "TestPlugin",
    "TestResponse",
    "TestUser",
    "deployment",
    "environment",
    "event",
    "project",
]
