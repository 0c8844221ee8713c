"""Prints the table of cases × engines that a run showed."""

from __future__ import annotations

import pytest

from tests.contracts import table

_OUTCOMES: dict[str, str] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remembers how each case of a mover ended."""
    of_a_mover = any(f"{name}.py::test_case[" in report.nodeid for name in ("test_movers", "test_mariadb"))
    if not of_a_mover or (report.when != "call" and report.passed):
        return
    case = report.nodeid.split("[", 1)[1].split("]", 1)[0]  # pytest-xdist writes the group behind it
    broken = report.outcome != "passed" or (hasattr(report, "wasxfail") and report.skipped)
    _OUTCOMES[case] = "broken" if broken else "held"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table, when any case ran."""
    if _OUTCOMES:
        terminalreporter.write_sep("=", "movers: cases and engines")
        for line in table.shown(_OUTCOMES):
            terminalreporter.write_line(line)
