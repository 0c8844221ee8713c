"""The end: reverse replication ends at the point of no return, the catalogue learns where the data lives now."""

from __future__ import annotations

from typing import Any

from orchestrator.errors import StepFailed
from orchestrator.steps import links, previews, protect
from orchestrator.steps.base import Context, Coverage, Effect, Facts, Observed, Preview, Step
from orchestrator.steps.parts import parts
from orchestrator.texts import Value, say


def baseline(ctx: Context) -> Facts:
    """R6: security owner, data owner and security standard, captured before: as answered, and as the old hosts show them. R8: the links
    it has."""
    links = [link.model_dump(mode="json", exclude={"address", "port"}) for link in ctx.system.links]
    return {**_unchanged(ctx), "links": links, "hosts": protect.look_at_sources(ctx)}


def preview_baseline(ctx: Context, _connect: bool) -> Preview:
    """The inventory's part of the step itself; hosts are not asked."""
    _unchanged(ctx)
    return Preview(Coverage.EXECUTED, say("steps.how_baseline"))


def _unchanged(ctx: Context) -> Facts:
    return {
        "security_owner": ctx.system.security_owner,
        "data_owner": ctx.system.data_owner,
        "protection_grade": ctx.system.protection_grade,
        "standard": ctx.system.protection_standard or "GB/T 22239",
    }


def compare_unchanged(ctx: Context) -> Facts:
    """R6: the three unchanged, compared after. A difference blocks acceptance: of answers until they are mended, of what hosts show until
    it is mended or somebody says with evidence why it is right. Raises Waiting for that, NeedsPerson for a link that is gone (R8)."""
    before, after = ctx.facts["record_baseline"], _unchanged(ctx)
    differ = {name: (before.get(name), value) for name, value in after.items() if before.get(name) != value}
    missing = [name for name in ("security_owner", "data_owner") if not after[name]]
    if differ or missing:
        raise StepFailed(
            say("steps.three_unchanged", differ=_differences(differ), missing=tuple(missing) or say("steps.none")),
            where=ctx.system.id,
            remedy=say("steps.department_answers"),
        )
    links.insist_on_links(ctx)
    return {"unchanged": sorted(after), **protect.compare_hosts(ctx, before.get("hosts", {}))}


def _differences(differ: dict[str, tuple[Any, Any]]) -> Value:
    return tuple(say("steps.differs", name=name, before=str(before), after=str(after)) for name, (before, after) in differ.items()) or say(
        "steps.none"
    )


def end_way_back(ctx: Context) -> Facts:
    """ONE_WAY: from here on the source may be decommissioned. It is left as it stands, closed, for its quarantine time."""
    ended = []
    for mover, part in parts(ctx):
        mover.finish(part)
        ended.append(part.name)
    return {"databases": ended, "source": "closed, kept"}


def _ended(ctx: Context) -> Observed:
    return Observed.DONE if all(mover.finished(part) for mover, part in parts(ctx)) else Observed.NOT_DONE


def register(ctx: Context) -> Facts:
    """R13: every migrated data resource, with its new place, on the audit chain."""
    for resource in ctx.system.data_resources:
        ctx.records.event(
            "catalogue_registered", {"department": ctx.system.department, **resource.model_dump(mode="json"), "place": "cloud"}
        )
    return {"resources": [r.name for r in ctx.system.data_resources]}


def _done(_: Context) -> Observed:
    return Observed.DONE


BASELINE = Step(
    id="record_baseline",
    effect=Effect.READ_ONLY,
    run=baseline,
    observe=_done,
    preview=preview_baseline,
)
UNCHANGED = Step(id="compare_unchanged", effect=Effect.READ_ONLY, run=compare_unchanged, observe=_done, preview=previews.unchanged)
END_WAY_BACK = Step(
    id="end_way_back",
    effect=Effect.ONE_WAY,
    run=end_way_back,
    observe=_ended,
)
CATALOGUE = Step(id="register_catalogue", effect=Effect.READ_ONLY, run=register, observe=_done, preview=previews.catalogue)
