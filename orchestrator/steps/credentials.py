"""For preflight and gates: every secret that a later step uses is read, and tried where it will be used. No value is ever said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.errors import Finding, NotMadeYet, OrchestratorError, Unasked, words_of
from orchestrator.models import Database, Device, Strategy
from orchestrator.movers.contract import Mover, Part, Place
from orchestrator.steps.base import Context
from orchestrator.steps.holders import databases_behind
from orchestrator.steps.parts import parts
from orchestrator.steps.protect import ONTO_SERVERS
from orchestrator.texts import Words, say
from orchestrator.texts.names import side_name
from orchestrator.tools.device_cli import DeviceCli
from orchestrator.tools.secrets import MASKER


@dataclass(frozen=True)
class Use:
    """A secret's reference, and who uses it where. ``reference`` None: the inventory names none, and somebody needs one."""

    reference: str | None
    account: str
    host: str


def find_unread(ctx: Context) -> list[Finding]:
    """References that come to no secret on this controller, each with the account whose it is. Nobody is asked anything."""
    found = []
    for use in _uses(ctx):
        if use.reference is None:
            message = say("steps.secret_unnamed", account=use.account, host=use.host)
            found.append(Finding("secret-missing", "error", message, say("steps.name_secret"), system=ctx.system.id))
            continue
        try:
            ctx.world.secret(use.reference)
        except OrchestratorError as error:
            message = say("steps.secret_unread", reference=use.reference, account=use.account, host=use.host, said=error.says)
            found.append(Finding("secret-unread", "error", message, error.mend, system=ctx.system.id))
    return found


def _uses(ctx: Context) -> Iterator[Use]:
    if ctx.verdict.strategy not in ONTO_SERVERS:
        return
    movable = {database.name for database in ctx.world.movable_databases}
    for database in ctx.system.databases:
        if database.name in movable:
            yield Use(database.admin_secret, database.admin_role or "orchestrator", database.host)
        if database.secret or (database.name in movable and database.role):
            yield Use(database.secret, database.role or database.name, database.host)
    for site in ctx.sites.sites:
        if site.pgbouncer and databases_behind(ctx, "pgbouncer"):
            yield Use(site.pgbouncer.secret, site.pgbouncer.admin_role, site.pgbouncer.host)
    for device in _managed_devices(ctx):
        yield Use(device.secret, device.management_user or "admin", device.name)


def _managed_devices(ctx: Context) -> list[Device]:
    """Those at whose command line the engine logs in."""
    if ctx.verdict.strategy is not Strategy.DEVICE_RELOCATION:
        return []
    return [device for device in ctx.system.devices if device.management == "ssh_cli" and device.address is not None]


def find_refused(ctx: Context, *, ways_in: bool = True) -> list[Finding]:
    """Secrets that were read and are not those of their accounts. ``ways_in``: whether clients can come in at all; where a database or a
    gateway is away, that is said already, and a log-in would say it again."""
    if ctx.verdict.strategy not in ONTO_SERVERS or ctx.verdict.no_source:
        return []
    found: list[Finding] = []
    for database, (mover, part) in zip(ctx.world.movable_databases, parts(ctx), strict=True):
        if database.role and database.secret:
            found += _try_database(ctx, database, mover, part, ways_in=ways_in)
    return found + [finding for device in _managed_devices(ctx) for finding in _try_device(ctx, device)]


def _try_database(ctx: Context, database: Database, mover: Mover, part: Part, *, ways_in: bool) -> list[Finding]:
    secret, wrong = ctx.world.secret(database.secret), list[Words]()
    for side in ("source", "target"):
        if _may_be_asked(ctx, database, side) and mover.accepts(part, secret, side) is False:
            host = ctx.world.host(database.host, side).name
            wrong.append(
                say(
                    "steps.secret_other", reference=str(database.secret), account=part.role, host=host, side=side_name(side), name=part.name
                )
            )
    if ways_in and not wrong and (way_in := ctx.world.way_in(ctx.world.room, database)) is not None:
        try:
            mover.log_in(part, Place(*way_in), secret)
        except Exception as error:  # noqa: BLE001 - whatever keeps the application out keeps the probe of the switch out
            where = f"{way_in[0]}:{way_in[1]}"
            said = MASKER(str(words_of(error)).strip())
            wrong.append(say("steps.log_in_refused", reference=str(database.secret), account=part.role, where=where, name=part.name, said=said))
    return [Finding("secret-refused", "error", message, say("steps.give_right_secret"), system=ctx.system.id) for message in wrong]


def _may_be_asked(ctx: Context, database: Database, side: str) -> bool:
    """A target that the migration makes, or has not reached yet, keeps no account."""
    if side == "source":
        return True
    if database.host not in ctx.world.targets:
        return False
    try:
        ctx.world.ssh(ctx.world.target(database.host))
    except (NotMadeYet, Unasked):
        return False
    return True


def _try_device(ctx: Context, device: Device) -> list[Finding]:
    account = device.management_user or "admin"
    try:
        with DeviceCli.open(
            device.name, str(device.address), device.management_port, account,
            known_hosts=ctx.settings.known_hosts, password=ctx.world.secret(device.secret),
        ):  # fmt: skip
            return []
    except OrchestratorError as error:
        said: Words = error.says
        message = say("steps.device_log_in", reference=str(device.secret), account=account, name=device.name, said=said)
        return [Finding("secret-refused", "error", message, error.mend, system=ctx.system.id)]
