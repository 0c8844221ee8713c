"""The bodies of the flows: each calls what the command line calls, leaves a page to read, and ends with the same exit word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from orchestrator import texts
from orchestrator.engine.cloud_servers import refuse_what_the_cloud_lacks
from orchestrator.errors import Exit, JournalAway, LeaseHeld, OrchestratorError, Refused, UsageError, Waiting, findings_of
from orchestrator.flows import pages
from orchestrator.flows.acts import choose_systems, clean_up_ended, find_under_way, turn_system_back
from orchestrator.flows.drive import Drive
from orchestrator.flows.endings import crashed, final_state, leave_suspended, state_of, suspended
from orchestrator.flows.following import Page, run_migration, run_shown
from orchestrator.flows.office import Office, open_office
from orchestrator.flows.stand import Stand, stand_of
from orchestrator.journal.standing import describe

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

FlowBody = Callable[[Office], "State[Any]"]


def in_flow(act: FlowBody) -> State[Any]:
    """Opens the office of this worker and runs one body. An error of ours becomes a state with our exit word and a page with every
    finding; what we do not know becomes a bug of ours, by its type: its text may hold anything."""
    office = open_office()
    try:
        return act(office)
    except JournalAway as error:  # as if its engine had been killed: it is started again, and looks at the world
        return crashed("Journal away", office.scrub.text(str(error), 400))
    except OrchestratorError as error:
        office.write_page("refusal", pages.findings_page(error.what, findings_of(error, "refused"), office.scrub))
        return state_of(error.exit_code, office.scrub.text(str(error), 400))
    except Exception as error:  # noqa: BLE001 - shown by its type; the traceback is in the worker's own log
        office.log_bug(error)
        return state_of(Exit.BUG, type(error).__name__)


# ---------------------------------------------------------------- looking


def assess_department(office: Office, department: str) -> State[Any]:
    """Strategy of every system of a department, as a table, and what its forms leave open."""
    from orchestrator.inventory.find import find_department

    session = office.session
    known = find_department(session.inventory.departments, department)
    systems = [system for system in session.inventory.systems if system.department == known.id]
    names = {system.id: system.name for system in systems}
    rows = pages.assessment_rows([system.id for system in systems], names, session.verdicts, office.scrub)
    findings = [finding for finding in session.reading.findings if finding.system in names]
    office.write_table(f"assessment-{known.id}", rows)
    office.write_page(f"assessment-{known.id}-page", pages.assessment_page(known, rows, findings, office.scrub))
    return state_of(Exit.DONE, f"{len(rows)} systems")


def plan_programme(office: Office, effort: int) -> State[Any]:
    """Today's plan, kept under its digest. Refused, with the best plan found, where a target is missed."""
    from orchestrator.planning.plan import Unreached

    session = office.session
    session.require_something_to_migrate()
    missed: Unreached | None = None
    try:
        plan = session.make_plan(effort, keep=session.approved)
    except Unreached as unreached:
        plan, missed = unreached.plan, unreached
    session.keep_plan(plan, session.actor)
    office.write_page("plan", pages.plan_page(plan, missed.findings if missed else (), office.scrub))
    if missed is not None:
        return state_of(Exit.REFUSED, office.scrub.text(missed.what, 400))
    return state_of(Exit.DONE, f"plan {plan.digest[:12]}")


def dry_run(office: Office, systems: tuple[str, ...], wave: int | None, phase: str | None, *, connect: bool) -> State[Any]:
    """The dry run's Markdown; refused when it finds errors."""
    from orchestrator.dryrun.markdown import to_markdown
    from orchestrator.dryrun.run import Asked, run

    if bool(systems) + (wave is not None) + (phase is not None) > 1:
        raise UsageError(texts.say("flows.one_of_scopes"), remedy=texts.say("cli.leave_others_out"))
    result = run(office.session, Asked(systems, wave, phase, connect=connect))
    office.write_page("dry-run", office.scrub_lines(to_markdown(result)))
    code = Exit.REFUSED if result.errors else Exit.DONE
    return state_of(code, f"{len(result.errors)} errors; {result.percent():.0f} % of the steps were looked at")


def report(office: Office, lang: Any) -> State[Any]:
    """The report as a file beside the journal, its figures as a page."""
    from orchestrator.engine.reporting import write_html

    session = office.session
    target = session.settings.state / "reports" / f"report-{lang}.html"
    write_html(session, target, lang)
    stands = [stand_of(session, system) for system in sorted({m.system for m in session.journal.migrations()})]
    office.write_page("report", pages.wave_page(f"Report, written to {target.name} in the state folder", stands, {}, office.scrub))
    return state_of(Exit.DONE, target.name)


# ---------------------------------------------------------------- moving


def migrate_system(office: Office, system: str, together: tuple[str, ...]) -> State[Any]:
    """One system as far as it goes. A run that was begun before goes on with the migration that it had begun, and begins no other."""
    office.check_zone(system, "migrate-system")
    stand = stand_of(office.session, system, migration=office.tagged_migration(), together=together)
    if office.tagged_migration() and stand.over:
        return final_state(stand)
    try:
        migration = office.tagged_migration() or begin(office, system, together)
    except Waiting as waiting:
        leave_suspended(office.run, suspended(stand, texts.kept(waiting.says)))
    office.tag(system, migration)
    return run_to_a_stop(office, system, migration, together)


def begin(office: Office, system: str, together: Sequence[str]) -> str:
    """The open migration, or a new one. Raises Waiting while a system of ``together`` that it depends on has not moved, Refused for
    whatever else speaks against it, at once."""
    session = office.session
    if session.journal.open_migration(system) is None:
        waits = [other for other in session.system(system).depends_on if other in together and not session.has_moved(other)]
        if waits:
            session.check_start(system, together=together)
            what = texts.say("say.waits_for_systems", systems=tuple(waits))
            raise Waiting(what, where=system, remedy=texts.say("flows.goes_on_by_itself"))
        refuse_what_the_cloud_lacks(session, [system])
    return session.start(system)


def run_to_a_stop(office: Office, system: str, migration: str, together: Sequence[str] = ()) -> State[Any]:
    """Runs a migration until it ends or waits; what was decided while the engine stopped is taken up at once."""
    while True:
        try:
            outcome = run_migration(office.session, migration, Page(office.scrub), office.progress(migration))
        except LeaseHeld as held:  # a command or another worker has it: this run goes on when that has stopped
            stand = stand_of(office.session, system, migration=migration, together=together)
            leave_suspended(office.run, suspended(replace(stand, waits=()), texts.kept(held.says)))
        write_migration(office, migration)
        stand = stand_of(office.session, system, migration=migration, together=together)
        if stand.over:
            return final_state(stand)
        if not office.session.decided_meanwhile(migration):
            leave_suspended(office.run, suspended(stand, outcome.waiting))


def write_migration(office: Office, migration: str) -> None:
    """The page of a migration, as the journal has it now."""
    journal = office.session.journal
    row = journal.migration(migration)
    said = describe(journal, row)
    steps = sorted(journal.steps(migration), key=lambda step: (step.runbook != row.runbook, step.ordinal))
    office.write_page(f"migration-{row.system}", pages.migration_page(said, steps, office.scrub))


def rollback_system(office: Office, system: str, reason: str) -> State[Any]:
    """Asks in the journal, as the command does, and goes back here unless an engine elsewhere does."""
    office.check_zone(system, "rollback-system")
    asked = office.tagged_migration()
    if asked:  # woken: it was asked for already
        stand = stand_of(office.session, system, migration=asked)
        return gone_back(stand) if stand.over else run_to_a_stop(office, system, asked)
    system, row = find_under_way(office.session, system)
    if row is not None:
        office.tag(system, str(row.id))
    page = Page(office.scrub)
    drive = Drive(office.session, page, wait=False, direct=True, invoke=page.invoke)
    code = Exit(run_shown(lambda: turn_system_back(drive, system, reason, cancelled=False), page, drive.stop, lambda _percent: None))
    write_migration(office, str(row.id))
    stand = stand_of(office.session, system, migration=str(row.id))
    if stand.over:
        return gone_back(stand)
    if code is Exit.WAITING:
        leave_suspended(office.run, suspended(stand, "the engine that works on it is still in its step"))
    return state_of(Exit.DONE, "told: the engine that works on it goes back")


def gone_back(stand: Stand) -> State[Any]:
    """Going back was asked for: where it did, that is no failure."""
    went = stand.ended and stand.ending != "accepted"
    return state_of(Exit.DONE, texts.english(f"ending.{stand.ending}")) if went else final_state(stand)


# ---------------------------------------------------------------- many


def migrate_many(office: Office, *, wave: int | None = None, phase: str | None = None) -> State[Any]:
    """A flow run for each system of a wave or a phase. It is suspended while they go on; ``reconcile`` keeps its page and ends it."""
    systems = choose_systems(office.session, (), wave, phase)
    title = f"wave {wave}" if wave is not None else f"phase {phase}"
    if not systems:
        return state_of(Exit.DONE, f"every system of {title} was accepted")
    refuse_what_the_cloud_lacks(office.session, systems)
    return start_all(office, systems, title)


def start_all(office: Office, systems: list[str], title: str) -> NoReturn:
    """A run for each; those that are on their way already stay as they are."""
    links = {system: office.link(office.trigger(system, together=systems, title=title)) for system in systems}
    stands = [stand_of(office.session, system) for system in systems]
    office.write_page("wave", pages.wave_page(title, stands, links, office.scrub))
    leave_suspended(office.run, suspended(Stand(title), f"{len(systems)} systems on their way"))


def resume(office: Office, systems: tuple[str, ...]) -> State[Any]:
    """A flow run goes on, or is made, for every open migration; what ended migrations owe is tried again here."""
    session = office.session
    rows = session.journal.migrations()
    if systems:
        unknown = [system for system in systems if all(m.system != system for m in rows)]
        if unknown:
            raise Refused(texts.say("flows.never_begun", systems=tuple(unknown)), remedy=texts.say("flows.migrate_system_begins"))
        rows = [m for m in rows if m.system in systems]
    code = clean_up_ended(session, rows, Page(office.scrub))
    under_way = [m.system for m in rows if m.state != "ended"]
    links = {system: office.link(office.take_up(system)) for system in under_way}
    stands = [stand_of(session, system) for system in under_way]
    office.write_page("resumed", pages.wave_page("resumed", stands, links, office.scrub))
    return state_of(Exit(code or 0), f"{len(under_way)} migrations go on")
