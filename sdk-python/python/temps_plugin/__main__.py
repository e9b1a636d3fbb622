"""``python -m temps_plugin``: the commands ``build`` and ``run``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_BUILD_HELP = """\
Builds one executable file from a plugin, the modules beside it and the packages it needs. Packages
are taken from the environment that runs this command: those of [project] dependencies in the
pyproject.toml beside the plugin, those named here, and those the plugin's files import.

On the target machine the file needs the Python interpreter whose path is printed at the end. It
unpacks itself once, into ~/.cache/temps-plugin or /var/tmp/temps-plugin-<user id>, or where the
environment variable TEMPS_PLUGIN_CACHE says.
"""
_BUILD_EXAMPLES = """\
examples:
  python -m temps_plugin build plugin.py
  python -m temps_plugin build plugin.py -o dist/slack-notifier --include templates
  python -m temps_plugin build plugin.py --requirement 'flask>=3' --python /usr/bin/python3.12

exit status: 0 built, 1 cannot be built, 2 wrong arguments
"""
_RUN_HELP = """\
Runs a plugin for development: starts it, shows its routes at http://127.0.0.1:PORT/api/x/<name>/
to a signed-in user, and starts it anew when a file beside it changes. Its data directory is
.temps/<file name> beside the plugin. Ctrl-C stops it.

There is no platform behind it: the channel is open, but every call of ctx.temps fails with the code
"internal". For one that answers, use temps_plugin.testing.
"""
_RUN_EXAMPLES = """\
An event is delivered when you POST it to /events ("id" and "timestamp" are made up if missing):
  curl http://127.0.0.1:8000/events \\
    -d '{"event_type": "deployment.succeeded", "project_id": 7, "data": {}}'

examples:
  python -m temps_plugin run plugin.py
  python -m temps_plugin run plugin.py --port 9000 --dialect 1
  python -m temps_plugin run plugin.py --role user --permissions projects:read

exit status: 0 stopped, 1 cannot run, 2 wrong arguments
"""
_ROLES = ("admin", "platform_admin", "user", "reader", "api_reader", "custom", "metrics_ingest")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    status: int = options.command(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m temps_plugin", description="Build and run Temps plugins."
    )
    commands = parser.add_subparsers(required=True, metavar="build|run")
    plain = argparse.RawDescriptionHelpFormatter
    _add_build_options(
        commands.add_parser(
            "build",
            help="make one executable file of a plugin",
            description=_BUILD_HELP,
            epilog=_BUILD_EXAMPLES,
            formatter_class=plain,
        )
    )
    _add_run_options(
        commands.add_parser(
            "run",
            help="run a plugin for development",
            description=_RUN_HELP,
            epilog=_RUN_EXAMPLES,
            formatter_class=plain,
        )
    )
    return parser


def _add_build_options(command: argparse.ArgumentParser) -> None:
    command.set_defaults(command=_build)
    command.add_argument("plugin", type=Path, metavar="PLUGIN.PY", help="the plugin's main file")
    command.add_argument(
        "-o", "--output", type=Path, help="the file to write (default: the plugin's without .py)"
    )
    command.add_argument(
        "--include",
        type=Path,
        action="append",
        default=[],
        metavar="DIR_OR_FILE",
        help='data beside the plugin to take along; a directory given as ui="…" goes in by itself',
    )
    command.add_argument(
        "--requirement",
        action="append",
        default=[],
        metavar="TEXT",
        help="a package to take along, such as 'flask>=3'",
    )
    command.add_argument(
        "--python", metavar="PATH", help="the interpreter on the target machine (default: this)"
    )
    command.add_argument(
        "--script", action="store_true", help="make a #! script and no native program, on Linux too"
    )


def _add_run_options(command: argparse.ArgumentParser) -> None:
    command.set_defaults(command=_run)
    command.add_argument("plugin", type=Path, metavar="PLUGIN.PY", help="the plugin's main file")
    command.add_argument(
        "--port", type=_port, default=8000, help="0 takes a free one (default: 8000)"
    )
    command.add_argument(
        "--dialect", type=int, choices=(1, 2), default=2, help="of the protocol (default: 2)"
    )
    command.add_argument(
        "--role", choices=_ROLES, default="admin", help="of the signed-in user (default: admin)"
    )
    command.add_argument(
        "--permissions", default="", metavar="LIST", help="of that user, with commas between"
    )
    command.add_argument(
        "--database-url", metavar="URL", help="for a plugin whose manifest has requires_db"
    )


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is not between 0 and 65535")
    return port


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _build(options: argparse.Namespace) -> int:
    from ._build_errors import BuildError
    from .build import build

    try:
        built = build(
            options.plugin,
            output=options.output,
            include=options.include,
            requirements=options.requirement,
            interpreter=options.python,
            script=options.script,
            report=_say,
        )
    except BuildError as error:
        _say(f"error: {error}")
        return 1
    print(f"{built.path} ({built.size / 1e6:.1f} MB)")
    print(f"contains: {', '.join(built.packages) or 'no packages'}")
    for need in built.needs:
        print(f"needs: {need}")
    return 0


def _run(options: argparse.Namespace) -> int:
    from .develop import DevelopError, Settings, develop

    settings = Settings(
        dialect=options.dialect,
        port=options.port,
        role=options.role,
        permissions=options.permissions,
        database_url=options.database_url,
    )
    try:
        return develop(options.plugin, settings)
    except DevelopError as error:
        _say(f"error: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
