"""The conformance suite for Temps plugins, from Python.

    from temps_plugin_conformance import assert_conformant

    def test_the_plugin_keeps_the_protocol() -> None:
        assert_conformant("target/release/my-plugin")

The program that does the work comes with this package; ``temps-plugin-conformance`` is it on the
command line. With pytest, the fixture ``conformance`` is the same function with paths taken from
the folder of the configuration file.
"""

from ._report import NotConformant, Report, Result
from ._runner import RunnerError, assert_conformant, program

__all__ = ["NotConformant", "Report", "Result", "RunnerError", "assert_conformant", "program"]
