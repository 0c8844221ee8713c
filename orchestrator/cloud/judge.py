"""May this plan run? Each action is judged by what it does to which kind of thing, and by where the system stands. Pure.

The table, after a system was handed over (``Stand.HANDED_OVER`` and later):

| kind | create | update | delete, replace, forget |
|---|---|---|---|
| server, port, volume, unknown | refused: it would not be the one that was lost | refused, but for harmless attributes | refused |
| asked (what a server was to be) | – | refused: it would silently do nothing | refused with its server |
| access (a security group) | – | – | refused |
| rule, placement, record | – | – | – |

Before: everything may be made and changed; what is to be deleted or replaced must bear the mark of a run of ours that never
came to its end. Drift is always said, and never mended by making an empty one.

At any time: what is there already is taken into the state only by `orchestrator cloud adopt`. Somebody's server that a plan
imports would be destroyed with ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.cloud.changes import Action, Changes
from orchestrator.cloud.kinds import HOLDS_DATA, Kind, Kinds
from orchestrator.cloud.stand import STAND_WORDS, Position, Stand
from orchestrator.errors import Finding

TAKES_AWAY = frozenset({"delete", "replace", "forget"})
KNOWN_ACTIONS = frozenset({"create", "update", *TAKES_AWAY})
_TAINTED = frozenset({"replace_because_tainted"})
_NOT_ASKED_FOR = frozenset({
    "delete_because_each_key", "delete_because_no_resource_config", "delete_because_no_module", "delete_because_count_index",
    "delete_because_wrong_repetition",
})  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """``refusals``: any of them, and nothing of the plan runs. ``notes``: what an operator should read."""

    refusals: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


def judge(changes: Changes, position: Position, kinds: Kinds, *, adopting: frozenset[str] = frozenset()) -> Judgement:
    """Every refusal of a plan at once, by name, with what changed and what a person can do.

    ``adopting``: the cloud's ids of what `orchestrator cloud adopt` has proved to be this system's.
    """
    gone = {item.address for item in changes.drift if item.action == "delete"}
    refusals = []
    for action in changes.actions:
        if action.imported and action.imported not in adopting:
            finding: Finding | None = _refused(action, position, f"would be taken over as {action.imported}: nothing proves it ours", _REMEDY_IMPORT)
        elif action.action == "import":
            finding = None
        elif position.stand is Stand.NOTHING:
            finding = _judge_before(action, position)
        else:
            finding = _judge_after(action, position, kinds, was_there=action.address in gone)
        if finding is not None:
            refusals.append(finding)
    return Judgement(tuple(refusals), tuple(describe_drift(changes.drift, position)))


def _judge_before(action: Action, position: Position) -> Finding | None:
    """Nothing was handed over: only what is proved to be left by ourselves may be taken away."""
    if action.action not in KNOWN_ACTIONS:
        return _refused(action, position, f"would be {action.action}: what that does is not known", "upgrade the orchestrator")
    if action.kind not in HOLDS_DATA or action.action not in TAKES_AWAY or action.run in position.unfinished - {""}:
        return None
    made_by = (
        f"it was made by run {action.run}, which is none of ours that never came to its end" if action.run else "nothing says who made it"
    )
    return _refused(
        action, position, f"would be {_word(action)}{_why(action)}, and {made_by}",
        "look at what lies on it; when nothing does, delete it on the cloud by hand, then resume",
    )  # fmt: skip


def _judge_after(action: Action, position: Position, kinds: Kinds, *, was_there: bool) -> Finding | None:
    """Its servers may hold the only copy: nothing that holds data is made anew, taken away or stopped."""
    if action.action not in KNOWN_ACTIONS:
        return _refused(action, position, f"would be {action.action}: what that does is not known", "upgrade the orchestrator")
    if action.kind not in HOLDS_DATA:
        return _judge_beside(action, position)
    if action.action == "update":
        return _judge_update(action, position, kinds)
    if action.action in TAKES_AWAY:
        return _refused(action, position, f"would be {_word(action)}{_why(action)}", _remedy_taken(action))
    if was_there:
        return _refused(action, position, "is gone from the cloud, and another one would be made in its place", _REMEDY_GONE)
    return _refused(action, position, "would be made anew: the state does not know it", _REMEDY_NEW)


def _judge_beside(action: Action, position: Position) -> Finding | None:
    """What holds no data itself, and still decides over what does."""
    if action.kind is Kind.ASKED and action.action != "create":
        return _refused(action, position, f"was asked to be another one{_changed(action)}", _REMEDY_ASKED)
    if action.kind is Kind.ACCESS and action.action in TAKES_AWAY:
        return _refused(action, position, f"would be {_word(action)}{_why(action)}: its servers would be reached by nobody", _REMEDY_BACK)
    return None


def _judge_update(action: Action, position: Position, kinds: Kinds) -> Finding | None:
    """In place means: the same thing, but perhaps stopped, resized or moved. Only what the module calls harmless is."""
    harmless = kinds.harmless_of(action.resource_type)
    stopping = [item for item in action.differences if item.attribute.split(".")[0] not in harmless]
    if action.differences and not stopping:
        return None
    told = ", ".join(map(str, stopping)) or "the plan does not say in what"
    return _refused(action, position, f"would be changed while it is in use: {told}", _REMEDY_IN_USE)


_REMEDY_ASKED = (
    "set it back in the inventory or under [cloud.inputs]; to change a server in use, do it on the cloud with its people, in a window"
)
_REMEDY_IMPORT = "take the import block out; where the state was lost: `orchestrator cloud adopt`"
_REMEDY_BACK = "set it back in the inventory or under [cloud.inputs], then plan again"
_REMEDY_GONE = (
    "find out on the cloud who deleted it; then `orchestrator rollback` while the way back is armed, or restore the backup by hand"
)
_REMEDY_NEW = (
    "a host that was added to the inventory needs a migration of its own; where the state was lost, put its copy back "
    "(docs/clouds.md), then plan again"
)
_REMEDY_IN_USE = "set it back, or have it changed on the cloud by its people, in a window of the system"


def _remedy_taken(action: Action) -> str:
    if action.reason in _NOT_ASKED_FOR:
        return "put the host back into the inventory; servers are taken away by `orchestrator rollback`, and volumes by `orchestrator cloud release`"
    if action.reason in _TAINTED:
        return "look at the server on the cloud; when it is sound: `terraform untaint` in the system's folder (docs/clouds.md)"
    return "set back what changed (the inventory, [cloud.inputs], or the cloud's flavour, image, network of that name), then plan again"


def _word(action: Action) -> str:
    return {"delete": "destroyed", "replace": "destroyed and made anew, empty", "forget": "forgotten"}.get(action.action, action.action)


def _why(action: Action) -> str:
    if action.forced_by:
        return f" because of {', '.join(map(str, action.forced_by))}"
    if action.reason in _NOT_ASKED_FOR:
        return " because nothing asks for it any more"
    if action.reason in _TAINTED:
        return " because an earlier apply did not complete it"
    return f" because of {', '.join(map(str, action.differences))}" if action.differences else ""


def _changed(action: Action) -> str:
    return f": {', '.join(map(str, action.differences))}" if action.differences else _why(action)


def _refused(action: Action, position: Position, said: str, remedy: str) -> Finding:
    return Finding(
        "plan-would-lose",
        "error",
        f"{action.label} {said} ({STAND_WORDS[position.stand]}) [{action.address}]",
        remedy,
        system=position.system,
    )


def describe_drift(drift: Sequence[Action], position: Position) -> list[Finding]:
    """What was changed outside since the last apply, in a sentence each."""
    findings = []
    for item in drift:
        if item.action == "delete":
            said = f"{item.label} is gone from the cloud: somebody deleted it"
            again = "nothing lay on it: another one is made" if position.stand is Stand.NOTHING else "nothing is made anew in its place"
            remedy = f"ask who did it; {again}"
        elif item.differences:
            said = f"{item.label} was changed outside: {', '.join(map(str, item.differences))}"
            remedy = "set it back on the cloud, or in the inventory; it is not mended by itself"
        else:
            continue
        findings.append(Finding("cloud-drift", "warning", said, remedy, system=position.system))
    return findings
