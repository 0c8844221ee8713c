"""A case is a small file: what stands there, what is done when, and what must be seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ENGINES = ("postgresql", "mariadb")
GROUPS = (
    "tables and keys", "columns and types", "code and rules", "rights and roles", "database and settings",
    "extensions and servers", "names and sizes", "sessions and waits", "changes while it runs", "our own things", "whole applications",
)  # fmt: skip


@dataclass(frozen=True)
class Act:
    """Something that somebody does at some moment. ``fails``: the SQLSTATE that must come back, empty: it succeeds."""

    sql: str
    by: str = "application"
    fails: str = ""


@dataclass(frozen=True)
class Case:
    """One row of the table. See README.md for what each word means."""

    name: str
    engine: str
    title: str
    group: str
    expect: str
    """``carried`` or ``refused``."""
    server: str = ""
    superuser: str = ""
    source: str = ""
    target: str = ""
    """By the superuser on the target's server, before anything."""
    open_sessions: list[Act] = field(default_factory=list)
    """Sessions that begin a transaction, do this and stay."""
    live: list[str] = field(default_factory=list)
    moving: list[str] = field(default_factory=list)
    """Sequences that ``live`` draws from."""
    after_copy: list[Act] = field(default_factory=list)
    afterwards: list[str] = field(default_factory=list)
    in_trial: list[Act] = field(default_factory=list)
    ends: str = "back"
    """``back``, ``again`` (forward once more, and back) or ``accepted``."""
    others: list[str] = field(default_factory=list)
    """Roles and databases of other applications, on either side: they stay where they are, and as they are."""
    accepted: list[str] = field(default_factory=list)
    refused_at: str = "preflight"
    """``preflight``, ``copy``, ``gate`` or ``going back``."""
    code: str = ""
    names: list[str] = field(default_factory=list)
    warns: str = ""
    """The code of a warning that must be given although it is carried."""
    database: str = "records"
    create: str = ""
    """Options of CREATE DATABASE."""
    alone: bool = False
    """Its things would meet another case's: it is not moved together with others."""
    broken: str = ""
    """Why this case does not hold today; the table says so, and the test fails once it holds."""


def load(path: Path) -> Case:
    """One file. Raises AssertionError with what is wrong in it."""
    data: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    for moment in ("after_copy", "in_trial", "open_sessions"):
        data[moment] = [Act(**act) for act in data.get(moment, [])]
    case = Case(name=path.stem, engine=path.parent.name, **data)
    assert case.group in GROUPS, f"{path}: group {case.group}"
    assert case.expect in ("carried", "refused"), f"{path}: expect {case.expect}"
    assert (case.expect == "refused") == bool(case.code), f"{path}: a refusal has a code, what is carried has none"
    return case


@cache
def all_cases() -> tuple[Case, ...]:
    """Every engine's, by group and title."""
    cases = [load(path) for engine in ENGINES for path in sorted((HERE / engine).glob("*.yaml"))]
    return tuple(sorted(cases, key=lambda case: (GROUPS.index(case.group), case.title)))
