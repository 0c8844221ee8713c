"""Exit words and Prefect's states: an ending of ours is a state with our word as its name, a wait is a suspended run.

Prefect's types decide its colours and counts; the name is what a person reads, the same word that the command line prints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID, uuid4

from orchestrator import texts
from orchestrator.errors import Exit
from orchestrator.flows.stand import Stand

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

NAMES = {
    Exit.DONE: "Done",
    Exit.BUG: "A bug of ours",
    Exit.USAGE: "Wrong parameters",
    Exit.REFUSED: "Refused",
    Exit.ROLLED_BACK: "Rolled back",
    Exit.NEEDS_A_PERSON: "Needs a person",
}
OURS = "journal:"
"""How the pause key of a run begins that we suspended: only such a run is woken by what the journal says."""


def ending_name(stand: Stand) -> str:
    """The ending's words as the command line has them, with a capital."""
    words = texts.english(f"ending.{stand.ending}")
    return words[0].upper() + words[1:]


def final_state(stand: Stand) -> State[Any]:
    """The state of a run whose migration is over. ``stand.over`` holds."""
    from prefect.states import Completed, Failed

    make = Completed if stand.exit is Exit.DONE else Failed
    return make(name=ending_name(stand), message=stand.why[:500] or None)


def state_of(code: Exit, message: str) -> State[Any]:
    """The state of a run that is over with this exit code; WAITING has none: such a run is suspended."""
    from prefect.states import Completed, Failed

    make = Completed if code is Exit.DONE else Failed
    return make(name=NAMES[code], message=message[:500] or None)


def crashed(name: str, message: str) -> State[Any]:
    """The state of a run that stopped in the middle and may be started again."""
    from prefect.states import Crashed

    return Crashed(name=name, message=message[:500] or None)


def suspended(stand: Stand, what: str) -> State[Any]:
    """Suspended until the journal has something new; without a deadline: people take weeks."""
    from prefect.states import Suspended

    message = "; ".join(stand.waits) or what
    return Suspended(pause_key=pause_key(stand), message=f"waits: {message}"[:500])


def pause_key(stand: Stand) -> str:
    """What the run knew when it was suspended; never the same twice, since Prefect lets no key pause a run again."""
    return f"{OURS}{stand.key}:{uuid4().hex[:8]}"


def known_key(key: str | None) -> str | None:
    """The journal's key inside a pause key; None when somebody else suspended the run."""
    return key.split(":")[1] if key and key.startswith(OURS) else None


def leave_suspended(run: UUID, state: State[Any]) -> NoReturn:
    """Leaves this flow run's process; a worker starts it again from its first line when it is resumed. Never returns: raises
    Prefect's signal for it. (``prefect.suspend_flow_run`` does the same, without a message that says for whom it waits.)"""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import Pause
    from prefect.utilities.engine import propose_state_sync

    with get_client(sync_client=True) as client:
        accepted = propose_state_sync(client, state, flow_run_id=run)
        known = accepted if accepted.is_paused() else client.read_flow_run(run).state
    if known is None or not known.is_paused():
        raise RuntimeError(f"Prefect did not suspend this run: {accepted.name}")
    raise Pause(state=known)
