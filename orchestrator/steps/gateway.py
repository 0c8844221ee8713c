"""Makes the cloud's gateways know the system's databases, pointing at the source as long as the source is live."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.errors import Finding, Refused, Unasked, words_of
from orchestrator.gateways.holder import DatabaseHolder, Place
from orchestrator.steps import previews
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.steps.holders import opened_gateways
from orchestrator.steps.parts import parts
from orchestrator.texts import Words, say
from orchestrator.tools.secrets import MASKER


def run(ctx: Context) -> Facts:
    """Verifier and line on the cloud's gateways; the room's must know the databases already. Raises Refused with what any
    gateway cannot do."""
    if not ctx.world.movable_databases:
        return {"databases": []}
    with opened_gateways(ctx, ctx.world.cloud, "source") as gateways:
        for mover, part in parts(ctx):
            for gateway in (each for each in gateways if each.handles(part.name)):
                gateway.learn_user(part.role, mover.credential(part))
                gateway.learn(part.name, Place(part.source.address, part.source.port))
    if problems := find_problems(ctx):
        raise Refused(say("steps.gateway_findings", count=len(problems), system=ctx.system.id), findings=problems)
    return {"databases": [database.name for database in ctx.world.movable_databases]}


def refresh_accounts(ctx: Context) -> None:
    """On the cloud's gateways the accounts as the source has them now. An administrator may have changed a password since they
    learned it, and nobody would get in by them after the switch. A gateway that is away is the guard's to name: nothing is lost yet."""
    if not ctx.world.movable_databases:
        return
    try:
        with opened_gateways(ctx, ctx.world.cloud, "source") as gateways:
            for mover, part in parts(ctx):
                for gateway in (each for each in gateways if each.handles(part.name)):
                    gateway.learn_user(part.role, mover.credential(part))
    except Exception as error:  # noqa: BLE001 - whatever keeps us from a gateway keeps the guard from it, who looks before it begins
        ctx.say(str(say("steps.accounts_not_looked_at", error=words_of(error))))


def find_problems(ctx: Context) -> list[Finding]:
    """What a gateway that knows the databases cannot do for a switch: each named. An entry of ours comes and goes in its file."""
    problems = []
    for site in (ctx.world.room, ctx.world.cloud):
        with opened_gateways(ctx, site, "source") as gateways:
            for problem in (found for gateway in gateways for found in gateway.obstacles()):
                problems.append(Finding("gateway", "error", problem, say("steps.mend_gateway"), system=ctx.system.id))
            problems += _find_unknown_askers(ctx, gateways)
    return problems


def _find_unknown_askers(ctx: Context, gateways: Sequence[DatabaseHolder]) -> list[Finding]:
    """Accounts as which a gateway asks the database who may log in: it asks the target when it leads there, and nobody new gets in where
    that has no such account."""
    found = []
    for mover, part in parts(ctx):
        for gateway in (each for each in gateways if each.handles(part.name)):
            for asker in gateway.list_askers(part.name):
                if mover.credential(part, asker, "target") != mover.credential(part, asker):
                    what = say("steps.asker_unknown", where=gateway.where, account=asker, database=part.name)
                    found.append(Finding("gateway-asks-as", "error", what, say("steps.make_asker", account=asker), system=ctx.system.id))
    return found


def find_room_problems(ctx: Context) -> list[Finding]:
    """For preflight: whether the old room's gateways hold every database, and the cloud's could. Reads only."""
    if not ctx.world.movable_databases:
        return []
    found: list[Words] = []
    unasked: list[Finding] = []
    for site in (ctx.world.room, ctx.world.cloud):
        try:
            ctx.world.ssh(site.gateway)
            with opened_gateways(ctx, site, "source") as gateways:
                for gateway in gateways:
                    found += gateway.find_problems() if site.kind == "room" else gateway.find_unready()
        except Unasked as error:
            unasked += error.findings(ctx.system.id)
        except Exception as error:  # noqa: BLE001 - whatever keeps us from asking it is one finding
            said = MASKER(str(words_of(error)).strip())
            if site.pgbouncer is not None:
                told = {"account": site.pgbouncer.admin_role, "reference": site.pgbouncer.secret, "host": site.pgbouncer.host}
                what = say("steps.console_not_asked", said=said, **told)
                unasked.append(Finding("gateway", "error", what, say("steps.correct_console"), system=ctx.system.id))
            else:
                found.append(say("steps.gateway_not_asked", said=said))
    remedy = say("steps.bring_gateway")
    return unasked + [Finding("gateway", "error", problem, remedy, system=ctx.system.id) for problem in found]


def observe(ctx: Context) -> Observed:
    """The gateways themselves list the databases."""
    if not ctx.world.movable_databases:
        return Observed.NOTHING
    with opened_gateways(ctx, ctx.world.cloud, "source") as gateways:
        known = [
            any(gateway.handles(database.name) and gateway.knows(database.name) for gateway in gateways)
            for database in ctx.world.movable_databases
        ]
    return Observed.DONE if all(known) else Observed.NOT_DONE


def undo(ctx: Context) -> None:
    """Takes our lines out of the cloud's gateways again; one that stood there before us stays."""
    if not ctx.world.movable_databases:
        return
    with opened_gateways(ctx, ctx.world.cloud, "source") as gateways:
        for database in ctx.world.movable_databases:
            for gateway in (each for each in gateways if each.handles(database.name)):
                gateway.unlearn(database.name)


STEP = Step(
    id="prepare_gateway", effect=Effect.REVERSIBLE, run=run, observe=observe, undo_target=undo, preview=previews.gateway,
)  # fmt: skip
