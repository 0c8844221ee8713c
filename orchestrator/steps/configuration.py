"""A service's own configuration files on the target: as on the source, with the declared values for where it stands now.

They are read from the source and written to the target, with owner and mode; nothing of them lies on the controller, and neither
their contents nor a value that is set is ever in facts or the journal. Trees leave them out: each side keeps its own.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from orchestrator.errors import Finding, OrchestratorError, StepFailed, Unasked, words_of
from orchestrator.hosts import carried
from orchestrator.hosts.configuration import EditRefused, edit, find_missing, find_nearest, list_keys
from orchestrator.hosts.services import CarriedFile
from orchestrator.models import ConfigFile, FileTree, Service
from orchestrator.steps.base import Context
from orchestrator.steps.references import PASSWORD, REFERENCE, Reached, make_table, words_in
from orchestrator.texts import Words, say

_WITHIN = re.compile(r"\{(@(?:listen|database|device)\.[^\s{}]+)\}")
FEW = 8
"""How many of a file's keys are named where none comes near."""


def edited_files(
    ctx: Context, service: Service, rehearsal: Mapping[str, tuple[str, str, str]] | None, passwords: Mapping[str, str]
) -> tuple[CarriedFile, ...]:
    """Every configuration file of a service as it is to be on its target host. ``passwords``: of each database's role there."""
    connection = ctx.world.ssh(ctx.world.source(service.host))
    table = ctx.world.reference_table(service, rehearsal) | password_table(passwords)
    found = []
    for file in service.files:
        former = carried.read_file(connection, file.path)
        values = {key: _fill(value, table, service.name, file, key) for key, value in file.edits.items()}
        try:
            content = _edit(file, former.content, values)
        except EditRefused as error:
            raise StepFailed(
                say("steps.file_uneditable", path=file.path, format=file.format, error=words_of(error)),
                where=f"{service.host} › {service.name}",
                remedy=say("steps.correct_key"),
            ) from error
        found.append(dataclasses.replace(former, content=content))
    return tuple(found)


def _edit(file: ConfigFile, content: bytes, values: Mapping[str, str]) -> bytes:
    """Raises EditRefused, also for a key that is not there and that nobody said may be added."""
    for key in _find_undeclared(file, content):
        raise EditRefused(key, say("steps.key_not_there"))
    return edit(file.format, content, values)


def password_table(passwords: Mapping[str, str]) -> dict[str, str]:
    """``@database.NAME.password``: for files only, which are readable for whom their mode allows; never for an environment."""
    return make_table({}, [Reached(name, {PASSWORD: password}) for name, password in passwords.items()], [])


def _fill(value: str, table: Mapping[str, str], service: str, file: ConfigFile, key: str) -> str:
    """A literal; a reference; or a text with references in braces, ``jdbc:postgresql://{@database.host}:{@database.port}/x``."""
    if unknown := [word for word in words_in(value) if word not in table]:
        raise StepFailed(
            say("steps.refers_nothing", key=key, reference=unknown[0]), where=f"{service} › {file.path}", remedy=say("steps.correct_inventory")
        )
    if REFERENCE.match(value):
        return table[value]
    return _WITHIN.sub(lambda match: table[match[1]], value)


def names_in(ctx: Context, tree: FileTree) -> tuple[str, ...]:
    """What each side keeps for itself of a tree: configuration files that lie in it, by their names relative to it."""
    top = tree.path.rstrip("/")
    paths = [file.path for service in ctx.system.services if service.host == tree.host for file in service.files]
    return tuple(dict.fromkeys(path[len(top) + 1 :] for path in paths if path.startswith(f"{top}/")))


def find_problems(ctx: Context) -> list[Finding]:
    """For preflight: each file is read on its source, and edited in memory. What its values refer to is looked at without it (``names``)."""
    found: list[Finding] = []
    for service in ctx.system.services:
        for file in service.files:
            try:
                problems = _problems_of(ctx, service, file)
            except Unasked as error:
                found += error.findings(ctx.system.id)
            else:
                found += [Finding("configuration", "error", problem, mend, system=ctx.system.id) for problem, mend in problems]
    return found


def _problems_of(ctx: Context, service: Service, file: ConfigFile) -> list[tuple[Words, Words]]:
    """What is wrong, and what to do."""
    correct = say("steps.correct_files")
    if ctx.world.source(service.host).manager == "processes":
        return [(say("steps.files_systemd", service=service.name, file=file.path), correct)]
    found: list[tuple[Words, Words]] = []
    try:
        content = _read(ctx, service, file)
        keys, undeclared = list_keys(file.format, content), _find_undeclared(file, content)
    except Unasked:
        raise
    except (EditRefused, OrchestratorError) as error:
        return [(say("steps.file_says", service=service.name, file=file.path, error=words_of(error)), correct)]
    for key in undeclared:
        nearest = find_nearest(key, keys)
        there = say("steps.key_nearest", key=nearest) if nearest else say("steps.keys_there", keys=tuple(keys[:FEW]), count=len(keys))
        found.append((say("steps.key_missing", service=service.name, file=file.path, key=key, there=there), say("steps.correct_or_add")))
    for key in file.edits:
        if key not in undeclared:
            try:
                edit(file.format, content, {key: "0"})
            except EditRefused as error:
                found.append((say("steps.file_says", service=service.name, file=file.path, error=words_of(error)), correct))
    return found


def _read(ctx: Context, service: Service, file: ConfigFile) -> bytes:
    return carried.read_file(ctx.world.ssh(ctx.world.source(service.host)), file.path).content


def _find_undeclared(file: ConfigFile, content: bytes) -> list[str]:
    """Keys that the file has not and that nobody said may be added."""
    return [key for key in find_missing(file.format, content, file.set) if key not in file.add]


def describe_edits(ctx: Context) -> list[Words]:
    """For a dry run that may ask: of every file the keys that it has and those that would be added. Values are not said. A file that
    cannot be read is left out: preflight says why."""
    told: list[Words] = []
    for service in ctx.system.services:
        for file in service.files:
            try:
                added = find_missing(file.format, _read(ctx, service, file), file.edits)
            except (EditRefused, OrchestratorError):
                continue
            there = tuple(key for key in file.edits if key not in added)
            nothing = say("steps.none")
            told.append(say("steps.edits_of", file=file.path, there=there or nothing, added=tuple(added) or nothing))
    return told
