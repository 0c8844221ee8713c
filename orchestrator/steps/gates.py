"""Points that wait for a person's decision or for a window. Nothing is touched here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from orchestrator.errors import NeedsPerson, Refused, Waiting
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step

GATES = {
    "initial_acceptance": ("初验", "initial acceptance", "accept"),
    "approve_cutover": ("批准切换", "approval of the cutover", "approve"),
    "final_acceptance": ("终验", "final acceptance", "accept"),
}


def _done(_: Context) -> Observed:
    return Observed.DONE


def gate(name: str, before: Callable[[Context], None] | None = None) -> Step:
    """A gate step. ``before`` is asked before the gate opens and again after it was approved: it raises when acceptance
    is not allowed (way back not armed, lag, a comparison that differs)."""
    zh, en, verb = GATES[name]

    def run(ctx: Context) -> Facts:
        if before:
            before(ctx)
        row = ctx.records.gate(name, ctx.plan.digest)
        if row["state"] == "open":
            raise Waiting(
                f"{en} of plan {ctx.plan.digest[:12]}",
                where=ctx.system.id,
                remedy=f"another person runs `orchestrator {verb} {ctx.system.id} --digest {ctx.plan.digest[:12]}`",
            )
        if row["state"] == "refused":
            raise Refused(
                f"{en} was refused by {row['actor']}: {row['reason']}",
                where=ctx.system.id,
                remedy="mend what they name, then migrate again",
            )
        return {"actor": row["actor"], "decided": row["decided"], "digest": row["digest"]}

    return Step(id=name, zh=zh, en=en, effect=Effect.READ_ONLY, run=run, observe=_done)


def window_now(ctx: Context) -> str | None:
    """The rule that permits a cutover at this moment: a window of the system, not before the planned one, no blackout."""
    from orchestrator.planning.calendar import in_window, local
    from orchestrator.planning.hours import windows_for
    from orchestrator.planning.programme import load_programme

    entry = next(e for e in ctx.plan.entries if e.system == ctx.system.id)
    programme = load_programme(ctx.settings.inventory / "program.yaml")
    now = local(dt.datetime.now(dt.UTC), programme)
    if now < local(entry.window_start, programme):
        return None
    return in_window(windows_for(ctx.system, programme)[0], now, programme, department=ctx.system.department)


def wait_window(ctx: Context) -> Facts:
    """Waits for the window; a city-wide hold keeps every cutover waiting."""
    held = ctx.records.held()
    if held:
        raise Waiting(f"all cutovers are held: {held}", where=ctx.system.id, remedy="`orchestrator hold --off` lets them go on")
    rule = window_now(ctx)
    if rule is None:
        entry = next(e for e in ctx.plan.entries if e.system == ctx.system.id)
        raise Waiting(
            f"the cutover window ({entry.window_rule}, from {entry.window_start:%Y-%m-%d %H:%M})",
            where=ctx.system.id,
            remedy="wait, or change the plan",
        )
    return {"rule": rule, "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")}


def trial_run_over(ctx: Context) -> Facts:
    """The trial run: counts only while the way back is armed; watched all the time (see ``watch``)."""
    from orchestrator.steps import watch

    return watch.trial_run(ctx)


WINDOW = Step(id="window", zh="等待切换窗口", en="wait for the cutover window", effect=Effect.READ_ONLY, run=wait_window, observe=_done)
INITIAL = gate("initial_acceptance")
APPROVAL = gate("approve_cutover")


def _may_be_accepted(ctx: Context) -> None:
    from orchestrator.steps import watch

    problems = watch.way_back_problems(ctx)
    if problems:
        raise NeedsPerson(
            f"final acceptance is not allowed: {'; '.join(problems)}",
            where=ctx.system.id,
            remedy="mend the way back, or `orchestrator rollback`",
        )


FINAL = gate("final_acceptance", _may_be_accepted)
FINAL_WITHOUT_WAY_BACK = gate("final_acceptance")
TRIAL = Step(
    id="trial_run", zh="试运行", en="trial run, with the way back armed", effect=Effect.READ_ONLY, run=trial_run_over, observe=_done
)
