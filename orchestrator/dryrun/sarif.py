"""A dry run's findings as SARIF 2.1.0 (OASIS): where a code host shows findings, they stand at their file, line, sheet and cell."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from orchestrator import __version__
from orchestrator.dryrun.result import Result
from orchestrator.errors import Finding

_LINE = re.compile(r"L([0-9]{1,9})")
_LEVELS = {"error": "error", "warning": "warning"}
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def to_sarif(result: Result, *, root: str = "") -> str:
    """The JSON document. ``root``: the inventory folder as the repository names it; files of findings stand below it."""
    findings = result.all_findings()
    rules = sorted({finding.code for finding in findings})
    run = {
        "tool": {
            "driver": {
                "name": "orchestrator dry-run",
                "version": __version__,
                "rules": [{"id": code, "shortDescription": {"text": code.replace("-", " ")}} for code in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, rules.index(finding.code), root) for finding in findings],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=1) + "\n"


def _result(finding: Finding, rule: int, root: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": _LEVELS.get(finding.severity, "note"),
        "message": {"text": f"{finding.message} → {finding.remedy}"},
    }
    location = _location(finding, root)
    if location:
        found["locations"] = [location]
    return found


def _location(finding: Finding, root: str) -> dict[str, Any]:
    """A line in a text file is a region; a cell of a sheet has no line, so it is a logical location within its file."""
    location: dict[str, Any] = {}
    if finding.file:
        physical: dict[str, Any] = {"artifactLocation": {"uri": quote(str(PurePosixPath(root) / finding.file))}}
        line = _LINE.fullmatch(finding.cell) if not finding.sheet else None
        if line and int(line[1]):
            physical["region"] = {"startLine": int(line[1])}
        location["physicalLocation"] = physical
    if finding.sheet:
        name = f"{finding.sheet}!{finding.cell}" if finding.cell else finding.sheet
        location["logicalLocations"] = [{"name": name, "kind": "member", "fullyQualifiedName": f"{finding.file}#{name}"}]
    elif finding.system:
        location["logicalLocations"] = [{"name": finding.system, "kind": "module"}]
    return location
