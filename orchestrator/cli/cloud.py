"""cloud: what was changed outside, volumes that are kept, a lost state taken up again."""

from __future__ import annotations

import json

import click

from orchestrator.cli.listing import safe, severity_of
from orchestrator.errors import Exit, Finding, OrchestratorError, findings_of
from orchestrator.texts import text


@click.group()
def cloud() -> None:
    """Servers on the cloud beside their migrations. Nothing is mended by itself, and nothing is made."""


@cloud.command()
@click.argument("systems", nargs=-1, metavar="[SYSTEM]…")
@click.option("--json", "as_json", is_flag=True)
def look(systems: tuple[str, ...], *, as_json: bool) -> int:
    """Ask the cloud what was changed outside since servers were handed over. Default: every system that has servers.

    Reads only. Exit 3 with findings.
    """
    findings = look_at(systems)
    if as_json:
        click.echo(json.dumps([finding.as_json() for finding in findings], ensure_ascii=False))
    else:
        print_findings(findings)
    return int(Exit.REFUSED if any(finding.severity == "error" for finding in findings) else Exit.DONE)


def look_at(systems: tuple[str, ...] = ()) -> list[Finding]:
    """What the cloud says of each system's servers; a cloud that does not answer is a finding of its own."""
    from orchestrator.cli.settings import open_session
    from orchestrator.engine.cloud_servers import open_cloud, systems_with_servers

    session = open_session()
    findings: list[Finding] = []
    for system in systems or systems_with_servers(session):
        try:
            servers, chain = open_cloud(session, system)
            findings += servers.look(chain.handed_over())
        except OrchestratorError as error:
            findings += findings_of(error, "cloud", system)
    return findings


def print_findings(findings: list[Finding]) -> None:
    """One line each, what to do below it."""
    if not findings:
        click.echo(text("cli.cloud_unchanged"))
    for finding in findings:
        click.echo(safe(f"{severity_of(finding)} {finding.system}: {finding.message}\n    → {finding.remedy}"))


@cloud.command()
@click.argument("system")
def kept(system: str) -> int:
    """Volumes that outlived their servers and wait to be released."""
    from orchestrator.cli.settings import open_session
    from orchestrator.engine.cloud_servers import open_cloud

    servers, _ = open_cloud(open_session(), system)
    volumes = servers.book.kept()
    for volume in volumes:
        click.echo(safe(f"{volume.id}  {volume.name}"))
    if not volumes:
        click.echo(text("cli.no_volumes"))
    return int(Exit.DONE)


@cloud.command()
@click.argument("system")
@click.option("--volume", "volumes", multiple=True, required=True, metavar="ID", help="As `cloud kept` lists it; may be repeated.")
@click.option("--reason", required=True, help="Goes on the audit trail.")
def release(system: str, volumes: tuple[str, ...], reason: str) -> int:
    """Delete kept volumes for good: nobody needs what lies on them any more."""
    from orchestrator.cli.settings import open_session
    from orchestrator.engine.cloud_servers import open_cloud, work_alone

    session = open_session()
    with work_alone(session, system):
        servers, _ = open_cloud(session, system)
        for volume in servers.release(volumes, f"{reason} ({session.actor})"):
            click.echo(safe(text("cli.volume_deleted", id=volume.id, name=volume.name)))
    return int(Exit.DONE)


@cloud.command()
@click.argument("system")
def adopt(system: str) -> int:
    """Take up again, as they are, servers that were handed over and whose Terraform state is lost with all its copies."""
    from orchestrator.cli.settings import open_session
    from orchestrator.engine.cloud_servers import open_cloud, work_alone

    session = open_session()
    with work_alone(session, system):
        servers, _ = open_cloud(session, system)
        for address in servers.adopt():
            click.echo(safe(address))
    return int(Exit.DONE)
