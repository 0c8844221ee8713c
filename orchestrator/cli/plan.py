"""``plan``: waves, windows and targets, or the reasons why there is no plan. No logic: see ``orchestrator.planning``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.inputs import to_plan, trail
from orchestrator.cli.listing import as_json, safe, table
from orchestrator.cli.settings import open_session
from orchestrator.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.models import Inventory, Plan, Verdict
    from orchestrator.planning.programme import Programme
    from orchestrator.planning.whatif import Difference, Outcome


@click.group(invoke_without_command=True)
@click.option("--json", "json_", is_flag=True, help="Print the plan as one JSON document.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the plan's JSON to this file as well.")
@click.option(
    "--effort", type=click.IntRange(0, 100_000), default=0, show_default=True, help="Iterations of search; the same number, the same plan."
)
@click.option("--replan", "again", is_flag=True, help="Keep what is done, under way or promised; list broken promises.")
@click.option(
    "--former",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="With --replan: the former plan's JSON; default: the journal's last.",
)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="With --replan: the first day to plan; default: today.")
@click.option("--reasons", is_flag=True, help="Print for each system why it moves then and no earlier.")
@click.option(
    "--inventory", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder; default: the configured one."
)
@click.pass_context
def plan(
    ctx: click.Context, json_: bool, out: Path | None, effort: int, again: bool, former: Path | None, as_of: dt.datetime | None,
    reasons: bool, folder: Path | None,
) -> int:  # fmt: skip
    """Waves with dates, each system's cutover window and the rule that gave it, and how far each phase's target is reached.

    Where a target is missed the exit code is 3: the best plan found, and every reason: what is proved to be missing, what was shown
    to suffice. The plan is kept under its digest; another account approves it (`orchestrator plan approve`).
    """
    ctx.obj = folder
    if ctx.invoked_subcommand is not None:
        return int(Exit.DONE)
    if not again and (former or as_of):
        raise UsageError("--former and --as-of are of a re-plan", remedy="add --replan")
    from orchestrator.cli.standing import keep
    from orchestrator.planning.plan import Unreached

    inventory, verdicts, programme, digests = to_plan(folder)
    missed: Unreached | None = None
    try:
        made = _replanned(inventory, verdicts, programme, digests, former, as_of, effort) if again else _planned(
            inventory, verdicts, programme, digests, effort
        )  # fmt: skip
    except Unreached as unreached:
        made, missed = unreached.plan, unreached
    if folder is None:
        keep(made)
    if out:
        from orchestrator.cli.settings import load_settings
        from orchestrator.written import remember_written

        out.write_text(made.model_dump_json(indent=1), encoding="utf-8")
        remember_written(load_settings().state, out)
    if not json_:
        show(made, inventory, verdicts, programme, reasons=reasons)
        if missed:
            raise missed
        return int(Exit.DONE)
    if missed is None:
        as_json(_plan_json(made))
        return int(Exit.DONE)
    from orchestrator.cli.main import describe, print_error

    as_json({**describe(missed), **_plan_json(made)})  # one document: the reasons and the best plan found
    print_error(missed)
    return int(missed.exit_code)


@plan.command(name="show")
@click.argument("digest", default="")
@click.option("--reasons", is_flag=True, help="Print for each system why it moves then and no earlier.")
@click.option("--json", "json_", is_flag=True, help="Print the plan as one JSON document.")
def show_command(digest: str, *, reasons: bool, json_: bool) -> int:
    """A kept plan: DIGEST (8 characters or more), else the approved one, else the last. Who made it, who approved it, what changed since."""
    from orchestrator.cli.standing import approvals_of, kept_plan
    from orchestrator.planning.approval import changes_since

    made = kept_plan(digest)
    if json_:
        as_json(_plan_json(made))
        return int(Exit.DONE)
    inventory, verdicts, programme, (inventory_digest, policy_digest) = to_plan(None)
    show(made, inventory, verdicts, programme, reasons=reasons)
    saved = next(one for one in trail(write=False).read("plan_saved") if one.payload and one.payload["digest"] == made.digest)
    click.echo(f"编制 (made): {saved.actor} {saved.at[:16]}")
    approvals = approvals_of()
    for one in approvals:
        if one.digest == made.digest:
            state = "现行 (in force)" if one is approvals[-1] else "已被取代 (replaced)"
            click.echo(safe(f"批准 (approved): {one.actor} {one.at[:16]} {one.reason} {state}"))
    for finding in changes_since(made, inventory, verdicts, programme, inventory_digest=inventory_digest, policy_digest=policy_digest):
        click.echo(safe(f"{finding.severity} {finding.code}: {finding.message} → {finding.remedy}"))
    return int(Exit.DONE)


@plan.command()
@click.argument("digest")
@click.option("--reason", default="", help="Goes on the audit trail; needed for a plan that misses a target.")
def approve(digest: str, reason: str) -> int:
    """Put the plan with this DIGEST in force for the programme: `migrate` then runs what is in it, and only that.

    Refused for the account that made the plan, and when inventory, policy or programme have changed since, naming what.
    """
    from orchestrator.cli.standing import kept_plan
    from orchestrator.errors import Refused
    from orchestrator.planning.shortfall import short_of

    session = open_session()
    made = kept_plan(digest)
    errors = [finding for finding in session.changes_since(made) if finding.severity == "error"]
    if errors:
        raise Refused(f"something has changed since plan {made.digest[:12]} was made", findings=errors)
    missed = [f"{one.id} {one.planned}/{one.needed}, {short} short" for one in made.phases if (short := short_of(one, made.counting))]
    if missed and not reason.strip():
        raise UsageError(
            f"plan {made.digest[:12]} misses its targets: {', '.join(missed)}", remedy="say why it is approved all the same: --reason"
        )
    session.decisions.approve_plan(made.digest, actor=session.actor, reason=reason.strip())
    click.echo(
        f"plan {made.digest[:12]} approved for the programme by {session.actor}: {len(made.entries)} systems in {len(made.waves)} waves"
    )
    return int(Exit.DONE)


@plan.command(name="what-if")
@click.option("--capacity", multiple=True, help="More or less of the cloud: +200vcpu@2018-06, +512gb-memory, +2000gb-storage@2019-01-07.")
@click.option("--team", multiple=True, help="More or fewer teams of a skill: db+1, app-0.5@2018-06.")
@click.option("--bandwidth", type=float, default=0.0, help="More or less replication, in GB a week.")
@click.option("--wave", type=int, default=0, help="More or fewer cutovers a week.")
@click.option("--effort", type=click.IntRange(0, 100_000), default=0, show_default=True, help="Iterations of search for both plans.")
@click.option("--json", "json_", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def what_if_command(
    folder: Path | None, capacity: tuple[str, ...], team: tuple[str, ...], bandwidth: float, wave: int, effort: int, json_: bool
) -> int:
    """The difference that other limits would make to dates and targets. Touches no plan."""
    from orchestrator.planning.relax import Change, parse_capacity, parse_team
    from orchestrator.planning.whatif import what_if

    changes = [*(parse_capacity(text) for text in capacity), *(parse_team(text) for text in team)]
    changes += [Change(name, amount) for name, amount in (("replication", bandwidth), ("wave", float(wave))) if amount]
    if not changes:
        raise UsageError("nothing would change", remedy="give --capacity, --team, --bandwidth or --wave")
    from orchestrator.cli.standing import approved_plan, standing
    from orchestrator.planning.whatif import InForce

    inventory, verdicts, programme, _ = to_plan(folder)
    kept = approved_plan() if folder is None else None
    in_force = InForce(kept, _today(programme), standing(kept, programme)) if kept else None
    found = what_if(inventory, verdicts, programme, changes, effort=effort, in_force=in_force)
    if json_:
        as_json({"as_of": in_force.as_of if in_force else None, "plan_in_force": kept.digest if kept else None, **_difference(found)})
        return int(Exit.DONE)
    click.echo(f"若 (what if): {', '.join(map(str, found.changes))}")
    if in_force:
        click.echo(
            f"  自 {in_force.as_of} 起，在现行计划 {in_force.plan.digest[:12]} 的基础上重排 (re-planned from that day on, the plan in force kept where it can be)"
        )
    for note in found.notes:
        click.echo(safe(f"  {note}"))
    rows = [(new.id, new.needed, _reached(found.before, n), _reached(found.after, n)) for n, new in enumerate(found.after.phases)]
    if rows:
        table(("阶段", "需完成", "现在（完成/达标日）", "变更后（完成/达标日）"), rows)
    for name, outcome in (("现在", found.before), ("变更后", found.after)):
        missed = "" if outcome.feasible else "；未达标，所列为找到的最好计划 (targets missed: this is the best plan found)"
        click.echo(f"{name}：最后一次割接 {outcome.last_cutover or '无 (none)'}{missed}")
        for finding in outcome.findings:
            click.echo(safe(f"  {finding.severity} {finding.code}: {finding.message}"))
    click.echo(f"{len(found.moved)} 个系统的日期会变 (systems would move on another day)")
    for system, before, after in found.moved[:20]:
        click.echo(f"  {system}: {before} → {after}")
    for systems, words in ((found.gained, "变更后才排上日期 (get a date only then)"), (found.lost, "变更后排不上日期 (lose their date)")):
        if systems:
            click.echo(safe(f"{len(systems)} 个系统{words}: {', '.join(systems[:20])}{' …' if len(systems) > 20 else ''}"))
    return int(Exit.DONE)


def show(made: Plan, inventory: Inventory, verdicts: Mapping[str, Verdict], programme: Programme, *, reasons: bool = False) -> None:
    """The plan for people; a strategy that a person chose stands beside what policy said."""
    from orchestrator.planning.calendar import local
    from orchestrator.planning.notes import STAYING_CODES
    from orchestrator.planning.shortfall import slack_of
    from orchestrator.policy.assess import STRATEGY_ZH, apart

    names = {one.id: one.name for one in inventory.systems}
    rows = [
        (one.wave, one.order, one.system, names.get(one.system, ""), STRATEGY_ZH[one.strategy], one.phase,
         f"{one.window_start:%Y-%m-%d %H:%M}", f"{one.window_end:%m-%d %H:%M}", one.window_rule)
        for one in made.entries
    ]  # fmt: skip
    table(("波次", "序", "系统", "名称", "迁移方式", "阶段", "割接窗口开始", "结束", "窗口依据"), rows)
    for one in made.entries:
        said = verdicts.get(one.system)
        if said and said.overridden_by and said.policy_strategy:
            click.echo(safe(f"  {one.system}：迁移方式由 {said.overridden_by} 改定，策略原为{STRATEGY_ZH[said.policy_strategy]}"))
    if reasons:
        for one in made.entries:
            click.echo(safe(f"  {one.system}: {';'.join(reason.zh for reason in one.reasons)}"))
    click.echo()
    table(
        ("阶段", "截止", "纳入", "需完成", "计划完成", "余量"),
        [(one.id, one.due, one.in_scope, one.needed, one.planned, slack_of(one, made.counting)) for one in made.phases],
    )
    counted = f"{made.baseline.frozen} 冻结的基线：{made.baseline.systems} 个系统，{made.baseline.changes} 项变更 (frozen baseline)" if made.baseline else (
        "当前清单，尚未冻结基线 (today's inventory: no baseline is frozen)"
    )  # fmt: skip
    click.echo(f"  分母 (counted): {counted}")
    for strategy, systems in apart(verdicts).items():
        if systems:
            words = "、".join(f"{names.get(system, system)}（{system}）" for system in systems[:20]) + (" …" if len(systems) > 20 else "")
            click.echo(safe(f"  另计 {len(systems)} 个{STRATEGY_ZH[strategy]} (counted apart): {words}"))
    for phase in made.phases:
        kinds = ", ".join(f"{count.part} {count.planned}/{count.needed}" for count in phase.by_kind)
        departments = sum(1 for count in phase.by_department if count.planned >= count.needed)
        click.echo(f"  {phase.id}：按类别 {kinds}；{departments}/{len(phase.by_department)} 个单位各自达标（完成/需完成）")
    for moved in made.moved:
        click.echo(safe(f"承诺改变 {moved.system}: {moved.promised:%Y-%m-%d} → {moved.now and f'{moved.now:%Y-%m-%d}'} ({moved.why})"))
    for note in (note for note in made.notes if note.code not in STAYING_CODES):
        click.echo(safe(f"{note.code}: {note.message}" + (f" → {note.remedy}" if note.remedy else "")))
    now = local(dt.datetime.now(dt.UTC), programme)
    past = sum(local(one.window_end, programme) < now for one in made.entries)
    if past:
        click.echo(
            f"其中 {past} 个割接窗口已经过去 (windows that are over) → `orchestrator plan --replan`；未重排的系统须重新批准，在其下一个窗口割接 (else: each is approved anew, for its next opening)"
        )
    click.echo(f"计划摘要 (digest): {made.digest}")


def _planned(inventory: Inventory, verdicts: dict[str, Verdict], programme: Programme, digests: tuple[str, str], effort: int) -> Plan:
    from orchestrator.cli.standing import approved_plan
    from orchestrator.planning.plan import make_plan

    return make_plan(
        inventory, verdicts, programme, effort=effort, inventory_digest=digests[0], policy_digest=digests[1], keep=approved_plan()
    )


def _replanned(
    inventory: Inventory, verdicts: dict[str, Verdict], programme: Programme, digests: tuple[str, str], former: Path | None,
    as_of: dt.datetime | None, effort: int,
) -> Plan:  # fmt: skip
    from orchestrator.cli.standing import last_plan, standing
    from orchestrator.planning.programme import LONGEST_YEARS
    from orchestrator.planning.replan import replan

    kept = last_plan(former)
    day = as_of.date() if as_of else _today(programme)
    if abs(day.year - programme.starts.year) > LONGEST_YEARS:
        raise UsageError(f"{day} is more than {LONGEST_YEARS} years from the programme's start", remedy="correct --as-of")
    return replan(
        inventory, verdicts, programme, kept, as_of=day, standing=standing(kept, programme), effort=effort, inventory_digest=digests[0],
        policy_digest=digests[1],
    )  # fmt: skip


def _today(programme: Programme) -> dt.date:
    """The city's day, wherever this machine stands."""
    from orchestrator.planning.calendar import local

    return local(dt.datetime.now(dt.UTC), programme).date()


def _plan_json(made: Plan) -> dict[str, Any]:
    """The plan as JSON, with each phase's slack and shortage beside it: computed here, so the digest does not know them."""
    from orchestrator.planning.shortfall import short_of, slack_of

    data = made.model_dump(mode="json")
    for row, phase in zip(data["phases"], made.phases, strict=True):
        row["slack"], row["short"] = slack_of(phase, made.counting), short_of(phase, made.counting)
    return data


def _reached(outcome: Outcome, number: int) -> str:
    if not outcome.phases:
        return "-"
    phase = outcome.phases[number]
    if not phase.short:
        return f"{phase.planned} / {phase.reached_on or '未达标'}"
    later = phase.reached_on if phase.reached_on and phase.reached_on > phase.due else "未达标"
    return f"{phase.planned} / {later}，缺 {phase.short}"


def _difference(found: Difference) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(found), "feasible": {"before": found.before.feasible, "after": found.after.feasible}}
