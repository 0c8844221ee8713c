"""What an earlier dry run found of a system whose inputs have not changed since: one small file each, below the state folder.

The key is made of everything that an offline preview reads: the system, its verdict, the sites, the cloud's own inputs, the
Terraform module, the playbooks, and this program's version. Only offline checks are kept: the world may change by itself.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from orchestrator import __version__, texts
from orchestrator.dryrun.result import StepReport, SystemReport
from orchestrator.engine.session import Session
from orchestrator.errors import Finding
from orchestrator.models import PlanEntry
from orchestrator.private import make_private
from orchestrator.settings import HOME, Settings
from orchestrator.steps.base import Coverage
from orchestrator.tools.ansible_check import check_syntax, digest_of, find_lint

FOLDER = "dry-runs"


def basis_of(session: Session) -> str:
    """What all systems' offline previews depend on alike, read once for a whole run: it is as large as the city."""
    settings = session.settings
    parts = [
        __version__,
        _code(),
        session.sites.model_dump_json(),
        session.programme.model_dump_json(),
        dt.datetime.now(dt.UTC).astimezone(ZoneInfo(session.programme.timezone)).date().isoformat(),  # the next window is told from today
        json.dumps(settings.cloud.inputs, sort_keys=True),
        str(settings.terraform),
        _tree(settings.terraform),
        _tree(settings.playbooks),
    ]
    return _digest(parts)


def key_of(session: Session, system: str, entry: PlanEntry | None, basis: str) -> str:
    """SHA-256 over all that a system's offline preview depends on."""
    return _digest(
        [
            basis,
            session.system(system).model_dump_json(),
            session.verdicts[system].model_dump_json(),
            entry.model_dump_json(exclude={"facts", "reasons"}) if entry else "",
        ]
    )


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def _tree(folder: Path) -> str:
    return digest_of(folder) if folder.is_dir() else ""


@cache
def _code() -> str:
    """This program itself: what a newer one would find is not what an older one kept."""
    package = HOME / "orchestrator"
    names = sorted(package.rglob("*.py"))
    text = "".join(f"{file.relative_to(package)} {file.stat().st_size} {file.stat().st_mtime_ns}\n" for file in names)
    return hashlib.sha256(text.encode()).hexdigest()


def checked_syntax(settings: Settings, *, again: bool) -> dict[str, str]:
    """Every playbook's syntax, asked of Ansible once for each state of the playbooks."""
    key = f"playbooks-{_tree(settings.playbooks)}"
    with suppress(OSError, ValueError):
        kept = json.loads((settings.state / FOLDER / f"{key}.json").read_text(encoding="utf-8"))
        if not again and isinstance(kept, dict):
            return {str(name): str(said) for name, said in kept.items()}
    found = check_syntax(settings.playbooks)
    _keep(settings, key, found)
    return found


def checked_lint(settings: Settings, *, again: bool) -> tuple[Finding, ...] | None:
    """What ansible-lint finds, asked once for each state of the playbooks; None where it is not installed."""
    key = f"lint-{_tree(settings.playbooks)}"
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads((settings.state / FOLDER / f"{key}.json").read_text(encoding="utf-8"))
        if not again and isinstance(kept, list):
            return tuple(Finding.unpack(finding) for finding in kept)
    found = find_lint(settings.playbooks)
    if found is not None:
        _keep(settings, key, [finding.pack() for finding in found])
    return found


def read(settings: Settings, key: str) -> SystemReport | None:
    """What was kept under a key; None when nothing was, or it cannot be read."""
    if not key:
        return None
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads((settings.state / FOLDER / f"{key}.json").read_text(encoding="utf-8"))
        return _report(kept)
    return None


def write(settings: Settings, key: str, report: SystemReport) -> None:
    """Keeps a report; where the state folder cannot be written, the next run checks again."""
    if key:
        steps = [{**step.__dict__, "how": texts.pack(step.how)} for step in report.steps]
        findings = [finding.pack() for finding in report.findings]
        _keep(settings, key, {**asdict(replace(report, steps=(), findings=())), "steps": steps, "findings": findings})


def _keep(settings: Settings, key: str, value: object) -> None:
    folder = settings.state / FOLDER
    with suppress(OSError):
        make_private(folder)
        temporary = folder / f"{key}.new"
        temporary.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
        temporary.rename(folder / f"{key}.json")


def _report(kept: dict[str, Any]) -> SystemReport:
    steps = tuple(StepReport(**{**step, "coverage": Coverage(step["coverage"]), "how": texts.unpack(step["how"])}) for step in kept["steps"])
    return SystemReport(
        **{
            **kept,
            "steps": steps,
            "cached": True,
            "services": tuple(kept["services"]),
            "window": tuple(kept["window"]) if kept["window"] else None,
            "findings": tuple(Finding.unpack(finding) for finding in kept["findings"]),
        }
    )
