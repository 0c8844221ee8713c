"""Findings of an input that may be wrong a hundred thousand times in the same way: some of each kind by themselves, the rest as a number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Self

from orchestrator.errors import Finding
from orchestrator.texts import say

EACH = 100
"""Findings of one kind in one column of one sheet (or one field of one YAML file) that are listed one by one."""
_DIGITS = re.compile(r"\d+")
Kind = tuple[str, str, str, str, str]


class Findings(list[Finding]):
    """A list that takes every finding and keeps so many of each kind. ``rest`` says how many more there were."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: Counter[Kind] = Counter()

    def append(self, finding: Finding) -> None:
        kind = (finding.file, finding.sheet, _DIGITS.sub("", finding.cell), finding.code, finding.severity)
        self._seen[kind] += 1
        if self._seen[kind] <= EACH:
            super().append(finding)

    def extend(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.append(finding)
        if isinstance(findings, Findings):
            for kind, seen in findings._seen.items():
                self._seen[kind] += max(0, seen - EACH)

    def __iadd__(self, findings: Iterable[Finding]) -> Self:  # type: ignore[override,misc]  # list takes any iterable of its own kind only
        self.extend(findings)
        return self

    def rest(self) -> list[Finding]:
        """One finding for each kind of which not all are listed."""
        return [
            Finding(
                code,
                severity,
                say("inventory.more_of_a_kind", count=seen - EACH),
                say("inventory.see_listed"),
                file=file,
                sheet=sheet,
                cell=column,
            )
            for (file, sheet, column, code, severity), seen in self._seen.items()
            if seen > EACH
        ]
