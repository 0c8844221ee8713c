"""A service's own configuration files on the target: as on the source, with the declared values for where it stands now.

They are read from the source and written to the target, with owner and mode; nothing of them lies on the controller, and neither
their contents nor a value that is set is ever in facts or the journal. Trees leave them out: each side keeps its own.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from orchestrator.errors import Finding, OrchestratorError, StepFailed, words_of
from orchestrator.hosts import carried
from orchestrator.hosts.configuration import EditRefused, edit
from orchestrator.hosts.services import CarriedFile
from orchestrator.models import ConfigFile, FileTree, Service
from orchestrator.steps.base import Context
from orchestrator.steps.references import PASSWORD, REFERENCE, Reached, make_table, words_in
from orchestrator.texts import Words, say

_WITHIN = re.compile(r"\{(@(?:listen|database|device)\.[^\s{}]+)\}")


def edited_files(
    ctx: Context, service: Service, rehearsal: Mapping[str, tuple[str, str, str]] | None, passwords: Mapping[str, str]
) -> tuple[CarriedFile, ...]:
    """Every configuration file of a service as it is to be on its target host. ``passwords``: of each database's role there."""
    connection = ctx.world.ssh(ctx.world.source(service.host))
    table = ctx.world.reference_table(service, rehearsal) | password_table(passwords)
    found = []
    for file in service.files:
        former = carried.read_file(connection, file.path)
        values = {key: _fill(value, table, service.name, file, key) for key, value in file.set.items()}
        try:
            content = edit(file.format, former.content, values)
        except EditRefused as error:
            raise StepFailed(
                say("steps.file_uneditable", path=file.path, format=file.format, error=words_of(error)),
                where=f"{service.host} › {service.name}",
                remedy=say("steps.correct_key"),
            ) from error
        found.append(dataclasses.replace(former, content=content))
    return tuple(found)


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
    return [
        Finding("configuration", "error", problem, say("steps.correct_files"), system=ctx.system.id)
        for service in ctx.system.services
        for file in service.files
        for problem in _problems_of(ctx, service, file)
    ]


def _problems_of(ctx: Context, service: Service, file: ConfigFile) -> list[Words]:
    if ctx.world.source(service.host).manager == "processes":
        return [say("steps.files_systemd", service=service.name, file=file.path)]
    try:
        content = carried.read_file(ctx.world.ssh(ctx.world.source(service.host)), file.path).content
        edit(file.format, content, dict.fromkeys(file.set, "0"))
    except (EditRefused, OrchestratorError) as error:
        return [say("steps.file_says", service=service.name, file=file.path, error=words_of(error))]
    return []
