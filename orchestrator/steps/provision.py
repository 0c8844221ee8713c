"""Creates the system's servers on the cloud with Terraform: plan to a file, apply that file, read what it gave."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Container, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import texts
from orchestrator.errors import Finding, NeedsPerson, OrchestratorError, Refused, ToolError, findings_of
from orchestrator.models import Host, System
from orchestrator.settings import Settings
from orchestrator.steps.base import Context, Coverage, Effect, Facts, Observed, Preview, Step
from orchestrator.steps.names import find_missing_servers
from orchestrator.steps.paths import find_paths
from orchestrator.steps.turns import at_a_place
from orchestrator.steps.world import World, server_name

if TYPE_CHECKING:
    from orchestrator.cloud.book import Book
    from orchestrator.cloud.servers import CloudServers
    from orchestrator.tools.process import Register
    from orchestrator.tools.terraform import Server, SystemTerraform


def _ports(system: System, host: str) -> list[int | None]:
    return [s.port for s in system.services if s.host == host] + [d.port for d in system.databases if d.host == host]


def inputs(settings: Settings, world: World) -> dict[str, Any]:
    """The module's inputs: the contract's from the inventory (terraform/README.md), its own from ``[cloud.inputs]``.

    Raises Refused, with every finding, when ``[cloud.inputs]`` names what the module does not have.
    """
    from orchestrator.tools.terraform_module import find_undeclared, variables_of

    system = world.system
    if findings := find_undeclared(settings.terraform, settings.cloud.inputs):
        raise Refused(texts.say("steps.inputs_unfit", name=settings.terraform.name), findings=findings, where="orchestrator.toml")
    values: dict[str, Any] = {
        **settings.cloud.inputs,
        "system_id": system.id,
        "protection_grade": system.protection_grade or 1,
        "servers": {
            server_name(host): {
                "zone": (system.network or "government_extranet"),
                "vcpus": host.vcpus or 2,
                "memory_gb": host.memory_gb or 4,
                "disk_gb": host.disk_gb or 50,
                "ports": sorted({p for p in _ports(system, host.name) if p}),
            }
            for host in system.hosts
        },
        "links": [link.model_dump(include={"peer", "direction", "address", "port"}) for link in system.links],
    }
    declared = variables_of(settings.terraform)
    if "paths" in declared:
        values["paths"] = find_paths(system, world.sites)
    if "machines" in declared:
        kept = {"address", "ssh_user", "ssh_port", "become", "manager", "root", "python"}
        values["machines"] = {server.name: server.model_dump(include=kept, exclude_none=True) for server in _standing(world, values["servers"])}
    return values


def _standing(world: World, wanted: Container[str]) -> list[Host]:
    """Of the machines that stand already those that are meant, and whoever has the address of one: the module refuses two at one place.
    Not all of the city's, or each system's plan would grow with the others."""
    places = {(server.address, server.ssh_port) for server in world.cloud.servers if server.name in wanted}
    return [server for server in world.cloud.servers if server.name in wanted or (server.address, server.ssh_port) in places]


def open_servers(ctx: Context) -> CloudServers:
    """This system's servers as a migration of it has them. Asks nothing of the cloud yet."""
    from orchestrator.cloud.book import Book

    return assemble(ctx.settings, ctx.world, Book(ctx.records, ctx.system.id), ctx.say, register=ctx.records.process)


def assemble(
    settings: Settings, world: World, book: Book, say: Callable[[str], None], *, register: Register | None = None
) -> CloudServers:  # fmt: skip
    """Servers, their Terraform folder, and how their cloud is asked, from the configuration."""
    from orchestrator.cloud.kinds import read_kinds
    from orchestrator.cloud.listing import open_listing, open_offer
    from orchestrator.cloud.servers import CloudServers

    module, values, system = settings.terraform, inputs(settings, world), world.system.id
    kinds = read_kinds(module)
    servers = CloudServers(
        system=system, module=module, inputs=values, terraform=open_terraform(settings, system, register), book=book, say=say,
        listing=open_listing(kinds.listing, values), offer=open_offer(kinds.listing), not_ours=frozenset(settings.cloud.not_ours),
    )  # fmt: skip
    servers.terraform.check = servers.check
    return servers


def open_terraform(settings: Settings, system: str, register: Register | None = None) -> SystemTerraform:
    """A system's Terraform, in a folder of its own."""
    from orchestrator.tools.terraform import SystemTerraform

    return SystemTerraform(settings.terraform, settings.state.resolve() / "terraform", system, register=register)


def run(ctx: Context) -> Facts:
    """Makes the servers, or goes on with what an interrupted run had begun."""
    servers = open_servers(ctx)
    with at_a_place(ctx):
        made = servers.make()
    pin_keys(ctx, servers, list(made.values()))
    wait_until_reached(made.values())
    look_from_outside(ctx, servers)
    facts = {}
    for host in ctx.system.hosts:
        server = made[server_name(host)]
        place = {"name": server.name, "address": server.address, "ssh_port": server.ssh_port, "ssh_user": server.ssh_user}
        facts[host.name] = place | dict(server.kind)
    adopt(ctx, facts)
    return {"servers": facts, "resources": len(servers.terraform.resources()), "applies": servers.applies}


def pin_keys(ctx: Context, servers: CloudServers, made: list[Server]) -> None:
    """Host keys come from the cloud's console where there is one; of other clouds they are on record already."""
    from orchestrator.cloud.host_keys import Console, pin_host_keys

    if isinstance(servers.listing, Console) and ctx.settings.known_hosts is not None:
        pin_host_keys(servers.listing, made, ctx.settings.known_hosts, ctx.say)


def forget_keys(ctx: Context, servers: CloudServers, places: Iterable[tuple[str, int]]) -> None:
    """The other half of ``pin_keys``, when the servers are gone."""
    from orchestrator.cloud.host_keys import Console, forget_host_keys

    if isinstance(servers.listing, Console) and ctx.settings.known_hosts is not None:
        forget_host_keys(places, ctx.settings.known_hosts, ctx.say)


def wait_until_reached(made: Iterable[Server], *, seconds: float | None = None) -> None:
    """A cloud calls a server active when it begins to boot. Raises ToolError, naming those that nobody can log in to in time."""
    from orchestrator.cloud.host_keys import BOOT_SECONDS
    from orchestrator.cloud.openings import wait_for_port

    limit = BOOT_SECONDS if seconds is None else seconds
    until = time.monotonic() + limit  # all of them boot at once: the limit is for them together
    silent = [server for server in made if not wait_for_port(server, server.ssh_port, max(0.0, until - time.monotonic()))]
    if silent:
        named = tuple(texts.say("steps.server_at", name=server.name, address=server.address, ssh_port=server.ssh_port) for server in silent)
        raise ToolError(
            texts.say("steps.not_reached", limit=limit, named=named),
            where=texts.say("steps.the_cloud"), remedy=texts.say("steps.look_at_console"), retryable=True,
        )  # fmt: skip


def look_from_outside(ctx: Context, servers: CloudServers) -> None:
    """R14: what the rules open is reached from here, and nothing else is. Before anything is copied there. Raises NeedsPerson."""
    if findings := servers.observe_openings():
        raise NeedsPerson(
            texts.say("steps.rules_not_met", findings=tuple(finding.says for finding in findings)),
            where=ctx.system.id, remedy=findings[0].mend,
        )  # fmt: skip


def adopt(ctx: Context, servers: dict[str, Any]) -> None:
    """Makes the servers known to the world; called again when a later process resumes."""
    ctx.world.targets = {name: Host(**values) for name, values in servers.items()}


def observe(ctx: Context) -> Observed:
    """The state holds the servers, and each of them answers."""
    resources = open_terraform(ctx.settings, ctx.system.id, ctx.records.process).resources()
    if not resources:
        return Observed.NOT_DONE
    for host in ctx.world.targets.values():
        if ctx.world.ssh(host).run(["true"], timeout=10).code != 0:
            return Observed.UNCLEAR
    return Observed.DONE if len(ctx.world.targets) == len(ctx.system.hosts) else Observed.UNCLEAR


def undo(ctx: Context) -> None:
    """Takes the servers back. Their volumes stay until a person releases them, unless nothing was ever handed over."""
    from orchestrator.cloud.stand import STAND_WORDS, Stand

    stand = ctx.records.stand()
    if stand in (Stand.LIVE, Stand.ACCEPTED):
        raise NeedsPerson(
            texts.say("steps.not_taken_away", stand=STAND_WORDS[stand]), where=ctx.migration, remedy=texts.say("steps.go_back_first")
        )
    ctx.world.close()
    handed_over = ctx.facts.get("provision", {}).get("servers", {})
    names = [str(server["name"]) for server in handed_over.values()]
    servers = open_servers(ctx)
    places = {(str(server["address"]), int(server["ssh_port"])) for server in handed_over.values()}
    with contextlib.suppress(ToolError):  # a run that was cut short left no facts; what its module says wrongly is no matter now
        places |= {(server.address, server.ssh_port) for server in servers.terraform.outputs().values()}
    with at_a_place(ctx):
        servers.take_back(expected=names, keep_volumes=stand is not Stand.NOTHING)
    forget_keys(ctx, servers, places)
    ctx.world.targets = {}


def ask_wave(settings: Settings, worlds: Iterable[World]) -> list[Finding]:
    """Everything that the servers of these systems together will need of the cloud, asked of it; empty: it has it, or cannot be asked.

    Reads only. A cloud that does not answer is a finding.
    """
    from orchestrator.cloud.kinds import read_kinds
    from orchestrator.cloud.listing import open_offer
    from orchestrator.cloud.questions import Demand, judge_answers

    try:
        offer = open_offer(read_kinds(settings.terraform).listing)
        if offer is None:
            return []
        return judge_answers([Demand(world.system.id, inputs(settings, world)) for world in worlds], offer.ask())
    except OrchestratorError as error:
        return list(findings_of(error, "cloud"))


def preview(ctx: Context, connect: bool) -> Preview:
    """What Terraform would create, planned in a throwaway folder. A module whose provider asks a cloud is planned whole only when
    connected; else its rules alone are tried."""
    from orchestrator.tools.terraform_module import find_broken_rules, needs_provider

    module, system = ctx.settings.terraform, ctx.system.id
    try:
        values = inputs(ctx.settings, ctx.world)
        if missing := _missing_servers(ctx, values):
            values["machines"] |= {name: {"address": f"{name}.invalid"} for name in missing}  # its other rules are tried all the same
            seen = _preview_plan(module, system, values)
            how = texts.say("steps.how_server_missing", servers=tuple(missing))
            return Preview(Coverage.CHECKED, how, seen.findings, {"variables": values, "changes": []})
        if not needs_provider(module):
            return _preview_plan(module, system, values)
        broken = tuple(find_broken_rules(module, system, values))
        if connect and not broken:
            flavours = _choose_flavours(module, system, values)
            if flavours is None:
                return Preview(Coverage.CHECKED, texts.say("steps.how_no_size"), (), {"variables": values, "changes": []})
            return _preview_plan(module, system, values | flavours)
    except OrchestratorError as error:
        return Preview(Coverage.NOT_TOUCHED, texts.say("steps.how_terraform_unasked"), findings_of(error, "terraform", system))
    how = texts.say("steps.rules_refuse", name=module.name) if broken else texts.say("steps.rules_hold", name=module.name)
    return Preview(Coverage.CHECKED, how, broken, {"variables": values, "changes": []})


def _missing_servers(ctx: Context, values: dict[str, Any]) -> list[str]:
    """Servers that a module which makes none is to use, and that do not stand: preflight says so in words of the inventory."""
    return [loose.means for loose in find_missing_servers(ctx.system, ctx.verdict, ctx.sites)] if "machines" in values else []


def _choose_flavours(module: Path, system: str, values: dict[str, Any]) -> dict[str, Any] | None:
    """The sizes that a run would choose, as an input of the module; None where the cloud has none (``ask_wave`` says which)."""
    from orchestrator.cloud.kinds import read_kinds
    from orchestrator.cloud.listing import open_offer
    from orchestrator.cloud.questions import Demand, choose_flavours
    from orchestrator.tools.terraform_module import variables_of

    offer = open_offer(read_kinds(module).listing)
    if offer is None or "flavors" not in variables_of(module):
        return {}
    chosen, findings = choose_flavours(Demand(system, values), offer.flavours())
    return None if findings else {"flavors": {name: choice.flavour.id for name, choice in chosen.items()}}


def _preview_plan(module: Path, system: str, values: dict[str, Any]) -> Preview:
    """The whole plan, against an empty state. Raises ToolError for what Terraform does not say of the inputs."""
    from orchestrator.tools.terraform import SystemTerraform
    from orchestrator.tools.terraform_module import told_findings

    with tempfile.TemporaryDirectory(prefix="dry-run-") as folder:
        terraform = SystemTerraform(module, Path(folder), system)
        try:
            plan = terraform.plan(values)
        except ToolError:
            if not terraform.reported:
                raise
            return Preview(Coverage.CHECKED, texts.say("steps.how_module_refuses", name=module.name), tuple(told_findings(terraform.reported, system)))
    changes = [{"address": change.address, "action": change.action} for change in plan.changes]
    return Preview(Coverage.PLANNED, texts.say("steps.how_terraform", count=len(changes)), detail={"variables": values, "changes": changes})


STEP = Step(
    id="provision",
    effect=Effect.REVERSIBLE,
    run=run,
    observe=observe,
    undo_target=undo,
    takes_target_away=True,
    preview=preview,
)
