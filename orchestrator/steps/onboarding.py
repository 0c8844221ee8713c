"""A system that is still being built has no live source: it is brought onto the cloud by people, under the same gates."""

from __future__ import annotations

from orchestrator.steps import gates, people, previews
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.texts import say

TASKS = [
    ("deploy", say("steps.task_deploy")),
    ("test_report", say("steps.task_test_report")),
]


def bring(ctx: Context) -> Facts:
    """The builder's work, with evidence."""
    return {"tasks": people.ask(ctx, "bring_onto_cloud", TASKS, {"system": ctx.system.name})}


def trial(ctx: Context) -> Facts:
    """There is no source to go back to; the trial run is the department's use, with evidence."""
    return {
        "tasks": people.ask(
            ctx,
            "trial_use",
            [("trial_report", say("steps.task_trial_report"))],
            {"seconds": gates.trial_seconds(ctx)},
        )
    }


def _done(_: Context) -> Observed:
    return Observed.DONE


BRING = Step(id="bring_onto_cloud", effect=Effect.READ_ONLY, run=bring, observe=_done, preview=previews.people(say("steps.how_builder")))
TRIAL = Step(id="trial_use", effect=Effect.READ_ONLY, run=trial, observe=_done, preview=previews.people(say("steps.how_department")))
