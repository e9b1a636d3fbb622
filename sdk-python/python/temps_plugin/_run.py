"""The life of a plugin as a process: the event loop, the SDK beside it, and the exit."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from . import _core, _stdio, logs
from ._driver import Driver

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, TypeAlias

    from .plugin import Plugin

    # A host's arguments, or a handshake by hand.
    Beginning: TypeAlias = list[str] | _core.Announced

    Launch: TypeAlias = Callable[[_core.Runtime, Driver, asyncio.AbstractEventLoop], None]

_log = logging.getLogger("temps_plugin")


def run(plugin: Plugin, beginning: Beginning) -> NoReturn:
    """Runs the plugin, then ends the process."""
    _stdio.claim()
    logs.install()
    # The SDK answers signals. Python's own Ctrl-C would break the event loop off instead.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        code = live(
            plugin,
            lambda runtime, driver, loop: runtime.launch(beginning, driver, loop),
        )
    except ValueError as error:
        _log.error("%s", error)
        code = 1
    _exit(code)


def live(plugin: Plugin, launch: Launch) -> int:
    """Runs what `launch` starts on a new event loop of this thread; the plugin's exit code."""
    runtime = plugin._runtime()
    loop = _new_event_loop()
    asyncio.set_event_loop(loop)
    driver = Driver(plugin, loop, runtime)
    loop.add_reader(runtime.fileno(), runtime.woken)
    launch(runtime, driver, loop)
    try:
        _run_until_ended(loop, driver)
        loop.remove_reader(runtime.fileno())
        _cancel_all(loop)
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        runtime.loop_ended()
    return driver.code


def _new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's when the author has it."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _run_until_ended(loop: asyncio.AbstractEventLoop, driver: Driver) -> None:
    """Runs the loop. Whatever a task of the author's raises, the plugin goes on."""
    while not driver.has_ended:
        try:
            loop.run_forever()
        # These two a task hands on to its loop, and to whoever awaits the task.
        except (SystemExit, KeyboardInterrupt) as error:
            _log.error("a task raised %s; the plugin goes on", type(error).__name__, exc_info=error)


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    """Ends the tasks that are left, as `asyncio.run` does."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))


def _exit(code: int) -> NoReturn:
    """Ends the process. Threads that are still busy must not keep it."""
    main = threading.current_thread()
    busy = [t for t in threading.enumerate() if t is not main and not t.daemon]
    if not busy:
        sys.exit(code)
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            continue
    os._exit(code)
