"""Points that wait for a person's decision or for a window. Nothing is touched here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.errors import NeedsPerson, Refused, Waiting
from orchestrator.steps import previews
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.texts import say

if TYPE_CHECKING:
    from orchestrator.planning.programme import Programme

COMMANDS = {
    "initial_acceptance": "accept", "approve_cutover": "approve", "approve_retirement": "approve", "final_acceptance": "accept",
}  # fmt: skip
"""With which command another person decides at a gate."""


def _done(_: Context) -> Observed:
    return Observed.DONE


def gate(
    name: str, before: Callable[[Context], None] | None = None, tell: Callable[[Context], None] | None = None
) -> Step:
    """A gate step. ``before`` is asked before the gate opens and again after it was approved: it raises when acceptance
    is not allowed (way back not armed, lag, a comparison that differs). ``tell`` says what is decided on."""
    verb = COMMANDS[name]

    def run(ctx: Context) -> Facts:
        if before:
            before(ctx)
        row = ctx.records.gate(name, ctx.plan.digest)
        if row["state"] == "open":
            if tell:
                tell(ctx)
            digest = ctx.plan.digest[:12]
            raise Waiting(
                say("say.waits_gate", gate=say(f"gate.{name}"), digest=digest),
                where=ctx.system.id,
                remedy=say("say.decide", command=verb, system=ctx.system.id, digest=digest),
            )
        if row["state"] == "refused":
            raise Refused(
                say("steps.gate_refused", gate=say(f"gate.{name}"), actor=str(row["actor"]), reason=str(row["reason"])),
                where=ctx.system.id,
                remedy=say("steps.mend_named"),
            )
        return {"actor": row["actor"], "decided": row["decided"], "digest": row["digest"]}

    return Step(id=name, effect=Effect.READ_ONLY, run=run, observe=_done, preview=previews.gate(verb))


def now() -> dt.datetime:
    """The moment at which a window is asked for; tests replace it."""
    return dt.datetime.now(dt.UTC)


def today(ctx: Context) -> dt.date:
    """The day by the city's clock."""
    from orchestrator.planning.calendar import local

    return local(now(), _programme(ctx)).date()


def rule_at(ctx: Context, at: float) -> str | None:
    """The rule by which a moment (seconds since the epoch) lay in a window of the system, or None. For the record of what happened."""
    from orchestrator.planning.calendar import in_window
    from orchestrator.planning.hours import windows_for

    programme = _programme(ctx)
    return in_window(
        windows_for(ctx.system, programme)[0], dt.datetime.fromtimestamp(at, dt.UTC), programme, department=ctx.system.department
    )


def wait_window(ctx: Context) -> Facts:
    """Permission to begin the cutover now. Raises Waiting under a city-wide hold, before the approved window, and after it: then
    the approval is asked for anew, and is for the next opening of the system's windows (R5)."""
    from orchestrator.planning.calendar import Opening, local

    held = ctx.records.held()
    if held:
        raise Waiting(say("steps.all_held", held=held), where=ctx.system.id, remedy=say("steps.hold_off"))
    programme, at = _programme(ctx), now()
    approved, here = local(dt.datetime.fromisoformat(str(APPROVAL.run(ctx)["decided"])), programme), local(at, programme)
    entry = next(e for e in ctx.plan.entries if e.system == ctx.system.id)
    named = ctx.records.approved_window()  # as the approver saw it: no later change of windows or blackouts moves it
    opening = (
        Opening(dt.datetime.fromisoformat(named["start"]), dt.datetime.fromisoformat(named["end"]), named["rule"])
        if named
        else Opening(local(entry.window_start, programme), local(entry.window_end, programme), entry.window_rule)
    )
    span = say("steps.span", start=f"{opening.start:%Y-%m-%d %H:%M}", end=opening.until, rule=opening.rule)
    if here < opening.start:
        raise Waiting(say("steps.wait_window", span=span), where=ctx.system.id, remedy=say("steps.wait_or_change"))
    if here >= opening.end or approved >= opening.end:
        ctx.records.ask_again("approve_cutover")
        raise Waiting(
            say("steps.other_window", gate=say("gate.approve_cutover"), digest=ctx.plan.digest[:12], span=span),
            where=ctx.system.id,
            remedy=say("steps.approve_next", system=ctx.system.id, digest=ctx.plan.digest[:12]),
        )
    rule = rule_at(ctx, at.timestamp())
    if rule is None:
        raise Waiting(
            say("steps.window_gone", span=span),
            where=ctx.system.id,
            remedy=say("steps.windows_changed"),
        )
    return {"rule": rule, "at": at.isoformat(timespec="seconds")}


def trial_seconds(ctx: Context) -> float:
    """How long the trial run lasts: the system's own, else the programme's, as the plan promises it."""
    own = ctx.system.trial_run_seconds
    return own if own is not None else _programme(ctx).trial_run_days * 86_400


def grace_seconds(ctx: Context) -> float:
    """For how long services may be unhealthy in the trial run before the system goes back by itself."""
    return _programme(ctx).trial_grace_minutes * 60


def _programme(ctx: Context) -> Programme:
    from orchestrator.planning.programme import load_programme

    return load_programme(ctx.settings.inventory / "program.yaml")


def trial_run_over(ctx: Context) -> Facts:
    """The trial run: counts only while the way back is armed; watched all the time (see ``watch``)."""
    from orchestrator.steps import watch

    return watch.trial_run(ctx)


WINDOW = Step(id="window", effect=Effect.READ_ONLY, run=wait_window, observe=_done, preview=previews.window)


def _still_as_copied(ctx: Context) -> None:
    from orchestrator.steps import parts

    parts.insist_unchanged(ctx)


INITIAL = gate("initial_acceptance", _still_as_copied)


def _foretell(ctx: Context) -> None:
    from orchestrator.steps import foretell

    foretell.tell(ctx)


APPROVAL = gate("approve_cutover", _still_as_copied, _foretell)


def _may_be_accepted(ctx: Context) -> None:
    from orchestrator.steps import parts, watch

    parts.name_changes(ctx)
    problems = watch.way_back_problems(ctx)
    if problems:
        raise NeedsPerson(
            say("steps.no_acceptance", problems=tuple(problems)),
            where=ctx.system.id,
            remedy=say("steps.mend_way_back"),
        )


FINAL = gate("final_acceptance", _may_be_accepted)
FINAL_WITHOUT_WAY_BACK = gate("final_acceptance")
RETIREMENT = gate("approve_retirement")
TRIAL = Step(id="trial_run", effect=Effect.READ_ONLY, run=trial_run_over, observe=_done, preview=previews.trial)
