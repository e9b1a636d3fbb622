"""`python -m temps_plugin build`: the file it makes, and what it refuses."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from temps_plugin import __main__
from temps_plugin._build_errors import BuildError
from temps_plugin._build_launcher import places
from temps_plugin.build import Built, build

PLUGIN = """\
import importlib.metadata
import json
import sys
from pathlib import Path

import greeter
import helpers.text


class Plugin:
    def __init__(self, *, ui):
        self.index = (Path(__file__).parent / ui / "index.html").read_text()


def failing():
    raise RuntimeError("on purpose")


if "--fail" in sys.argv:
    failing()
if "--exit" in sys.argv:
    exit(3)
if __name__ == "__main__":
    facts = {
        "arguments": sys.argv[1:],
        "file": __file__,
        "greeting": greeter.GREETING,
        "helper": helpers.text.TEXT,
        "index": Plugin(ui="web/dist").index,
        "path": sys.path,
        "template": (Path(__file__).parent / "templates" / "a.txt").read_text(),
        "utf8": open(__file__).encoding,
        "version": importlib.metadata.version("greeter"),
    }
    print(json.dumps(facts), flush=True)
    if "--wait" in sys.argv:
        sys.stdin.read()
"""
# Passes its arguments to a program it runs by a descriptor that the exec closes.
BY_DESCRIPTOR = """\
import os, sys
file = os.open(sys.argv[1], os.O_RDONLY | os.O_CLOEXEC)
os.execve(f"/proc/self/fd/{file}", [f"/proc/self/fd/{file}", *sys.argv[2:]], {})
"""


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def install(site: Path, name: str, version: str, requires: str = "", **more: str) -> None:
    """What an installer leaves behind of a package that consists of one module."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"GREETING = 'hello from {name}'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        **{f"{info}/{file}": text for file, text in more.items()},
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    write(site, {**files, f"{info}/RECORD": record})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of installed packages, in front of those of the tests."""
    directory = tmp_path / "site"
    install(directory, "greeter", "1.2")
    monkeypatch.setattr(sys, "path", [str(directory), *sys.path])
    return directory


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A plugin with everything that can lie beside one."""
    directory = tmp_path / "project"
    write(
        directory,
        {
            "plugin.py": PLUGIN,
            "helpers/text.py": "TEXT = 'a module in a folder'\n",
            "web/dist/index.html": "<h1>built</h1>",
            "web/src/index.ts": "never shipped",
            "templates/a.txt": "a template",
            "tests/__init__.py": "",
            "docs/x.md": "",
            ".env": "SECRET=1",
            "pyproject.toml": '[project]\nname = "p"\ndependencies = ["greeter>=1"]\n',
        },
    )
    return directory


@pytest.fixture(params=["native", "script"] if sys.platform == "linux" else ["script"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def make(project: Path, form: str = "native", **options: Any) -> Built:
    return build(
        project / "plugin.py",
        output=project.parent / "built",
        include=[project / "templates"],
        script=form == "script",
        **options,
    )


def run(built: Path, *arguments: str, cache: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [str(built), *arguments]
    environment = {"TEMPS_PLUGIN_CACHE": str(cache)}
    return subprocess.run(
        command, env=environment, cwd="/", capture_output=True, text=True, timeout=60, **more
    )


def facts_of(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert result.returncode == 0, result.stderr
    facts: dict[str, Any] = json.loads(result.stdout)
    return facts


def directories(cache: Path) -> list[Path]:
    return sorted(path for path in cache.iterdir() if path.is_dir())


def test_the_file_holds_modules_packages_ui_and_included_data(
    project: Path, site: Path, form: str, tmp_path: Path
) -> None:
    built = make(project, form)
    shutil.rmtree(project)
    shutil.rmtree(site)
    facts = facts_of(run(built.path, "--data-dir", "/x", "ä b", cache=tmp_path / "cache"))
    assert facts["arguments"] == ["--data-dir", "/x", "ä b"]
    assert facts["greeting"] == "hello from greeter"
    assert facts["version"] == "1.2"
    assert facts["helper"] == "a module in a folder"
    assert facts["index"] == "<h1>built</h1>"
    assert facts["template"] == "a template"
    assert facts["utf8"].lower() == "utf-8"
    assert built.packages == ["greeter 1.2"]
    assert built.size == built.path.stat().st_size


def test_nothing_else_goes_in(project: Path, site: Path, form: str, tmp_path: Path) -> None:
    lines: list[str] = []
    built = make(project, form, report=lines.append)
    facts = facts_of(run(built.path, cache=tmp_path / "cache"))
    app = Path(facts["file"]).parent
    files = {str(path.relative_to(app)) for path in app.rglob("*") if path.is_file()}
    sources = {name for name in files if "__pycache__" not in name}
    assert sources == {"plugin.py", "helpers/text.py", "web/dist/index.html", "templates/a.txt"}
    assert lines == ["left out (see --include): docs/, tests/"]
    assert not [entry for entry in facts["path"] if "site-packages" in entry]


def test_it_starts_under_an_empty_environment(project: Path, site: Path, form: str) -> None:
    built = make(project, form)
    result = subprocess.run([built.path], env={}, cwd="/", capture_output=True, text=True)
    facts = facts_of(result)
    root = Path(facts["file"]).parents[1]
    try:
        assert facts["greeting"] == "hello from greeter"
        assert root.parent.name in ("temps-plugin", f"temps-plugin-{os.geteuid()}")
    finally:
        shutil.rmtree(root)
        root.with_name(f"{root.name}.lock").unlink()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux runs descriptors")
def test_a_host_can_run_the_descriptor_it_has_opened(project: Path, site: Path) -> None:
    built = make(project)
    result = subprocess.run(
        [sys.executable, "-c", BY_DESCRIPTOR, built.path, "--a=b"], capture_output=True, text=True
    )
    facts = facts_of(result)
    assert facts["arguments"] == ["--a=b"]


def test_many_starts_at_once_unpack_once_and_privately(
    project: Path, site: Path, tmp_path: Path
) -> None:
    built, cache = make(project), tmp_path / "cache"
    environment = {"TEMPS_PLUGIN_CACHE": str(cache)}
    processes = [
        subprocess.Popen([built.path], env=environment, stdout=subprocess.PIPE) for _ in range(8)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert {json.loads(output)["greeting"] for output in outputs} == {"hello from greeter"}
    assert len(directories(cache)) == 1
    everything = [cache, *cache.rglob("*")]
    assert not [path for path in everything if stat.S_IMODE(path.stat().st_mode) & 0o077]


def test_a_second_start_unpacks_nothing(project: Path, site: Path, tmp_path: Path) -> None:
    built, cache = make(project), tmp_path / "cache"
    facts = facts_of(run(built.path, cache=cache))
    marked = Path(facts["file"]).with_name("templates") / "a.txt"
    marked.write_text("written in between")
    assert facts_of(run(built.path, cache=cache))["template"] == "written in between"


def test_another_content_gets_another_directory(project: Path, site: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = facts_of(run(make(project).path, cache=cache))
    write(project, {"templates/a.txt": "changed"})
    second = facts_of(run(make(project).path, cache=cache))
    assert (first["template"], second["template"]) == ("a template", "changed")
    assert len(directories(cache)) == 2


def test_directories_nobody_needs_are_removed(project: Path, site: Path, tmp_path: Path) -> None:
    built, cache = make(project), tmp_path / "cache"
    used = Path(facts_of(run(built.path, cache=cache))["file"]).parents[1]
    boot = used.name.rpartition("-")[2]
    names = {
        "old": f"plugin-{'a' * 20}-{boot}",
        "recent": f"plugin-{'b' * 20}-{boot}",
        "held": f"plugin-{'c' * 20}-{boot}",
        "other boot": f"plugin-{'d' * 20}-0123",
        "other plugin": f"plugin-x-{'e' * 20}-0123",
    }
    last_week = time.time() - 7 * 24 * 3600
    for name in names.values():
        write(cache, {f"{name}/app/plugin.py": "", f"{name}.lock": ""})
        if name not in (names["recent"], names["other boot"]):
            os.utime(cache / f"{name}.lock", (last_week, last_week))
    shutil.rmtree(used)
    with (cache / f"{names['held']}.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        facts_of(run(built.path, cache=cache))
    left = {path.name for path in directories(cache)}
    assert left == {used.name, names["recent"], names["held"], names["other plugin"]}
    assert not (cache / f"{names['old']}.lock").exists()


def test_a_running_plugin_keeps_its_directory(project: Path, site: Path, tmp_path: Path) -> None:
    built, cache = make(project), tmp_path / "cache"
    environment = {"TEMPS_PLUGIN_CACHE": str(cache)}
    with subprocess.Popen(
        [built.path, "--wait"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        used = Path(json.loads(running.stdout.readline())["file"]).parents[1]
        with pytest.raises(BlockingIOError), used.with_name(f"{used.name}.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        running.communicate(timeout=60)
    assert running.returncode == 0


def test_a_cache_that_others_can_write_to_is_refused(
    project: Path, site: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "open"
    cache.mkdir()
    cache.chmod(0o777)
    result = run(make(project).path, cache=cache)
    assert result.returncode == 1
    assert f"{cache}: [Errno 1] other users can write to it" in result.stderr
    assert "TEMPS_PLUGIN_CACHE" in result.stderr
    assert not list(cache.iterdir())


def test_a_link_in_place_of_the_cache_is_refused(project: Path, site: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(0o700)
    cache = tmp_path / "link"
    cache.symlink_to(tmp_path / "elsewhere")
    result = run(make(project).path, cache=cache)
    assert result.returncode == 1
    assert f"{cache}: [Errno 20] is not a directory" in result.stderr


def test_the_data_directory_is_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEMPS_PLUGIN_CACHE", raising=False)
    user = os.geteuid()
    shared = [f"/var/tmp/temps-plugin-{user}", f"/tmp/temps-plugin-{user}"]
    for arguments in (["--data-dir", "/d"], ["--data-dir=/d"]):
        monkeypatch.setattr(sys, "argv", ["plugin", *arguments])
        assert list(places())[-3:] == [*shared, "/d/.temps-plugin"]
    monkeypatch.setattr(sys, "argv", ["plugin"])
    assert list(places())[-2:] == shared


def test_a_damaged_file_says_so_and_leaves_nothing(
    project: Path, site: Path, tmp_path: Path
) -> None:
    built, cache = make(project), tmp_path / "cache"
    content = bytearray(built.path.read_bytes())
    at = content.index(b"PK\x03\x04") + 60
    content[at : at + 400] = bytes(400)
    built.path.write_bytes(content)
    result = run(built.path, cache=cache)
    assert result.returncode == 1
    assert "its file is damaged" in result.stderr
    assert directories(cache) == []


def test_exit_status_and_traceback_are_those_of_the_plugin(
    project: Path, site: Path, tmp_path: Path
) -> None:
    built, cache = make(project), tmp_path / "cache"
    assert run(built.path, "--exit", cache=cache).returncode == 3
    failed = run(built.path, "--fail", cache=cache)
    assert failed.returncode == 1
    assert 'raise RuntimeError("on purpose")' in failed.stderr
    assert "app/plugin.py" in failed.stderr


def test_a_missing_interpreter_is_named(
    project: Path, site: Path, form: str, tmp_path: Path
) -> None:
    lines: list[str] = []
    built = make(project, form, interpreter="/nowhere/python3", report=lines.append)
    assert any("/nowhere/python3 is not on this machine" in line for line in lines)
    assert any("at /nowhere/python3" in need for need in built.needs)
    if form == "script":
        assert built.path.read_bytes().startswith(b"#!/nowhere/python3 ")
        return
    result = run(built.path, cache=tmp_path / "cache")
    assert result.returncode == 127
    assert "/nowhere/python3: this plugin was built for this Python" in result.stderr


def test_what_is_required_comes_with_what_it_requires(project: Path, site: Path) -> None:
    install(site, "inner", "3.0")
    install(site, "onlytests", "1.0")
    extra = "Provides-Extra: test\nRequires-Dist: onlytests ; extra == 'test'\n"
    install(site, "outer", "1.0", f"Requires-Dist: inner>=2\n{extra}")
    names = make(project, requirements=["outer"]).packages
    assert names == ["greeter 1.2", "inner 3.0", "outer 1.0"]
    names = make(project, requirements=["Outer[test]"]).packages
    assert names == ["greeter 1.2", "inner 3.0", "onlytests 1.0", "outer 1.0"]


def test_what_is_imported_and_not_required_is_added(project: Path, site: Path) -> None:
    (project / "pyproject.toml").unlink()
    lines: list[str] = []
    assert make(project, report=lines.append).packages == ["greeter 1.2"]
    assert "added because they are imported: greeter" in lines


def test_imports_that_may_fail_need_not_be_installed(project: Path, site: Path) -> None:
    source = (
        "from __future__ import annotations\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import only_for_types\n"
        "try:\n    import faster\nexcept ImportError:\n    faster = None\n"
        "def rarely():\n    import rare\n"
    )
    write(project, {"plugin.py": source})
    assert make(project).packages == ["greeter 1.2"]


REFUSALS: dict[str, tuple[dict[str, str], dict[str, Any], str]] = {
    "not Python": ({"plugin.py": "def"}, {}, "plugin.py line 1 is not Python: invalid syntax"),
    "import": (
        {"plugin.py": "import os\nimport nosuch.thing\n"},
        {},
        "'nosuch', imported by plugin.py line 2, is neither installed nor a file beside it",
    ),
    "import of a helper": (
        {"helpers/text.py": "from nosuch import x\n"},
        {},
        "'nosuch', imported by text.py line 1, is neither installed",
    ),
    "requirement": ({}, {"requirements": ["nosuch>=2"]}, "nosuch>=2 (needed by --requirement) is"),
    "version": (
        {},
        {"requirements": ["greeter>=2"]},
        "greeter>=2 (needed by --requirement), but greeter 1.2 is installed",
    ),
    "no requirement": ({}, {"requirements": ["a b"]}, "'a b' (--requirement) is not a requirement"),
    "ui": (
        {"plugin.py": "Plugin('a', '1.0.0',\n  ui='web/nosuch')\n"},
        {},
        "ui='web/nosuch' in plugin.py line 2: there is no directory",
    ),
    "interpreter": ({}, {"interpreter": "python3"}, "--python python3: the path has to be abs"),
    "no interpreter": ({}, {"interpreter": "/bin/false"}, "/bin/false is no Python, but packages"),
    "toml": ({"pyproject.toml": "["}, {}, "pyproject.toml is not TOML"),
    "project": ({"pyproject.toml": "project = 1"}, {}, "pyproject.toml: [project] is not a table"),
    "dependencies": (
        {"pyproject.toml": "[project]\ndependencies = [1]"},
        {},
        "pyproject.toml: [project] dependencies has to be a list of texts; 1 is none",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_built_is_named(project: Path, site: Path, case: str) -> None:
    files, options, message = REFUSALS[case]
    write(project, files)
    with pytest.raises(BuildError) as refusal:
        make(project, **options)
    assert message in str(refusal.value)
    assert not (project.parent / "built").exists()


def test_everything_missing_is_named_at_once(project: Path, site: Path) -> None:
    with pytest.raises(BuildError) as refusal:
        make(project, requirements=["one", "two"])
    assert "\n  one (needed by" in str(refusal.value)
    assert "\n  two (needed by" in str(refusal.value)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"direct_url.json": '{"url": "file:///src", "dir_info": {"editable": true}}'},
            "odd is installed in editable mode from file:///src",
        ),
        ({}, "odd.py of odd is missing"),
    ],
)
def test_a_package_that_is_not_whole_is_refused(
    project: Path, site: Path, more: dict[str, str], message: str
) -> None:
    install(site, "odd", "1.0", **more)
    (site / "odd.py").unlink()
    with pytest.raises(BuildError, match=message):
        make(project, requirements=["odd"])


def test_a_plain_install_says_what_building_needs(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("packaging", "packaging.utils", "packaging.requirements"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BuildError, match=r"'packaging' is missing; .*temps-plugin\[build\]"):
        make(project)


def test_paths_that_cannot_be_used_are_named(project: Path, site: Path, tmp_path: Path) -> None:
    plugin, out = project / "plugin.py", tmp_path / "out"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"output": tmp_path}, "is a directory; name the file to write with -o"),
        ({"output": plugin}, "is the plugin itself"),
        ({"output": tmp_path / "no" / "x"}, "there is no directory"),
        ({"output": out, "include": [tmp_path / "nosuch"]}, "there is no such file or directory"),
        ({"output": out, "include": [site]}, "lies outside the plugin's directory"),
    ]
    for options, message in cases:
        with pytest.raises(BuildError, match=message):
            build(plugin, **options)
    with pytest.raises(BuildError, match="there is no file"):
        build(project / "nosuch.py")


def command_line(*arguments: str, site: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    package = Path(__main__.__file__).parents[1]
    paths = [str(site), str(package), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, "-m", "temps_plugin", *arguments]
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True)


def test_the_command_line(project: Path, site: Path, tmp_path: Path) -> None:
    result = command_line("build", "plugin.py", "--include", "templates", site=site, cwd=project)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{project / 'plugin'} (")
    assert lines[1] == "contains: greeter 1.2"
    assert any(line.startswith("needs: cpython") and " at /" in line for line in lines)
    facts_of(run(project / "plugin", cache=tmp_path / "cache"))


def test_the_command_lines_exit_status(project: Path, site: Path) -> None:
    failed = command_line("build", "nosuch.py", site=site, cwd=project)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "error: there is no file nosuch.py\n"
    assert command_line("build", site=site, cwd=project).returncode == 2
    assert command_line(site=site, cwd=project).returncode == 2
    shown = command_line("build", "--help", site=site, cwd=project)
    assert shown.returncode == 0
    assert "examples:" in shown.stdout
