"""The door to the platform's test suites: pytest in a process of its own, read from its JUnit report."""

from __future__ import annotations

import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway.exceptions import CommandFailed
from slipway.hooks.command.command import CommandHook, tail
from slipway.paths import INCLUDE

_RAN = (0, 1)  # pytest: all passed, some failed; everything else means that the suite did not run


@dataclass(frozen=True)
class SuiteResult:
    """How a test suite went.

    :param failed: names of the tests that failed.
    """

    tests: int
    passed: int
    failed: Sequence[str]


class TestRunnerHook(CommandHook):
    """Runs a folder of pytest files against deployed services."""

    __test__ = False

    def run(
        self,
        directory: Path,
        *,
        file: str | None = None,
        environment: Mapping[str, str],
        timeout_seconds: float,
    ) -> SuiteResult:
        """Run a suite.

        :param directory: folder of the suite.
        :param file: the one file of it to run; None for all.
        :param environment: what the tests are told, such as ``BACKEND_URL``.
        :param timeout_seconds: bound for the whole suite.
        :raises CommandFailed: when the suite could not run, or ran no test.
        """
        with tempfile.TemporaryDirectory(prefix="slipway-suite-") as folder:
            report = Path(folder) / "report.xml"
            code, output = self.run_command(
                [
                    sys.executable, "-m", "pytest", str(directory / (file or "")),
                    f"--rootdir={directory.parent}",
                    "--config-file=/dev/null", "-p", "no:cacheprovider", "-q", f"--junitxml={report}",
                ],
                environment={
                    "PYTHONPATH": str(INCLUDE.parent), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment
                },
                timeout_seconds=timeout_seconds,
            )  # fmt: skip
            if code not in _RAN:
                raise CommandFailed(f"suite {directory.name}: pytest ended with {code}:\n{tail(output)}")
            return read_report(report)


def read_report(path: Path) -> SuiteResult:
    """Read a JUnit report; a skipped test did not pass.

    :param path: the report, in JUnit's XML.
    :raises CommandFailed: when it holds no test.
    """
    cases = ElementTree.parse(path).getroot().iter("testcase")  # noqa: S314 - our own pytest wrote it
    results = {
        f"{case.get('classname')}.{case.get('name')}": len(case) == 0 or _passed(case) for case in cases
    }
    if not results:
        raise CommandFailed(f"{path.name}: no test ran; a suite without tests proves nothing")
    failed = [name for name, passed in results.items() if not passed]
    return SuiteResult(tests=len(results), passed=len(results) - len(failed), failed=failed)


def _passed(case: ElementTree.Element) -> bool:
    return not any(child.tag in ("failure", "error", "skipped") for child in case)
