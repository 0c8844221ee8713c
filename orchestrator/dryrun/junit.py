"""A dry run as JUnit XML: a suite for the city and one for each system, a case for each step, a failed case for each error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from orchestrator.dryrun.result import Result, SystemReport, describe
from orchestrator.errors import Finding
from orchestrator.steps.base import Coverage

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold (section 2.2)."""


def to_junit(result: Result) -> str:
    """The XML document, with its declaration."""
    root = ElementTree.Element("testsuites", name="orchestrator dry-run")
    city = _suite(root, "city")
    for name, said in result.playbooks.items():
        _case(city, "playbooks", name, [] if said == "ok" else [said])
    _add_findings(city, "city", result.findings)
    for system in result.systems:
        _add_system(root, system)
    for suite in root:
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
        suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
        suite.set("errors", "0")
    root.set("tests", str(len(root.findall("testsuite/testcase"))))
    root.set("failures", str(len(root.findall("testsuite/testcase/failure"))))
    ElementTree.indent(root)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + ElementTree.tostring(root, encoding="unicode") + "\n"


def _add_system(root: ElementTree.Element, system: SystemReport) -> None:
    suite = _suite(root, system.system)
    for step in system.steps:
        case = _case(suite, system.system, f"step {step.id}", [])
        if step.coverage is Coverage.NOT_TOUCHED:
            ElementTree.SubElement(case, "skipped", message=_clean(str(step.how)))
        else:
            ElementTree.SubElement(case, "system-out").text = _clean(f"{step.coverage}: {step.how}")
    _add_findings(suite, system.system, system.findings)


def _add_findings(suite: ElementTree.Element, name: str, findings: Sequence[Finding]) -> None:
    """One case a finding: an error fails, a warning passes with its words."""
    for number, finding in enumerate(findings, 1):
        label = f"{finding.code} {finding.place()} ({number})".strip()
        case = _case(suite, name, label, [describe(finding)] if finding.severity == "error" else [])
        if finding.severity != "error":
            ElementTree.SubElement(case, "system-out").text = _clean(describe(finding))


def _suite(root: ElementTree.Element, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(root, "testsuite", name=_clean(name))


def _case(suite: ElementTree.Element, group: str, name: str, failures: Sequence[str]) -> ElementTree.Element:
    case = ElementTree.SubElement(suite, "testcase", classname=_clean(group), name=_clean(name))
    for words in failures:
        first = words.splitlines()[0] if words else ""
        failure = ElementTree.SubElement(case, "failure", type="finding", message=_clean(first))
        failure.text = _clean(words)
    return case


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
