"""The door to the platform's test suites: pytest in a process of its own, read from its JUnit report."""

from __future__ import annotations

import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from slipway.exceptions import CommandFailed
from slipway.hooks.command.command import CommandHook, tail
from slipway.paths import INCLUDE

_RAN = (0, 1)  # pytest: all passed, some failed; everything else means that the suite did not run


@dataclass(frozen=True)
class SuiteResult:
    """How a test suite went. A skipped test did not pass.

    :param failed: names of the tests that failed.
    :param skipped: names of those that were skipped.
    :param flaky: names of those that failed and passed when they ran again.
    """

    tests: int
    passed: int
    failed: Sequence[str]
    skipped: Sequence[str] = ()
    flaky: Sequence[str] = ()


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
        find_flaky: bool = False,
    ) -> SuiteResult:
        """Run a suite.

        :param directory: folder of the suite.
        :param file: the one file of it to run; None for all.
        :param environment: what the tests are told, such as ``BACKEND_URL``.
        :param timeout_seconds: bound for the whole suite, each time that it runs, in s.
        :param find_flaky: run the tests that failed once more; their first result counts.
        :return: what ran, and how.
        :raises CommandFailed: when the suite could not run, or ran no test.
        """
        with tempfile.TemporaryDirectory(prefix="slipway-suite-") as folder:
            report = Path(folder) / "report.xml"
            command = [
                sys.executable, "-m", "pytest", str(directory / (file or "")),
                f"--rootdir={directory.parent}",
                "--config-file=/dev/null", "-o", f"cache_dir={folder}/cache", "-q", f"--junitxml={report}",
            ]  # fmt: skip
            variables = {
                "PYTHONPATH": str(INCLUDE.parent),
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                **environment,
            }
            code, output = self.run_command(command, environment=variables, timeout_seconds=timeout_seconds)
            if code not in _RAN:
                raise CommandFailed(f"suite {directory.name}: pytest ended with {code}:\n{tail(output)}")
            first = report.read_bytes()
            if not (find_flaky and read_reports(first).failed):
                return read_reports(first)
            code, output = self.run_command(
                [*command, "--last-failed"], environment=variables, timeout_seconds=timeout_seconds
            )
            if code not in _RAN:
                raise CommandFailed(f"suite {directory.name}: pytest ended with {code}:\n{tail(output)}")
            return read_reports(first, report.read_bytes())


def read_reports(first: bytes, again: bytes | None = None) -> SuiteResult:
    """Read the JUnit reports of a suite.

    :param first: of the suite, in JUnit's XML.
    :param again: of the tests of it that failed, which ran once more; None where they did not.
    :return: what ran, and how; the first result counts.
    :raises CommandFailed: when a report cannot be read, or holds no test.
    """
    result = _read_report(first)
    if again is None:
        return result
    second = _read_report(again)
    left = {*second.failed, *second.skipped}
    return replace(result, flaky=[name for name in result.failed if name not in left])


def _read_report(content: bytes) -> SuiteResult:
    try:
        cases = ElementTree.fromstring(content).iter("testcase")  # noqa: S314 - our own pytest wrote it
    except ElementTree.ParseError as error:
        raise CommandFailed(f"the JUnit report cannot be read: {error}") from error
    found: dict[str, set[str]] = {}
    for case in cases:
        # A test whose teardown fails is there twice.
        found.setdefault(f"{case.get('classname')}.{case.get('name')}", set()).update(c.tag for c in case)
    if not found:
        raise CommandFailed("the JUnit report holds no test; a suite without tests proves nothing")
    failed = [name for name, tags in found.items() if tags & {"failure", "error"}]
    skipped = [name for name, tags in found.items() if "skipped" in tags and name not in failed]
    passed = len(found) - len(failed) - len(skipped)
    return SuiteResult(tests=len(found), passed=passed, failed=failed, skipped=skipped)
