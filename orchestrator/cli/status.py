"""status: where every migration stands, whether an engine works on it, and what to type next. Reads the journal, nothing else."""

from __future__ import annotations

import datetime as dt
import json
import time
from typing import TYPE_CHECKING, Any

import click

from orchestrator import texts
from orchestrator.cli.listing import safe
from orchestrator.cli.output import writes_unicode
from orchestrator.errors import Exit, OrchestratorError, UsageError
from orchestrator.texts.durations import spell

if TYPE_CHECKING:
    from orchestrator.workspace import Workspace


@click.command()
@click.argument("system", required=False)
@click.option("--watch", is_flag=True, help="Again every second, until Ctrl-C or until everything has ended.")
@click.option("--connect", is_flag=True, help="Ask the cloud as well what was changed outside since; reads only.")
@click.option("--json", "as_json", is_flag=True)
def status(system: str | None, *, watch: bool, connect: bool, as_json: bool) -> int:
    """Every migration: its step, since when, whether an engine lives, which side is live, what is found and owed, what to type."""
    from orchestrator.cli.cloud import look_at, print_findings
    from orchestrator.cli.settings import open_workspace
    from orchestrator.inventory.names import is_id
    from orchestrator.journal.standing import describe
    from orchestrator.journal.store import Journal

    if watch and connect:
        raise UsageError(texts.say("cli.watch_or_connect"), remedy=texts.say("cli.leave_one_out"))
    known = open_workspace()
    if system and not is_id(system):
        system = _meant(known, system)
    journal = Journal(known.settings.journal_url, create=False)
    if system and not journal.migrations(system=system):  # perhaps its name as it sounds
        system = _meant(known, system)
    while True:
        rows = [describe(journal, m) for m in journal.migrations(system=system)]
        if as_json and connect:
            outside = [finding.as_json() for finding in look_at((system,) if system else ())]
            click.echo(json.dumps({"migrations": rows, "cloud": outside}, ensure_ascii=not writes_unicode()))
        elif as_json:
            click.echo(json.dumps(rows, ensure_ascii=not writes_unicode()))
        else:
            if watch:
                click.clear()
            _print(rows, "" if rows or not system else _staying(known, system))
            if connect:
                print_findings(look_at((system,) if system else ()))
        if not watch or all(r["state"] == "ended" for r in rows):
            return int(Exit.DONE)
        time.sleep(1.0)


def _meant(known: Workspace, said: str) -> str:
    """The id of the system that somebody means; as it was typed where it has the form of an id and nobody knows it."""
    from orchestrator.inventory.find import id_or_as_typed

    return id_or_as_typed(known.reading.inventory, said) if known.settings.inventory.is_dir() else said


def _staying(known: Workspace, system: str) -> str:
    """What becomes of a system of which nothing is migrated, in a sentence; empty for every other one."""
    from orchestrator.models import Strategy
    from orchestrator.policy.assess import STRATEGY_EN, STRATEGY_ZH

    try:
        verdict = known.verdict_of(system)
    except OrchestratorError:  # status answers also where the inventory has errors
        return ""
    if verdict is None or verdict.strategy.moves:
        return ""
    words = (STRATEGY_ZH if texts.language() == "zh" else STRATEGY_EN)[verdict.strategy]
    command = f"orchestrator retire {system}" if verdict.strategy is Strategy.RETIRE else f"orchestrator explain {system}"
    return texts.text("say.staying", system=system, words=words, command=command)


def _print(rows: list[dict[str, Any]], nothing: str = "") -> None:
    if not rows:
        click.echo(nothing or texts.text("say.no_migrations"))
    for row in rows:
        head, *lines = _lines(row)
        click.echo(safe(head))
        for line in lines:
            click.echo(safe(f"    {line}"))


def _lines(row: dict[str, Any]) -> list[str]:
    head = f"{row['migration']:<24} {row['strategy']:<18} {row['done']}/{row['steps']}  "
    if row["followed_by"]:  # where the system is now, its latest one says
        head += texts.text("status.followed", by=row["followed_by"])
    else:
        head += texts.text("status.live", side=texts.text(f"side.{row['live']}"))
    ended = row["state"] == "ended"
    if row["ending"]:
        name = "refused" if row["refused"] else row["ending"]
        head += "  " + texts.text(f"ending.{name}")
    lines = [head]
    if not ended:
        lines += [_now(row), _engine(row)]
    if row["why"] and (row["ending"] or row["state"] != "forward"):
        lines.append(texts.text("status.why", why=row["why"]))
    if row["turn_back"]:
        lines.append(texts.text("status.asked", why=row["turn_back"]))
    if row["stay"]:
        lines.append(texts.text("status.stay", why=row["stay"]))
    lines += [_wait(row, wait) for wait in row["waits_for"]]
    if row["error"] and not ended and row["error"].get("what", "") not in str(row["why"]):
        lines.append(texts.text("status.error", what=row["error"].get("what", "")))
    if row["ending"] != "accepted":
        lines += [texts.text("say.finding", **finding) for finding in row["findings"]]
    if not ended:
        lines += [texts.text("status.alarm", since=_ago(a["since"]), message=a["message"]) for a in row["alarms"]]
    lines += [texts.text("say.owed_row", **owed) for owed in row["owed"]]
    lines += [texts.text("status.type", command=command) for command in row["next"]]
    return lines


def _now(row: dict[str, Any]) -> str:
    state = texts.text(f"state.{row['state']}")
    if row["step"] is None:
        return texts.text("status.between", state=state)
    title = texts.text(f"step.{row['step']}") if texts.knows(f"step.{row['step']}") else row["step"]
    step_state = texts.text(f"step_state.{row['step_state']}")
    return texts.text("status.now", state=state, step=title, step_state=step_state, since=_ago(row["since"]))


def _engine(row: dict[str, Any]) -> str:
    engine = row["engine"]
    if engine["alive"]:
        return texts.text("status.engine_lives", holder=engine["holder"], seen=engine["heard_seconds_ago"])
    if row["standing_by"]:
        holders = ", ".join(standby["holder"] for standby in row["standing_by"])
        return texts.text("status.engine_waits", holders=holders)
    return texts.text("status.engine_dead", command=f"`orchestrator resume {row['system']}`")


def _wait(row: dict[str, Any], wait: dict[str, Any]) -> str:
    kind = wait["kind"]
    if kind == "gate":
        name = texts.text(f"gate.{wait['gate']}")
        asked = {"gate": name, "digest": wait["digest"][:12], "command": wait["command"], "system": row["system"]}
        return texts.text("status.waits_gate", **asked)
    if kind == "target_lost":
        return texts.text("status.waits_lost", who=wait["by"], why=wait["why"], system=row["system"])
    if kind == "task":
        return texts.text("status.waits_task", number=wait["number"], title=wait[f"title_{texts.language()}"])
    step = wait["step"]
    return texts.text("status.waits", what=texts.text(f"step.{step}") if texts.knows(f"step.{step}") else step)


def _ago(at: str | None) -> str:
    if at is None:
        return "-"
    seconds = (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(at)).total_seconds()
    return str(spell(max(0, round(seconds))))
