"""The action, run as GitHub runs it: its steps in order, with inputs in the environment.

Needs PyYAML. The runner is one that writes down how it was called; that the real one understands
it is tried by `test_with_the_real_runner`, when RUNNER names one.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[3]
ACTION = yaml.safe_load((REPOSITORY / "action.yml").read_text())
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]

RECORDER = """\
#!{python}
import json, os, sys
with open({calls!r}, "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
for word in sys.argv:
    if word.startswith("html="):
        open(word[5:], "w").close()
sys.exit(int(os.environ.get("STATUS", "0")))
"""


@dataclass
class Outcome:
    status: int
    outputs: dict[str, str]
    calls: list[list[str]]
    said: str


class Runner:
    """A machine of GitHub's, as far as the action can tell."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.calls = home / "calls"
        self.fake = self.program("runner")
        self.environment = {"PATH": os.environ["PATH"]}

    def program(self, name: str) -> Path:
        path = self.home / name
        path.write_text(RECORDER.format(python=sys.executable, calls=str(self.calls)))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def use(self, **inputs: str) -> Outcome:
        """What `uses:` with these inputs does."""
        values = {name: given.get("default", "") for name, given in ACTION["inputs"].items()}
        values.update({name.replace("_", "-"): value for name, value in inputs.items()})
        outputs: dict[str, dict[str, str]] = {}
        status, said = 0, ""
        for step in STEPS:
            if step.get("if") == "inputs.runner == ''" and values["runner"]:
                continue
            status, outputs[step["id"]], text = self._step(step, values, outputs)
            said += text
            if status != 0:
                break
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        found = {
            name: evaluate(output["value"], values, outputs)
            for name, output in ACTION["outputs"].items()
        }
        return Outcome(status, found, [json.loads(call) for call in calls], said)

    def _step(
        self, step: dict[str, Any], inputs: dict[str, str], outputs: dict[str, dict[str, str]]
    ) -> tuple[int, dict[str, str], str]:
        file = self.home / f"output-{step['id']}"
        file.write_text("")
        environment = {
            **self.environment,
            "GITHUB_ACTION_PATH": str(REPOSITORY),
            "GITHUB_OUTPUT": str(file),
            "GITHUB_STEP_SUMMARY": str(self.home / "summary.md"),
            "RUNNER_TEMP": str(self.home),
            **{name: evaluate(text, inputs, outputs) for name, text in step["env"].items()},
        }
        assert step["shell"] == "bash"
        script = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(
            script, env=environment, cwd=self.home, capture_output=True, text=True, check=False
        )
        lines = [line.split("=", 1) for line in file.read_text().splitlines()]
        return done.returncode, dict(lines), done.stdout + done.stderr


def evaluate(text: str, inputs: dict[str, str], outputs: dict[str, dict[str, str]]) -> str:
    """A `${{ … }}` of the few forms that the action has."""
    matched = re.fullmatch(r"\$\{\{ (.*) \}\}", text)
    assert matched, text
    for operand in matched[1].split(" || "):
        match operand.split("."):
            case ["inputs", name]:
                value = inputs[name]
            case ["steps", step, "outputs", name]:
                value = outputs.get(step, {}).get(name, "")
            case _:
                raise AssertionError(operand)
        if value:
            return value
    return ""


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def test_every_input_and_output_is_described_and_used() -> None:
    used = re.findall(r"inputs\.([a-z-]+)", json.dumps(STEPS))
    assert set(used) == set(ACTION["inputs"])
    for given in (*ACTION["inputs"].values(), *ACTION["outputs"].values()):
        assert given["description"].endswith(".")


def test_no_input_gets_into_the_text_of_a_script() -> None:
    for step in STEPS:
        assert "${{" not in step["run"]


def test_the_runner_is_that_of_this_version() -> None:
    cargo = (REPOSITORY / "Cargo.toml").read_text()
    version = re.search(r'^version = "(.*)"$', cargo, re.MULTILINE)
    assert version is not None
    assert ACTION["inputs"]["version"]["default"] == version[1]


def test_a_plugin_is_all_that_is_needed(runner: Runner) -> None:
    done = runner.use(plugin="./my-plugin", runner=str(runner.fake))
    words = ["--format", "github", "--dialect", "both", "--report", "html=conformance.html"]
    assert done.calls == [["run", *words, "--", "./my-plugin"]]
    page = str(runner.home / "conformance.html")
    assert (done.status, done.outputs) == (0, {"verdict": "conformant", "report": page})


def test_every_input_reaches_the_runner(runner: Runner) -> None:
    done = runner.use(
        plugin="python3\nplugin.py\n--verbose\n",
        dialect="2",
        run="channel/*\nHS-28",
        skip="http/large-body\n\n",
        known_failing="known failing.toml",
        config="conformance.toml",
        args="--jobs\r\n2\r\n",
        html="",
        junit="out/junit.xml",
        json="out/report.json",
        runner=str(runner.fake),
    )
    flags = ["--dialect", "2", "--run", "channel/*", "--run", "HS-28", "--skip", "http/large-body"]
    flags += ["--known-failing", "known failing.toml", "--config", "conformance.toml"]
    flags += ["--report", "junit=out/junit.xml", "--report", "json=out/report.json", "--jobs", "2"]
    command = ["--", "python3", "plugin.py", "--verbose"]
    assert done.calls == [["run", "--format", "github", *flags, *command]]
    assert done.outputs["report"] == ""


EVIL = "$(touch evil) `touch evil` \"'; touch evil; #"


def test_no_input_is_run(runner: Runner) -> None:
    names = [name for name in ACTION["inputs"] if name not in ("runner", "version")]
    done = runner.use(**{**dict.fromkeys(names, EVIL), "runner": str(runner.fake)})
    assert done.status == 0 and done.calls[0][-1] == EVIL
    assert not (runner.home / "evil").exists()


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (1, "not_conformant"),
        (2, "usage"),
        (3, "never_started"),
        (4, "runner_fault"),
        (101, "runner_fault"),
    ],
)
def test_the_verdict_is_the_runners(runner: Runner, status: int, verdict: str) -> None:
    runner.environment["STATUS"] = str(status)
    done = runner.use(plugin="./my-plugin", runner=str(runner.fake))
    assert (done.status, done.outputs["verdict"]) == (status, verdict)


def test_without_a_runner_that_version_is_installed(runner: Runner) -> None:
    npm = runner.program("npm")
    runner.environment["PATH"] = f"{npm.parent}:{os.environ['PATH']}"
    installed = runner.home / "temps-plugin-conformance" / "node_modules" / ".bin"
    installed.mkdir(parents=True)
    runner.fake.rename(installed / "temps-plugin-conformance")
    done = runner.use(plugin="./my-plugin", version="1.2.3-rc.1")
    install, run = done.calls
    assert install[-1] == "temps-plugin-conformance@1.2.3-rc.1"
    assert (run[-1], done.outputs["verdict"]) == ("./my-plugin", "conformant")


@pytest.mark.parametrize("version", [EVIL, "", "npm:other", "-g", "https://example.com/x.tgz"])
def test_what_is_no_version_is_refused(runner: Runner, version: str) -> None:
    npm = runner.program("npm")
    runner.environment["PATH"] = f"{npm.parent}:{os.environ['PATH']}"
    done = runner.use(plugin="./my-plugin", version=version)
    assert done.status == 2 and done.calls == [] and "::error::version" in done.said


@pytest.mark.skipif("RUNNER" not in os.environ, reason="RUNNER does not name a runner")
def test_with_the_real_runner(runner: Runner) -> None:
    plugin = f"{sys.executable}\n{REPOSITORY}/examples/plain-python/plugin.py"
    done = runner.use(
        plugin=plugin, run="manifest/*\nhealth/get", junit="junit.xml", runner=os.environ["RUNNER"]
    )
    assert (done.status, done.outputs["verdict"]) == (0, "conformant"), done.said
    assert "<html" in Path(done.outputs["report"]).read_text().lower()
    assert "<testsuite" in (runner.home / "junit.xml").read_text()
    assert (runner.home / "summary.md").read_text().strip()
    broken = runner.use(plugin="false", runner=os.environ["RUNNER"])
    assert (broken.status, broken.outputs["verdict"]) == (3, "never_started")
    assert "::error" in broken.said
