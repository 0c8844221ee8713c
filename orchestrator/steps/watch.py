"""The trial run: the way back is watched, and health. Restarts are outlived; what stays unhealthy goes back, once, if it can."""

from __future__ import annotations

import datetime as dt
import math
import time
from dataclasses import dataclass

from orchestrator.errors import StepFailed, ToolError, TurnedBack, words_of
from orchestrator.movers.files.manifest import shown
from orchestrator.progress import Progress
from orchestrator.steps import entry, files, gates, server
from orchestrator.steps.base import Context, Facts
from orchestrator.steps.parts import parts
from orchestrator.texts import Words, kept, say
from orchestrator.texts.durations import spell

FILES_EVERY_SECONDS = 30.0
FEW = 5
LOOK_SECONDS = 1.0


def way_back_problems(ctx: Context) -> list[Words]:
    """Why going back would not be safe now, as each part's mover sees it. Empty: armed."""
    return list(_way_back(ctx).values())


def _way_back(ctx: Context) -> dict[str, Words]:
    """The same as alarms: code → sentence."""
    problems: dict[str, Words] = server.find_alarms(ctx) if "server_entry" in ctx.facts else {}
    for mover, part in parts(ctx) if _replicated(ctx) else []:
        try:
            problems |= mover.find_alarms(part, f"{ctx.migration}-watch-{time.time_ns()}")
        except TurnedBack:
            raise
        except Exception as error:  # noqa: BLE001 - a side that is away for a moment is an alarm, no reason to move citizens
            problems[f"{part.name} side"] = say("steps.side_unseen", name=part.name, why=words_of(error))
    return problems


def protect_live_side(ctx: Context) -> None:
    """The way back is given up before what it keeps fills the live side's disk: citizens come first. It is told and on record;
    whether to stay is a person's decision."""
    for mover, part in parts(ctx) if _replicated(ctx) else []:
        given_up: Words | None
        try:
            given_up = mover.protect(part, "target")
        except TurnedBack:
            raise
        except Exception:  # noqa: BLE001 - the live side cannot be asked: that is an alarm of its own
            given_up = None
        if given_up:
            ctx.records.event("way_back_given_up", {"database": part.name, "why": kept(given_up)})
            ctx.say(str(given_up))


def _replicated(ctx: Context) -> bool:
    """A hosted machine's data travelled with it: there is nothing to watch but its health."""
    return "replicate" in ctx.facts


def files_back(ctx: Context) -> dict[str, Words]:
    """What was written on the cloud follows to the source; what vanished there goes to quarantine here. Returned is, as an alarm, what
    the old side has made itself."""
    made = []
    for tree in ctx.system.file_trees:
        own = files.follow(ctx, tree, back=True)
        made += [f"{tree.path}/{shown(name)}" for name in (*own.new, *own.changed)]
    return {"past_entry": say("steps.written_past_entry", count=len(made), some=tuple(made[:FEW]))} if made else {}


def _follow_files(ctx: Context) -> tuple[dict[str, Words], dict[str, Words]]:
    """Follows once more; why the source's files are behind, as an alarm, and what was written there. A controller whose disk is full, or a
    host that is away for a moment, is no reason to move citizens: it is tried again, and the trial run's time stands still."""
    try:
        return {}, files_back(ctx)
    except (ToolError, OSError) as error:
        return {"files": say("steps.files_behind", why=words_of(error))}, {}


def _entry_problems(ctx: Context) -> list[Words]:
    """The entry leads as it was switched; one that was restarted or changed is led again. Empty before it was switched."""
    return entry.keep_led(ctx) if "shift_entry" in ctx.facts else []


def unhealthy(ctx: Context) -> list[Words]:
    """Services on the target that do not answer as they should."""
    found: list[Words] = []
    for service in ctx.system.services:
        if service.host in ctx.world.targets and service.port:
            problem = ctx.world.find_illness(service, ctx.world.target(service.host), limit=0)
            if problem:
                found.append(say("steps.of", name=service.name, said=problem))
    return found


@dataclass
class Illness:
    """For how long the services have been unhealthy while going back was possible. A target that is away (a restart, a
    repair) cannot be left: its last writes are there. So that time does not count, and nothing is decided in it."""

    since: float | None = None

    def look(self, *, sick: bool, can_go_back: bool, now: float) -> float:
        """Seconds so far; 0 when it is well or cannot go back."""
        if not sick or not can_go_back:
            self.since = None
            return 0.0
        if self.since is None:
            self.since = now
        return now - self.since


def trial_run(ctx: Context) -> Facts:
    """Lasts as long as the inventory or else the programme says, counted from the switch and only while the way back is armed.
    Goes back by itself when the services stay unhealthy for the programme's grace time, unless a person decided to stay."""
    length, grace = gates.trial_seconds(ctx), gates.grace_seconds(ctx)
    began = time.monotonic()
    switched = ctx.records.switch_time()
    if switched:
        began -= (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(switched)).total_seconds()
    illness, looks, worst_look = Illness(), 0, 0.0
    behind: dict[str, Words] = {}
    past: dict[str, Words] = {}
    counted = files_due = time.monotonic()
    while True:
        ctx.stop_if_asked()
        before = time.monotonic()
        sick, broken = unhealthy(ctx) + _entry_problems(ctx), _way_back(ctx)
        may_follow = _replicated(ctx) and not broken
        if broken:  # what is not taken is kept
            protect_live_side(ctx)
        broken |= behind
        worst_look = max(worst_look, time.monotonic() - before)
        ctx.records.watch(broken | past | ({"health": say("steps.sick", problems=tuple(sick))} if sick else {}))
        ill = illness.look(sick=bool(sick), can_go_back=not broken, now=time.monotonic())
        stay = ctx.records.stay_decided()
        if ill >= grace and sick and not broken and not stay:
            raise StepFailed(
                say("steps.trial_fails", seconds=ill, sick=tuple(sick)),
                where=ctx.system.id,
                remedy=say("steps.goes_back_mend"),
            )
        _say_what_is_wrong(ctx, sick, broken, stay, grace - ill)
        looks += 1
        if broken:  # neither this look nor the pause before it: the way back was not known to be armed
            began += time.monotonic() - counted
        counted = time.monotonic()
        left = length - (time.monotonic() - began)
        if (time.monotonic() > files_due or left <= 0) and may_follow:
            before_pass = past
            behind, past = _follow_files(ctx)
            if past and past != before_pass:
                ctx.say(str(past["past_entry"]))
            files_due = time.monotonic() + FILES_EVERY_SECONDS
        if left <= 0 and not sick and not broken and not behind:
            return {"seconds": length, "looks": looks, "worst_look_seconds": round(worst_look, 2)}
        ctx.progress(Progress(str(say("steps.trial")), length - max(0.0, left), length, "s"))
        ctx.pause(min(LOOK_SECONDS, max(0.2, left)))


def _say_what_is_wrong(ctx: Context, sick: list[Words], broken: dict[str, Words], stay: str | None, grace_left: float) -> None:
    if broken:
        ctx.say(str(say("trial.cannot_go_back", problems=(*broken.values(), *sick))))
    elif sick and stay:
        ctx.say(str(say("trial.stays", problems=tuple(sick), why=stay)))
    elif sick:
        left = grace_left if grace_left < 60 else round(grace_left / 60) * 60  # a new line only each minute
        time_left = spell(math.ceil(max(left, 1) / 10) * 10)
        ctx.say(str(say("trial.goes_back", problems=tuple(sick), time=time_left, system=ctx.system.id)))
