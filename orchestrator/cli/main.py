"""The command line's entry: finds the command, prints errors so that an operator knows what to do, sets the exit code."""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

import click

from orchestrator import __version__
from orchestrator.cli.listing import safe, severity_of
from orchestrator.cli.options import speaking
from orchestrator.cli.output import drop_output, flush_output, prepare_output, writes_unicode
from orchestrator.errors import Exit, Finding, OrchestratorError, Refused, Unanswered
from orchestrator.texts import text

LINGER_SECONDS = 20.0
"""How long a process that has done its work may take to end."""
COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:object, one line of help); the module is imported only when the command runs
    "doctor": ("orchestrator.cli.doctor:doctor", "Say what is missing on this machine, and how to get it."),
    "init": ("orchestrator.cli.init:init", "A folder to begin with: settings, programme, departments, the form."),
    "embedded": ("orchestrator.cli.embedded:embedded", "Bring the demo city up or down on loopback."),
    "inventory": ("orchestrator.cli.inventory:inventory", "Check, show, import inventories; make the empty form."),
    "discover": ("orchestrator.cli.discover:discover", "Read-only facts from hosts, offered as a diff."),
    "hosts": ("orchestrator.cli.discover:hosts", "Show and trust host keys."),
    "assess": ("orchestrator.cli.policy:assess_command", "Strategy, readiness and complexity of every system, with reasons."),
    "explain": ("orchestrator.cli.policy:explain", "The same for one system, in prose, Chinese and English."),
    "override": ("orchestrator.cli.policy:override", "Choose another strategy, with a reason, on record."),
    "policy": ("orchestrator.cli.policy:policy", "Check the policy, or compare two."),
    "baseline": ("orchestrator.cli.policy:baseline", "Freeze and show what the targets are counted against."),
    "plan": ("orchestrator.cli.plan:plan", "Waves, windows, targets; or the reasons why there is no plan."),
    "workplan": ("orchestrator.cli.workplan:workplan", "A department's migration work plan (迁移接入工作方案)."),
    "prepare-source": ("orchestrator.cli.source:prepare_source", "What a source's database servers lack: shown, done, undone."),
    "dry-run": ("orchestrator.cli.dryrun:dry_run", "Everything that can be done without touching anything."),
    "migrate": ("orchestrator.cli.migrate:migrate", "Move a system, a wave or a phase."),
    "retire": ("orchestrator.cli.retire:retire", "End a system that is not migrated: kept, told, its room freed."),
    "approve": ("orchestrator.cli.decide:approve", "Approve a cutover or a retirement under a plan's digest."),
    "accept": ("orchestrator.cli.decide:accept", "Initial or final acceptance of a system."),
    "refuse": ("orchestrator.cli.decide:refuse", "Refuse at the gate that a system waits at."),
    "task": ("orchestrator.cli.decide:task", "List human tasks, or say that one is done, with evidence."),
    "rollback": ("orchestrator.cli.migrate:rollback", "Take a system back to its source; nothing is lost."),
    "cancel": ("orchestrator.cli.migrate:cancel", "Give a migration up before the switch; undoes what was done."),
    "stay": ("orchestrator.cli.decide:stay", "Keep a system where it is in its trial run, whatever its health."),
    "target-lost": ("orchestrator.cli.decide:target_lost", "Say, as one of two people, that a target will not come back."),
    "resume": ("orchestrator.cli.migrate:resume", "Take up whatever was interrupted or waits."),
    "status": ("orchestrator.cli.status:status", "What runs, how long it has, what it waits for."),
    "cloud": ("orchestrator.cli.cloud:cloud", "What was changed on the cloud outside; kept volumes; a lost state."),
    "serve": ("orchestrator.cli.serve:serve", "Prefect's pages, deployments, a worker and schedules, on one machine."),
    "deploy": ("orchestrator.cli.deploy:deploy", "The same flows for workers on many controllers."),
    "reconcile": ("orchestrator.cli.reconcile:reconcile", "Bring Prefect up to date with the journal."),
    "clean": ("orchestrator.cli.clean:clean", "What migrations left, with sizes; removed after its delay."),
    "report": ("orchestrator.cli.report:report", "The progress report as one HTML file, Chinese or English."),
    "hold": ("orchestrator.cli.decide:hold", "Stop the whole city's cutovers at once, or let them go on."),
    "purge": ("orchestrator.cli.purge:purge", "Remove what is stored about a system found classified later."),
    "journal": ("orchestrator.cli.journal:journal", "Back the journal up, and restore it."),
    "audit": ("orchestrator.cli.decide:audit", "Verify the audit chain."),
    "demo": ("orchestrator.cli.demo:demo", "Move the demo city end to end and judge it from outside."),
}


class LazyGroup(click.Group):
    """Commands are imported when they run, so that ``--help`` and ``status`` answer at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name][0].split(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 - a wrong entry in our own table
        return speaking(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands, in the order of a migration"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 2 usage, 3 refused with findings, 4 failed and rolled back, 5 needs a person, 6 waiting at a gate, 1 a bug of ours.",
)
@click.version_option(__version__, prog_name="orchestrator")
def cli() -> None:
    """Moves a city's information systems into the government cloud, with a way back at every point until acceptance.

    Configuration: orchestrator.toml in the working folder, or ORCHESTRATOR_* in the environment.
    First steps: `orchestrator demo`, then docs/first-migration.md.
    """


speaking(cli)


def describe(error: OrchestratorError) -> dict[str, Any]:
    """An error as JSON."""
    found = [f.as_json() for f in error.findings] if isinstance(error, Refused) else []
    asked = {"questions": [question.as_json() for question in error.questions]} if isinstance(error, Unanswered) else {}
    return {"error": error.what, "where": error.where, "remedy": error.remedy, "retryable": error.retryable, "findings": found, **asked}


def print_error(error: OrchestratorError) -> None:
    """What happened, where, what to do; every finding with its place. Texts from outside without anything that a terminal would obey."""
    place = f" [{error.where}]" if error.where else ""
    click.secho(safe(f"{error.what}{place}"), fg="red", err=True)
    if isinstance(error, Refused):
        for finding in _told(error):
            click.echo(
                safe(f"  {severity_of(finding)} {finding.code} {finding.place()}: {finding.message}\n      → {finding.remedy}"), err=True
            )
    if isinstance(error, Unanswered):
        from orchestrator.cli.questions import print_questions

        print_questions(error.questions, err=True)
    click.echo(safe(f"→ {error.remedy}"), err=True)


def _told(error: Refused) -> Sequence[Finding]:
    """Its findings, but for those that its questions tell of."""
    if not isinstance(error, Unanswered):
        return error.findings
    from orchestrator.cli.questions import not_asked
    from orchestrator.inventory.questions import decided_places

    return not_asked(error.findings, decided_places(error.questions))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. No traceback reaches a user, except with ORCHESTRATOR_DEBUG set, or for a bug's report file."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    prepare_output()
    gc.set_threshold(200_000, 20, 20)  # most commands are over before anything is garbage: a sixth of their time
    try:
        result = cli.main(args=arguments, prog_name="orchestrator", standalone_mode=False)
        code = int(result) if isinstance(result, int) else 0
        flush_output()
    except OrchestratorError as error:
        if "--json" in arguments:
            click.echo(json.dumps(describe(error), ensure_ascii=not writes_unicode()))
        print_error(error)
        code = int(error.exit_code)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        error.show()
        code = int(Exit.USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.secho(text("cli.interrupted"), fg="yellow", err=True)
        code = 130
    except (BrokenPipeError, SystemExit):  # a reader went away, it has seen enough: click leaves so, and for no other reason here
        code = int(Exit.DONE)
    except Exception as error:
        if os.environ.get("ORCHESTRATOR_DEBUG"):
            raise
        code = _bug(error)
    drop_output()
    if argv is None:
        _end_in_time(code)
        sys.exit(code)
    return code


def _end_in_time(code: int) -> None:
    """Prefect tells its server the last of what it saw when the process ends, and where that server is gone by then it may wait for ever.
    The journal has everything: the process ends all the same."""
    if "prefect" in sys.modules:
        timer = threading.Timer(LINGER_SECONDS, os._exit, (code,))
        timer.daemon = True
        timer.start()


def _bug(error: Exception) -> int:
    """A bug of ours: a short line for the user; types, places and no values go to a file for the maintainers."""
    from orchestrator.cli.problems import expected_problem

    known = expected_problem(error)
    if known is not None:
        print_error(known)
        return int(known.exit_code)
    import traceback

    frames = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    click.secho(text("cli.bug", error=type(error).__name__), fg="red", err=True)
    click.echo("\n".join(f"  {frame}" for frame in frames[-6:]), err=True)
    click.echo("→ " + text("cli.report_bug"), err=True)
    return int(Exit.BUG)


if __name__ == "__main__":
    main()
