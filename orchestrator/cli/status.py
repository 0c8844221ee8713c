"""status: what runs, how long it has, what it waits for. Reads the journal, nothing else."""

from __future__ import annotations

import datetime as dt
import json
import time
from typing import Any

import click

from orchestrator.errors import Exit


@click.command()
@click.argument("system", required=False)
@click.option("--watch", is_flag=True, help="Again every second, until Ctrl-C or until everything has ended.")
@click.option("--json", "as_json", is_flag=True)
def status(system: str | None, *, watch: bool, as_json: bool) -> int:
    """Every migration: its state, its step, since when, what it waits for and what to do next."""
    from orchestrator.cli.settings import load_settings
    from orchestrator.inventory.names import is_id
    from orchestrator.journal.decisions import Decisions
    from orchestrator.journal.store import Journal

    settings = load_settings()
    if system and not is_id(system):
        from orchestrator.inventory.find import find_system
        from orchestrator.inventory.load import load

        system = find_system(load([settings.inventory]).inventory, system, outside=True).id
    journal = Journal(settings.journal_url, create=False)
    decisions = Decisions(journal)
    while True:
        rows = [describe(journal, decisions, m) for m in journal.migrations(system=system)]
        if as_json:
            click.echo(json.dumps(rows, ensure_ascii=False))
        else:
            if watch:
                click.clear()
            _print(rows)
        if not watch or all(r["state"] == "ended" for r in rows):
            return int(Exit.DONE)
        time.sleep(1.0)


def describe(journal: Any, decisions: Any, m: Any) -> dict[str, Any]:
    """One migration as a plain dictionary."""
    from orchestrator.journal.states import ENDING_WORDS, Ending

    steps = journal.steps(m.id)
    current = next((s for s in reversed(steps) if s.state in ("running", "undoing", "waiting", "failed", "undo_failed")), None)
    gates = [g for g in decisions.gates(m.id) if g.state == "open"]
    tasks = decisions.tasks(m.id, state="open")
    waits = [f"gate {g.gate} (digest {g.digest[:12]})" for g in gates] + [f"task {t.id}: {t.title_zh} / {t.title_en}" for t in tasks]
    if current is not None and current.state == "waiting" and not waits:
        waits = [f"{current.step}"]
    words = ENDING_WORDS[Ending(m.ending)] if m.ending else None
    return {
        "migration": m.id,
        "system": m.system,
        "strategy": m.strategy,
        "state": m.state,
        "live": m.live,
        "ending": m.ending,
        "ending_zh": words[0] if words else None,
        "why": m.why,
        "next": words[2] if words else None,
        "done": sum(s.state == "done" for s in steps if s.runbook == m.runbook),
        "steps": sum(s.runbook == m.runbook for s in steps),
        "step": current.step if current is not None else None,
        "step_state": current.state if current is not None else None,
        "since": current.started if current is not None else None,
        "waits_for": waits,
        "error": current.error if current is not None else None,
    }


def _print(rows: list[dict[str, Any]]) -> None:
    if not rows:
        click.echo("no migrations yet: `orchestrator migrate --system ID` starts one")
    for r in rows:
        head = f"{r['migration']:<24} {r['strategy']:<18} {r['done']}/{r['steps']}  live: {r['live']}"
        if r["ending"]:
            click.echo(f"{head}  {r['ending_zh']} / {r['ending'].replace('_', ' ')}")
            if r["why"]:
                click.echo(f"    why: {r['why']}")
            if r["ending"] != "accepted":
                click.echo(f"    → {r['next']}")
            continue
        since = f" since {_ago(r['since'])}" if r["since"] else ""
        click.echo(f"{head}  {r['state'].replace('_', ' ')}: {r['step'] or 'between steps'} ({r['step_state'] or '-'}{since})")
        for wait in r["waits_for"]:
            click.echo(f"    waits for {wait}")
        if r["error"]:
            click.echo(f"    {r['error'].get('what', '')}")


def _ago(at: str) -> str:
    seconds = (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(at)).total_seconds()
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
