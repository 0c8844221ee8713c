"""The table of cases and engines: as a run shows it, and as docs/databases.md carries it.

``python -m tests.contracts.table`` writes the page; a unit test holds page and cases equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.contracts.mover.cases import ENGINES, GROUPS, Case, all_cases

PAGE = Path(__file__).resolve().parents[2] / "docs" / "databases.md"
MARK = "<!-- made from tests/contracts/mover by `python -m tests.contracts.table`; do not edit below -->"


def word(case: Case) -> str:
    """What the table says of a case that holds."""
    return "broken" if case.broken else case.expect


def shown(outcomes: Mapping[str, str]) -> list[str]:
    """Lines for a terminal: one a case that ran, and the counts an engine."""
    lines, counts = [], {engine: Counter[str]() for engine in ENGINES}
    for case in all_cases():
        outcome = outcomes.get(f"{case.engine}-{case.name}")
        if outcome is None:
            continue
        said = case.expect if outcome == "held" else "BROKEN"
        counts[case.engine][said] += 1
        note = f" ({case.broken})" if case.broken and said == "BROKEN" else ""
        note = " (said to be broken, and holds: drop the line)" if case.broken and said != "BROKEN" else note
        lines.append(f"{case.engine:12} {said:8} {case.group}: {case.title}{note}")
    for engine, counted in counts.items():
        lines.append(f"{engine}: " + ", ".join(f"{counted[w]} {w}" for w in ("carried", "refused", "BROKEN")))
    return lines


def page() -> str:
    """The table in Markdown, one section a group."""
    cases = all_cases()
    lines = [MARK, ""]
    for engine in ENGINES:
        counted = Counter(word(case) for case in cases if case.engine == engine)
        lines += [f"{engine}: " + ", ".join(f"{counted[w]} {w}" for w in ("carried", "refused", "broken")) + ".", ""]
    for group in GROUPS:
        lines += [f"### {group.capitalize()}", "", "| case | " + " | ".join(ENGINES) + " |", "|---|" + "---|" * len(ENGINES)]
        titles = sorted({case.title for case in cases if case.group == group})
        for title in titles:
            cells = []
            for engine in ENGINES:
                of_it = [case for case in cases if case.title == title and case.engine == engine]
                cells.append(_cell(of_it[0]) if of_it else "–")
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _cell(case: Case) -> str:
    if case.broken:
        return f"**broken**: {case.broken}"
    return f"refused at {case.refused_at} (`{case.code}`)" if case.expect == "refused" else "carried"


def written(text: str) -> str:
    """The page with its table made anew."""
    return text.split(MARK, maxsplit=1)[0] + page()


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), encoding="utf-8")
