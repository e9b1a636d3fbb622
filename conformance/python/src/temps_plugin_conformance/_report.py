"""What a run found out, read from the runner's JSON report."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Result:
    """What became of one check in one dialect."""

    check: str
    """Area and name, such as ``handshake/completes``."""
    title: str
    """What holds when it passes."""
    rules: tuple[str, ...]
    """Ids of the rules of PROTOCOL.md that it proves."""
    severity: str
    """``MUST``, ``SHOULD`` or ``MAY``."""
    dialect: int
    """1 or 2."""
    status: str
    """``passed``, ``failed``, ``skipped`` or ``fault``, which is the runner's own failure."""
    detail: str
    """What was expected and seen, the reason of a skip, or what went wrong with the runner."""

    def __str__(self) -> str:
        rules = ", ".join(self.rules)
        return f"{self.check} (dialect {self.dialect}; {self.severity}: {rules})\n{self.detail}"


@dataclass(frozen=True)
class Report:
    """What a run found out."""

    command: tuple[str, ...]
    """What was started."""
    verdict: str
    """``conformant``, ``not_conformant``, ``nothing_run``, ``never_started`` or
    ``runner_fault``."""
    counts: Mapping[str, int]
    """How many checks ended how: ``passed``, ``failed``, ``warnings``, ``skipped``, ``faults``."""
    results: tuple[Result, ...] = field(repr=False)
    """Every check that was selected, in each dialect."""
    starts: tuple[str, ...]
    """How the first start in each dialect went, where it did not succeed."""
    document: Mapping[str, Any] = field(repr=False)
    """The runner's JSON report, whole."""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Report:
        """From the runner's JSON report."""
        return cls(
            command=tuple(document["command"]),
            verdict=document["verdict"],
            counts=document["counts"],
            results=tuple(_result(result) for result in document["results"]),
            starts=tuple(_start(s) for s in document["starts"] if s["outcome"] != "started"),
            document=document,
        )

    def failures(self) -> list[Result]:
        """The checks of MUST rules that failed."""
        failed = [result for result in self.results if result.status == "failed"]
        return [result for result in failed if result.severity == "MUST"]

    def warnings(self) -> list[Result]:
        """The checks of SHOULD and MAY rules that failed."""
        failed = [result for result in self.results if result.status == "failed"]
        return [result for result in failed if result.severity != "MUST"]

    def __str__(self) -> str:
        counted = ", ".join(f"{count} {what}" for what, count in self.counts.items())
        parts = [f"{self.verdict.replace('_', ' ')}: {counted}", *self.starts]
        faults = [result for result in self.results if result.status == "fault"]
        for word, results in (
            ("FAILED", self.failures()),
            ("FAULT of the runner", faults),
            ("warning", self.warnings()),
        ):
            parts += [f"{word} {result}" for result in results]
        return "\n\n".join(parts)


class NotConformant(AssertionError):
    """A plugin broke rules of the protocol, or the run broke those that it was given."""

    def __init__(self, report: Report, said: str) -> None:
        self.report = report
        """What was found out."""
        command = shlex.join(report.command)
        text = f"{report}\n\nWhat went over the wire: temps-plugin-conformance run -- {command}"
        # Such as an entry of known failures that has expired: nothing of it is in the results.
        if not report.failures() and report.verdict != "never_started" and said:
            text += f"\n\nThe runner said:\n{said}"
        super().__init__(text)


def _result(result: Mapping[str, Any]) -> Result:
    return Result(
        check=result["check"],
        title=result["title"],
        rules=tuple(result["rules"]),
        severity=result["severity"],
        dialect=result["dialect"],
        status=result["status"],
        detail=_detail(result),
    )


def _detail(result: Mapping[str, Any]) -> str:
    if result["status"] == "failed":
        return f"  expected  {result['expected']}\n  seen      {result['seen']}"
    for member in ("reason", "message"):
        if member in result:
            return f"  {result[member]}"
    return "\n".join(f"  {line}" for line in _texts(result.get("evidence", ())))


def _texts(lines: Sequence[object]) -> list[str]:
    return [str(line) for line in lines]


def _start(start: Mapping[str, Any]) -> str:
    return f"dialect {start['dialect']}: {start.get('reason', start['outcome'])}"
