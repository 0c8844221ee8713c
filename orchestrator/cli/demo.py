"""demo: the main job on a small city, judged from outside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.errors import Exit
from orchestrator.texts.durations import spell

if TYPE_CHECKING:
    from orchestrator.engine.session import Session

FAULTS = ("lost-write", "content", "row", "schema", "sequence", "file", "second-writer", "slow", "unsigned")


@click.command()
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write what happened to this file.")
@click.option(
    "--sabotage",
    "fault",
    type=click.Choice(FAULTS),
    default=None,
    help="Plant this fault behind the engine's back; the demo must then end with ok: false.",
)
@click.option("--only", multiple=True, metavar="ID", help="Only these systems and what they depend on.")
@click.option("--folder", type=click.Path(path_type=Path), help="The city's folder (default: .city of the checkout).")
@click.option("--direct", is_flag=True, help="Without Prefect.")
@click.option("--keep", is_flag=True, help="Leave the city running.")
def demo(file: Path | None, fault: str | None, only: tuple[str, ...], folder: Path | None, *, direct: bool, keep: bool) -> int:
    """Bring a small city up on loopback, migrate its first phase by all three strategies while its citizens keep writing, and judge it.

    Exit code 0 when the judge found nothing wrong and every system of phase 1 was accepted, else 4.
    """
    from orchestrator.cli.console import observer
    from orchestrator.embedded.demo import Demo, write
    from orchestrator.engine.reporting import write_html

    def write_report(session: Session, target: Path) -> None:
        write_html(session, target, "zh")

    with observer("lines") as shown:
        demo_city = Demo(folder, write_report=write_report, observer=shown, only=only, fault=fault or "", direct=direct, keep=keep)
        result = demo_city.run()
    if file:
        write(result, file)
    _print(result)
    return int(Exit.DONE if result["ok"] else Exit.ROLLED_BACK)


def _cutover(cut: dict[str, Any]) -> str:
    foretold = f" ({cut['foretold']} foretold)" if cut["foretold"] else ""
    return f"{cut['direction']} {cut['longest_gap_ms']:.0f} ms/{cut['failed_requests']} failed{foretold}"


def _print(result: dict[str, Any]) -> None:
    click.echo()
    for s in result["systems"]:
        writes = s["writes"] or {}
        cuts = ", ".join(_cutover(cut) for cut in s["cutovers"]) or "-"
        click.echo(f"{s['id']:<20} {s['strategy']:<18} {' → '.join(str(e) for e in s['endings'])}")
        click.echo(
            f"    cutovers: {cuts}; writes: {writes.get('acknowledged', 0)} acknowledged, {writes.get('lost', 0)} lost, {writes.get('duplicated', 0)} duplicated"
        )
        for outage in s["outages"]:
            click.echo(f"    announced outage ({outage['kind']}): {spell(outage['seconds'])} of {spell(outage['announced_minutes'] * 60)}")
    for p in result["phases"]:
        click.echo(f"{p['id']}: {p['accepted']} of {p['in_scope']} accepted, {p['needed']} needed: {'met' if p['met'] else 'not met'}")
    click.echo("breakdown (s): " + ", ".join(f"{k} {v}" for k, v in result["breakdown"].items()))
    for detail in result["details"]:
        click.secho(f"fault {detail}", fg="red")
    click.secho(
        f"{'ok' if result['ok'] else 'NOT ok'} in {result['seconds']} s; report: {result['report']}", fg="green" if result["ok"] else "red"
    )
