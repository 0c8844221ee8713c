"""Playbooks without a host: syntax by Ansible itself, roles' variables held to their argument specs, templates rendered.

Ansible's own validator and templating are used, so that what passes here is what a run would accept. Values of the
inventory are never trusted as templates.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from orchestrator.errors import Finding, OrchestratorError
from orchestrator.texts import Words, say
from orchestrator.tools import process


def check_syntax(folder: Path) -> dict[str, str]:
    """Playbook → ``ok`` or what Ansible said. One run for all; file by file only where that one fails."""
    files = sorted(folder.glob("*.yml"))
    if _syntax_error(files) == "":
        return {file.name: "ok" for file in files}
    return {file.name: _syntax_error([file]) or "ok" for file in files}


def _syntax_error(files: Sequence[Path]) -> str:
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    argv = [program, "--syntax-check", "-i", "targets,databases,", *map(str, files)]
    try:
        process.run(argv, label="ansible-playbook --syntax-check", limit=120)
    except OrchestratorError as error:
        return error.what
    return ""


def find_lint(folder: Path) -> tuple[Finding, ...] | None:
    """What ansible-lint's production profile finds in the playbooks and roles, at file and line: a task that changes something on
    every run is one of it. None where ansible-lint is not installed. Asked once for each state of the folder."""
    program = Path(sys.executable).with_name("ansible-lint")
    if not program.exists():
        return None
    digest = digest_of(folder)
    if digest not in _LINTED:
        _LINTED[digest] = _lint(folder, program)
    return _LINTED[digest]


_LINTED: dict[str, tuple[Finding, ...]] = {}
"""By the digest of the playbooks, in this process."""


def _lint(folder: Path, program: Path) -> tuple[Finding, ...]:
    path = f"{program.parent}{os.pathsep}{os.environ.get('PATH', '')}"  # it starts ansible-playbook by name
    argv = [str(program), "-q", "--offline", "--profile", "production", "-f", "codeclimate", "."]
    done = process.run(argv, label="ansible-lint", limit=300, cwd=folder, env={**os.environ, "PATH": path}, check=False)
    try:
        return tuple(_lint_finding(issue) for issue in json.loads(done.stdout))
    except (ValueError, KeyError, TypeError):
        words = done.stderr.strip().splitlines()[-1:]
        said = words[0][:300] if words else say("tools.lint_silent")
        return (Finding("playbook-lint", "error", say("tools.lint_ended", code=done.code, words=said), say("tools.lint_run")),)


def _lint_finding(issue: Mapping[str, Any]) -> Finding:
    place, rule = issue["location"], str(issue["check_name"])
    lines = place.get("lines") or place.get("positions", {}).get("begin", {})
    line = lines.get("begin", lines.get("line", 1))
    body = str((issue.get("content") or {}).get("body", ""))
    message = say("tools.lint_issue", rule=rule, description=str(issue["description"]), body=body)
    remedy = str(issue["url"]) if issue.get("url") else say("tools.mend_task")
    return Finding("playbook-lint", "error", message, remedy, file=f"playbooks/{place['path']}", cell=f"L{line}")


def roles_of(folder: Path, playbook: str) -> list[str]:
    """Roles of a playbook's plays, in order."""
    plays = yaml.safe_load((folder / f"{playbook}.yml").read_text(encoding="utf-8")) or []
    found = [role["role"] if isinstance(role, dict) else str(role) for play in plays for role in play.get("roles", [])]
    return list(dict.fromkeys(found))


def check_variables(
    folder: Path, playbook: str, variables: Mapping[str, Any], items: Sequence[Mapping[str, Any]] = (), *, system: str = ""
) -> list[Finding]:
    """What a playbook's roles would refuse of these variables: argument specs, unknown names, templates with undefined variables.

    ``items``: what templates of a loop get as ``item``, one after the other. Secrets are not handed over: a variable that
    ends in ``_secret_file`` counts as given.
    """
    findings: list[Finding] = []
    for role in roles_of(folder, playbook):
        options = _options(folder, role)
        given = {name: value for name, value in variables.items() if name.startswith(f"{role}_")}
        secrets = {name: "/dev/null" for name in options if name.endswith("_secret_file")}
        place = " › ".join([f"{playbook}.yml", role])
        findings += [
            _finding("role-argument", place, say("tools.role_says", role=role, words=words), system)
            for words in _broken(options, given | secrets)
        ]
        findings += [
            _finding("role-variable-unknown", place, say("tools.role_no_variable", role=role, name=name), system)
            for name in sorted(given)
            if name not in options
        ]
        findings += [
            _finding("template", f"roles/{role}/templates/{name}", words, system)
            for name, words in _unrendered(folder, role, given | secrets, items)
        ]
    return findings


def digest_of(folder: Path) -> str:
    """SHA-256 over every file of the playbooks: a role that changed is checked anew."""
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        total.update(f"{file.relative_to(folder)}\0".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


@cache
def _options(folder: Path, role: str) -> dict[str, Any]:
    """The role's declared variables; none where it declares none."""
    file = folder / "roles" / role / "meta/argument_specs.yml"
    if not file.is_file():
        return {}
    return dict((yaml.safe_load(file.read_text(encoding="utf-8"))["argument_specs"]["main"]).get("options") or {})


def _broken(options: dict[str, Any], given: Mapping[str, Any]) -> list[str]:
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

    known = {name: value for name, value in given.items() if name in options}
    return list(ArgumentSpecValidator(options).validate(known).error_messages)


_templating = threading.Lock()
"""Ansible's plugin loader is not made for threads: it takes a plugin that another thread is just loading for a broken one."""


def _unrendered(folder: Path, role: str, given: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(template, what is wrong) of each of the role's templates that these variables do not fill."""
    from ansible.errors import AnsibleError
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar, trust_as_template

    loader = DataLoader()
    defaults_file = folder / "roles" / role / "defaults/main.yml"
    defaults = loader.load_from_file(str(defaults_file), trusted_as_template=True) if defaults_file.is_file() else {}
    found: list[tuple[str, str]] = []
    for file in sorted((folder / "roles" / role).glob("templates/*.j2")):
        text = trust_as_template(file.read_text(encoding="utf-8"))
        loops = items if "item." in text or "item[" in text else [{}]
        for item in loops:
            variables = {**(defaults or {}), **given, "item": dict(item)}
            try:
                with _templating:
                    Templar(loader=loader, variables=variables).template(text)
            except AnsibleError as error:
                found.append((file.name, _first_line(error)))
                break
    return found


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _finding(code: str, place: str, message: Words, system: str) -> Finding:
    remedy = say("tools.mend_role")
    return Finding(code, "error", message, remedy, file=f"playbooks/{place}", system=system)
