"""``plan``: waves, windows and targets, or the reasons why there is no plan. No logic: see ``orchestrator.planning``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.listing import as_json, safe, severity_of, table
from orchestrator.cli.settings import open_session, open_workspace
from orchestrator.errors import Exit, UsageError
from orchestrator.texts import Name, language, say, text

if TYPE_CHECKING:
    from orchestrator.models import Plan
    from orchestrator.planning.programme import Programme
    from orchestrator.planning.whatif import Difference, Outcome
    from orchestrator.workspace import Workspace


HEADS = (
    "cli.head_wave", "cli.head_order", "cli.head_system", "cli.head_name", "cli.head_strategy", "cli.head_phase", "cli.head_window",
    "cli.head_end", "cli.head_rule",
)  # fmt: skip
KINDS = {"database": Name("数据库", "databases"), "application": Name("应用系统", "applications")}
PHASE_HEADS = ("cli.head_phase", "cli.head_due", "cli.head_in_scope", "cli.head_needed", "cli.head_planned", "cli.head_slack")


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
        raise UsageError(say("cli.of_a_replan"), remedy=say("cli.add_replan"))
    from orchestrator.journal.actors import current_actor
    from orchestrator.planning.plan import Unreached

    known = _known(folder)
    known.require_something_to_migrate()
    missed: Unreached | None = None
    try:
        made = _replanned(known, former, as_of, effort) if again else known.make_plan(effort, keep=known.approved)
    except Unreached as unreached:
        made, missed = unreached.plan, unreached
    if folder is None:
        known.keep_plan(made, current_actor())
    if out:
        from orchestrator.written import remember_written

        out.write_text(made.model_dump_json(indent=1), encoding="utf-8")
        remember_written(known.settings.state, out)
    if not json_:
        show(made, known, reasons=reasons)
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
    known = open_workspace()
    made = known.kept_plan(digest)
    if json_:
        as_json(_plan_json(made))
        return int(Exit.DONE)
    show(made, known, reasons=reasons)
    saved = next(one for one in known.trail.read("plan_saved") if one.payload and one.payload["digest"] == made.digest)
    click.echo(text("cli.plan_made", actor=saved.actor, at=saved.at[:16]))
    approvals = known.approvals
    for one in approvals:
        if one.digest == made.digest:
            state = text("cli.in_force") if one is approvals[-1] else text("cli.replaced")
            click.echo(safe(text("cli.plan_approved", actor=one.actor, at=one.at[:16], reason=one.reason, state=state)))
    for finding in known.changes_since(made):
        click.echo(safe(f"{severity_of(finding)} {finding.code}: {finding.message} → {finding.remedy}"))
    return int(Exit.DONE)


@plan.command()
@click.argument("digest")
@click.option("--reason", default="", help="Goes on the audit trail; needed for a plan that misses a target.")
def approve(digest: str, reason: str) -> int:
    """Put the plan with this DIGEST in force for the programme: `migrate` then runs what is in it, and only that.

    Refused for the account that made the plan, and when inventory, policy or programme have changed since, naming what.
    """
    from orchestrator.errors import Refused
    from orchestrator.planning.shortfall import short_of

    session = open_session()
    made = session.kept_plan(digest)
    errors = [finding for finding in session.changes_since(made) if finding.severity == "error"]
    if errors:
        raise Refused(say("cli.changed_since_plan", digest=made.digest[:12]), findings=errors)
    missed = tuple(
        say("cli.phase_short", phase=one.id, planned=one.planned, needed=one.needed, short=short)
        for one in made.phases if (short := short_of(one, made.counting))
    )  # fmt: skip
    if missed and not reason.strip():
        raise UsageError(say("cli.plan_misses", digest=made.digest[:12], phases=missed), remedy=say("cli.say_why_approved"))
    session.decisions.approve_plan(made.digest, actor=session.actor, reason=reason.strip())
    size = {"systems": len(made.entries), "waves": len(made.waves)}
    click.echo(text("cli.plan_in_force", digest=made.digest[:12], actor=session.actor, **size))
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

    changes = [*(parse_capacity(asked) for asked in capacity), *(parse_team(asked) for asked in team)]
    changes += [Change(name, amount) for name, amount in (("replication", bandwidth), ("wave", float(wave))) if amount]
    if not changes:
        raise UsageError(say("cli.nothing_would_change"), remedy=say("cli.give_change"))
    from orchestrator.planning.whatif import InForce
    from orchestrator.planning.words import some_of

    known = _known(folder)
    kept = known.approved if folder is None else None
    in_force = InForce(kept, _today(known.programme), known.standing(kept)) if kept else None
    found = what_if(known.inventory, known.verdicts, known.programme, changes, effort=effort, in_force=in_force)
    if json_:
        as_json({"as_of": in_force.as_of if in_force else None, "plan_in_force": kept.digest if kept else None, **_difference(found)})
        return int(Exit.DONE)
    click.echo(say("cli.what_if", changes=found.changes))
    if in_force:
        click.echo("  " + text("cli.replanned_from", day=in_force.as_of, digest=in_force.plan.digest[:12]))
    for note in found.notes:
        click.echo(safe(f"  {note}"))
    rows = [(new.id, new.needed, _reached(found.before, n), _reached(found.after, n)) for n, new in enumerate(found.after.phases)]
    if rows:
        table(tuple(text(head) for head in ("cli.head_phase", "cli.head_needed", "cli.head_now", "cli.head_then")), rows)
    for name, outcome in ((text("cli.now"), found.before), (text("cli.then"), found.after)):
        last = {"when": name, "last": outcome.last_cutover or text("cli.no_cutover")}
        click.echo(text("cli.last_cutover", **last) if outcome.feasible else text("cli.last_cutover_missed", **last))
        for finding in outcome.findings:
            click.echo(safe(f"  {severity_of(finding)} {finding.code}: {finding.message}"))
    click.echo(text("cli.would_move", count=len(found.moved)))
    for system, before, after in found.moved[:20]:
        click.echo(f"  {system}: {before} → {after}")
    for systems, code in ((found.gained, "cli.gain_date"), (found.lost, "cli.lose_date")):
        if systems:
            click.echo(safe(str(say(code, count=len(systems), systems=some_of(systems, 20)))))
    return int(Exit.DONE)


def show(made: Plan, known: Workspace, *, reasons: bool = False) -> None:
    """The plan for people; a strategy that a person chose stands beside what policy said."""
    from orchestrator.inventory.check import outside
    from orchestrator.planning.notes import STAYING_CODES, note_remedy, note_words
    from orchestrator.planning.replan import moved_words
    from orchestrator.planning.shortfall import slack_of
    from orchestrator.planning.words import some_of, window_rule
    from orchestrator.policy.assess import apart, strategy_name

    inventory, verdicts = known.inventory, known.verdicts
    names = {one.id: one.name for one in inventory.systems}
    rows = [
        (one.wave, one.order, one.system, names.get(one.system, ""), str(strategy_name(one.strategy)), one.phase,
         f"{one.window_start:%Y-%m-%d %H:%M}", f"{one.window_end:%m-%d %H:%M}", window_rule(one.window_rule, language()))
        for one in made.entries
    ]  # fmt: skip
    table(tuple(text(head) for head in HEADS), rows)
    for one in made.entries:
        said = verdicts.get(one.system)
        if said and said.overridden_by and said.policy_strategy:
            by = {"system": one.system, "who": said.overridden_by, "strategy": strategy_name(said.policy_strategy)}
            click.echo(safe("  " + text("cli.overridden", **by)))
    if reasons:
        for one in made.entries:
            click.echo(safe(f"  {one.system}: {'; '.join(str(Name(reason.zh, reason.en)) for reason in one.reasons)}"))
    click.echo()
    table(
        tuple(text(head) for head in PHASE_HEADS),
        [(one.id, one.due, one.in_scope, one.needed, one.planned, slack_of(one, made.counting)) for one in made.phases],
    )
    frozen = made.baseline
    counted = text("cli.of_inventory")
    if frozen:
        counted = text("cli.of_baseline", day=frozen.frozen, systems=frozen.systems, changes=frozen.changes)
    click.echo("  " + text("cli.counted_of", counted=counted))
    for strategy, systems in apart(verdicts).items():
        if systems:
            listed = some_of([f"{names.get(system, system)}（{system}）" for system in systems], 20)
            apart_from = say("cli.counted_apart", count=len(systems), strategy=strategy_name(strategy), systems=listed)
            click.echo(safe(f"  {apart_from}"))
    click.echo("  " + text("inventory.outside_now", **outside(inventory)))
    for phase in made.phases:
        kinds = tuple(f"{KINDS.get(count.part, count.part)} {count.planned}/{count.needed}" for count in phase.by_kind)
        met = sum(1 for count in phase.by_department if count.planned >= count.needed)
        click.echo(f"  {say('cli.phase_parts', phase=phase.id, kinds=kinds, met=met, departments=len(phase.by_department))}")
    for moved in made.moved:
        days = {"before": f"{moved.promised:%Y-%m-%d}", "now": f"{moved.now:%Y-%m-%d}" if moved.now else text("cli.no_date")}
        click.echo(safe(text("cli.promise_moved", system=moved.system, why=moved_words(moved), **days)))
    for note in (note for note in made.notes if note.code not in STAYING_CODES):
        click.echo(safe(f"{note.code}: {note_words(note)}" + (f" → {note_remedy(note)}" if note.remedy else "")))
    if past := _windows_over(made, known, dt.datetime.now(dt.UTC)):
        click.echo(text("cli.windows_over", count=past))
    click.echo(text("cli.digest", digest=made.digest))


def _windows_over(made: Plan, known: Workspace, now: dt.datetime) -> int:
    """How many are over of systems that have not begun to move: of the others ``status`` tells what they wait for."""
    from orchestrator.planning.calendar import local

    begun = {one.system for one in known.standing(made) if one.state in {"done", "under_way"}}
    return sum(one.system not in begun and local(one.window_end, known.programme) < local(now, known.programme) for one in made.entries)


def _known(folder: Path | None) -> Workspace:
    return open_workspace((folder,) if folder else ())


def _replanned(known: Workspace, former: Path | None, as_of: dt.datetime | None, effort: int) -> Plan:
    from orchestrator.planning.programme import LONGEST_YEARS
    from orchestrator.planning.replan import replan

    kept = known.promised_plan(former)
    day = as_of.date() if as_of else _today(known.programme)
    if abs(day.year - known.programme.starts.year) > LONGEST_YEARS:
        raise UsageError(say("cli.as_of_far", day=str(day), years=LONGEST_YEARS), remedy=say("cli.correct_as_of"))
    return replan(
        known.inventory, known.verdicts, known.programme, kept,
        as_of=day, standing=known.standing(kept), effort=effort, **known.digests,
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
        return f"{phase.planned} / {phase.reached_on or text('cli.not_met')}"
    later = phase.reached_on if phase.reached_on and phase.reached_on > phase.due else text("cli.not_met")
    return text("cli.reached_short", planned=phase.planned, day=later, short=phase.short)


def _difference(found: Difference) -> dict[str, Any]:
    from dataclasses import asdict

    words = {"changes": [str(change) for change in found.changes], "notes": [str(note) for note in found.notes]}
    sides = {
        side: {**asdict(outcome), "findings": [finding.as_json() for finding in outcome.findings]}
        for side, outcome in (("before", found.before), ("after", found.after))
    }
    return {**asdict(found), **words, **sides, "feasible": {"before": found.before.feasible, "after": found.after.feasible}}
