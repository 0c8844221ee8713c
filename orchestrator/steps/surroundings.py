"""For preflight: what holds the system to its old machines and does not move by itself. Warnings: whether it matters a person knows."""

from __future__ import annotations

import datetime as dt

from orchestrator.errors import Finding, OrchestratorError, Unasked
from orchestrator.hosts import surroundings
from orchestrator.hosts.surroundings import FEW, Surroundings
from orchestrator.models import Host
from orchestrator.steps.base import Context
from orchestrator.steps.protect import ONTO_SERVERS
from orchestrator.texts import Words, say

SOON = dt.timedelta(days=60)


def find_problems(ctx: Context) -> list[Finding]:
    """Certificates that end soon or are made out to an old address, files that name one, licence keys and servers."""
    if ctx.verdict.strategy not in ONTO_SERVERS or ctx.verdict.no_source:
        return []
    leaving = [host.address for host in ctx.system.hosts] + [site.gateway.address for site in ctx.sites.sites if site.kind == "room"]
    found = []
    for host in ctx.system.hosts:
        if host.manager == "systemd":
            folders = [tree.path for tree in ctx.system.file_trees if tree.host == host.name]
            try:
                found += _judge(ctx, host, surroundings.look(ctx.world.ssh(host), leaving, folders), leaving)
            except Unasked as error:
                found += error.findings(ctx.system.id)
            except OrchestratorError as error:  # what only warns holds nobody up
                said = say("error.of", name=host.name, said=error.says)
                found.append(Finding("surroundings-unseen", "warning", said, error.mend, system=ctx.system.id))
    return found


def _judge(ctx: Context, host: Host, seen: Surroundings, leaving: list[str]) -> list[Finding]:
    def finding(code: str, message: Words, remedy: Words) -> Finding:
        return Finding(code, "warning", say("error.of", name=host.name, said=message), remedy, system=ctx.system.id)

    found = []
    edited = {file.path for service in ctx.system.services if service.host == host.name for file in service.files}
    if naming := [path for path in seen.naming if path not in edited]:
        message = say("surroundings.naming", files=tuple(naming[:FEW]), count=len(naming))
        found.append(finding("address-in-files", message, say("surroundings.edit_files")))
    soon = dt.datetime.now(dt.UTC) + SOON
    for certificate in seen.certificates:
        if certificate.ends < soon:
            message = say("surroundings.certificate_ends", path=certificate.path, ends=f"{certificate.ends:%Y-%m-%d}")
            found.append(finding("certificate-ends", message, say("surroundings.renew")))
        if named := sorted(set(certificate.addresses) & set(leaving)):
            message = say("surroundings.certificate_address", path=certificate.path, addresses=tuple(named))
            found.append(finding("certificate-address", message, say("surroundings.reissue")))
    if keys := (*seen.licence_keys, *seen.licences):
        message = say("surroundings.licence", what=keys)
        found.append(finding("licence-bound", message, say("surroundings.ask_vendor")))
    return found
