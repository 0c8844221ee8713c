"""Runs migrations of several systems at once, in the order their dependencies allow, with or without Prefect."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import click

from orchestrator.engine.runner import Outcome, directly
from orchestrator.engine.session import ENDING_EXIT, Session
from orchestrator.errors import Exit, LeaseHeld, OrchestratorError, Refused, Waiting
from orchestrator.journal.notes import Notes
from orchestrator.journal.states import ENDING_WORDS, REFUSED_WORDS, Ending

POLL_SECONDS = 0.5
_printing = threading.Lock()


def say(system: str, text: str) -> None:
    """One line of progress: when, which system, what happens now."""
    with _printing:
        click.echo(f"{time.strftime('%H:%M:%S')}  {system:<20} {text}")


def drive(session: Session, migrations: Sequence[str], systems: Sequence[str], *, wait: bool, direct: bool) -> int:
    """Every system in a thread of its own, once what it depends on has moved. Returns the exit code over all."""
    run = _runner(session, direct=direct)
    codes: dict[str, Exit] = {}
    known = dict(zip(systems, migrations, strict=True))
    session.journal.migrations()  # opens the journal once, in this thread
    threads = [
        threading.Thread(target=_one, args=(session, run, system, known[system], list(systems), codes), kwargs={"wait": wait}, name=system)
        for system in systems
    ]
    for thread in threads:
        thread.daemon = True  # a second Ctrl-C leaves at once
        thread.start()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to end by a service manager: the same as Ctrl-C
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)
    except KeyboardInterrupt:
        STOPPING.set()
        click.secho(
            "stopping before the next step (Ctrl-C again leaves at once; `orchestrator resume` goes on either way)", fg="yellow", err=True
        )
        for thread in threads:
            thread.join(60)
        raise
    return int(Exit.worst([codes.get(s, Exit.BUG) for s in systems]))


STOPPING = threading.Event()
"""Set by Ctrl-C: waiting ends, running steps end at their next boundary."""


def _one(
    session: Session,
    run: Callable[..., Outcome],
    system: str,
    migration: str,
    all_systems: list[str],
    codes: dict[str, Exit],
    *,
    wait: bool,
) -> None:
    try:
        ident = _started(session, system, migration, all_systems, codes)
        outcome = run(ident, system)
        while wait and outcome.ending is None and not STOPPING.is_set():
            say(system, f"waits: {outcome.waiting}")
            _until_something_changed(session, ident)
            outcome = run(ident, system)
        codes[system] = report(session, ident, system, outcome)
    except OrchestratorError as error:
        say(system, f"{error}")
        for finding in error.findings if isinstance(error, Refused) else ():
            say(system, f"  {finding.code}: {finding.message} → {finding.remedy}")
        codes[system] = error.exit_code
    except Exception as error:  # noqa: BLE001 - a bug in one system's run must not hide the others' endings
        say(system, f"a bug of ours: {error.__class__.__name__}: {error}; the journal holds what was done")
        codes[system] = Exit.BUG


def _started(session: Session, system: str, migration: str, all_systems: list[str], codes: Mapping[str, Exit]) -> str:
    """Waits for dependencies that are under way in this very run, then starts. Raises Waiting when one stopped here without having moved."""
    if migration != system:
        return migration
    mine = [d for d in session.system(system).depends_on if d in all_systems]
    said = False
    while not STOPPING.is_set():
        over = set(codes)  # before the journal is asked: what ends in between has its ending there already
        latest = {d: next(iter(reversed(session.journal.migrations(system=d))), None) for d in mine}
        if all(m is not None and (m.live == "target" or m.state == "ended") for m in latest.values()):
            break
        stopped = [d for d, m in latest.items() if d in over and (m is None or m.live != "target")]
        if stopped:
            raise Waiting(
                f"{system} was not begun: {', '.join(stopped)} stopped before it had moved",
                where=system,
                remedy=f"see what was said of {stopped[0]}; when it has moved, run the same command again",
            )
        if not said:
            say(system, f"waits until {', '.join(mine)} has moved")
            said = True
        time.sleep(POLL_SECONDS)
    return session.start(system)


def _until_something_changed(session: Session, migration: str) -> None:
    """Returns when no gate or task is open any more, a turn back was asked for, or (for windows and holds) after five seconds."""
    until = time.monotonic() + 5
    while not STOPPING.is_set():
        waits = any(g.state == "open" for g in session.decisions.gates(migration)) or bool(session.decisions.tasks(migration, state="open"))
        if session.journal.flag(f"turn_back:{migration}") or (not waits and (_decided(session, migration) or time.monotonic() > until)):
            return
        time.sleep(POLL_SECONDS)


def _decided(session: Session, migration: str) -> bool:
    """Whether what it waits at is something that people decide (and have decided), not a window or a hold."""
    waiting = next((s for s in session.journal.steps(migration) if s.state in ("waiting", "undoing")), None)
    return waiting is not None and waiting.step != "window"


def _runner(session: Session, *, direct: bool) -> Callable[..., Outcome]:
    if direct:
        return lambda ident, _system: session.run(ident, say=say, invoke=directly, stopping=STOPPING.is_set)
    from orchestrator.flows.migrate import run_in_flow

    return lambda ident, system: run_in_flow(session, ident, system, say, STOPPING.is_set)


def report(session: Session, migration: str, system: str, outcome: Outcome) -> Exit:
    """Says in the operator's words how it stands, every finding and all that is owed, and what to do next."""
    notes = Notes(session.journal)
    if outcome.ending is None:
        say(system, f"waits: {outcome.waiting}")
        return Exit.WAITING
    ending = Ending(outcome.ending)
    refused = ending is Ending.ROLLED_BACK_BEFORE and outcome.untouched
    zh, en, following = REFUSED_WORDS if refused else ENDING_WORDS[ending]
    say(system, f"{zh} / {en}{': ' + outcome.why if outcome.why else ''}")
    for finding in notes.findings(migration) if ending is not Ending.ACCEPTED else ():
        say(system, f"  {finding.code} {finding.place}: {finding.message} → {finding.remedy}")
    for row in notes.owed(migration):
        say(system, f"  owed clean-up {row.id}: {row.what} → {row.remedy}")
    say(system, f"→ {following}")
    return Exit.REFUSED if refused else ENDING_EXIT[ending]


def turn_back(session: Session, migration: str, system: str, reason: str, *, cancelled: bool, direct: bool) -> int:
    """Asks for the turn back; does it here when nobody works on the migration, else the one who does will see it."""
    session.ask_to_turn_back(migration, reason, cancelled=cancelled)
    run = _runner(session, direct=direct)
    try:
        outcome = run(migration, system)
    except LeaseHeld:
        say(system, "the process that works on it goes back at its next step; `orchestrator status --watch` shows it")
        return int(Exit.DONE)
    code = report(session, migration, system, outcome)
    return int(Exit.DONE if code in (Exit.ROLLED_BACK, Exit.REFUSED) else code)  # it was asked for: done
