"""``assess``, ``explain``, ``override``, ``policy``, ``baseline``. No logic: see ``orchestrator.policy``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.listing import as_json, safe, severity_of, table
from orchestrator.cli.settings import open_workspace
from orchestrator.errors import Exit, Finding, Refused, UsageError
from orchestrator.inventory.find import find_system, id_or_as_typed
from orchestrator.texts import Name, Value, say, text

if TYPE_CHECKING:
    from orchestrator.inventory.reading import Reading
    from orchestrator.models import Verdict

JSON = click.option("--json", "json_", is_flag=True, help="Print one JSON document.")
INVENTORY = click.option(
    "--inventory",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="File or folder; default: the configured inventory.",
)
POLICY = click.option("--policy", "policy_file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Another policy file.")


@click.command(name="assess")
@click.argument("system", required=False)
@INVENTORY
@POLICY
@JSON
def assess_command(system: str | None, paths: tuple[Path, ...], policy_file: Path | None, json_: bool) -> int:
    """Strategy, readiness and complexity of every system (or of SYSTEM), with every rule that spoke and what would change it."""
    from orchestrator.inventory.check import outside
    from orchestrator.policy.assess import MARKS, apart, strategy_name

    known = open_workspace(paths, policy_file)
    reading, everything = known.reading, known.verdicts
    verdicts = everything
    if system is not None:
        found = find_system(reading.inventory, system).id
        verdicts = {found: everything[found]}
    if json_:
        from orchestrator.inventory.load import inventory_digest
        from orchestrator.policy.policy import policy_digest

        as_json(
            {
                "inventory_digest": inventory_digest(reading.inventory),
                "policy_digest": policy_digest(known.policy),
                "counts": {
                    "to_migrate": sum(verdict.strategy.moves for verdict in everything.values()),
                    **{str(strategy): len(systems) for strategy, systems in apart(everything).items()},
                    **outside(reading.inventory),
                },
                "systems": [verdict.model_dump(mode="json") for verdict in verdicts.values()],
            }
        )
        return _exit(reading)
    names = {one.id: one.name for one in reading.inventory.systems}
    rows = []
    for verdict in verdicts.values():
        noted: list[Value] = [Name(*words) for name, words in MARKS.items() if getattr(verdict, name)]
        if verdict.doubts:
            noted.append(say("policy.to_check"))
        if verdict.overridden_by and verdict.policy_strategy:
            noted.append(say("policy.overridden", who=verdict.overridden_by, strategy=strategy_name(verdict.policy_strategy)))
        rows.append(
            (
                verdict.system,
                names.get(verdict.system, ""),
                strategy_name(verdict.strategy),
                verdict.readiness if verdict.strategy.moves else "-",
                _complexity(verdict) if verdict.strategy.moves else "-",
                f"{verdict.confidence}%" if verdict.strategy.moves else "-",
                say("policy.marks", marks=tuple(noted)) if noted else "-",
            )
        )
    heads = (say("policy.head_readiness"), say("policy.head_complexity"), say("policy.head_confidence"), say("policy.head_marks"))
    table((say("policy.head_id"), say("policy.head_system"), say("policy.head_strategy"), *heads), rows)
    if system is not None:
        for verdict in verdicts.values():
            for reason in verdict.reasons:
                click.echo(safe(f"  [{reason.rule}] {Name(reason.zh, reason.en)} {reason.fact} {reason.place}".rstrip()))
            for reason in verdict.doubts:
                click.echo(safe("  " + text("policy.check_line", reason=Name(reason.zh, reason.en), place=reason.place).rstrip()))
            for reason in verdict.would_change:
                click.echo(safe("  " + text("policy.if_line", reason=Name(reason.zh, reason.en), place=reason.place).rstrip()))
            if verdict.missing:
                click.echo(f"  {say('policy.not_filled', fields=verdict.missing)}")
    else:
        moving = sum(verdict.strategy.moves for verdict in verdicts.values())
        others = (say("policy.counted_apart", strategy=strategy_name(strategy), count=len(systems)) for strategy, systems in apart(verdicts).items())
        click.echo(say("policy.marks", marks=(say("policy.to_migrate", count=moving), *others)))
        click.echo(text("inventory.outside_now", **outside(reading.inventory)))
        click.echo(text("policy.why_hint"))
    return _exit(reading)


def _complexity(verdict: Verdict) -> str:
    """By what is known, and how far missing answers could move it: ``25（25–95）``."""
    span = verdict.complexity_range
    return f"{verdict.complexity}（{span[0]}–{span[1]}）" if span and span[0] != span[1] else str(verdict.complexity)


@click.command()
@click.argument("system")
@INVENTORY
@POLICY
@JSON
def explain(system: str, paths: tuple[Path, ...], policy_file: Path | None, json_: bool) -> int:
    """Why SYSTEM moves as it does, in words for a department head; with --json in Chinese and in English."""
    from orchestrator.policy.explain import explain as in_words
    from orchestrator.policy.explain import explain_outside

    known = open_workspace(paths, policy_file)
    found = find_system(known.reading.inventory, system, outside=True)
    department = next((d for d in known.reading.inventory.departments if d.id == found.department), None)
    why = next((row.reason for row in known.reading.inventory.excluded if row.system is not None and row.system.id == found.id), None)
    if why is None:
        zh, en = in_words(found, department, known.verdicts[found.id], known.policy, known.facts_behind(found))
    else:
        zh, en = explain_outside(found, department, why, known.reading.places.get(found.id, {}))
    if json_:
        as_json({"system": found.id, "zh": zh, "en": en})
    else:
        click.echo(safe(Name(zh, en)))
    return _exit(known.reading)


@click.command()
@click.argument("system")
@click.option(
    "--strategy",
    type=click.Choice(["cloud_deployment", "device_relocation", "hosting", "retire", "already_elsewhere"]),
    help="What it shall be instead.",
)
@click.option("--withdraw", is_flag=True, help="Take a former override back.")
@click.option("--reason", required=True, help="One sentence; it stands in every report.")
@click.option("--on-behalf-of", default="", help="The person who decided, when the account only records it.")
@INVENTORY
def override(system: str, strategy: str | None, withdraw: bool, reason: str, on_behalf_of: str, paths: tuple[Path, ...]) -> None:
    """Choose another strategy for SYSTEM, on the audit trail, as the account that runs this command."""
    from orchestrator.journal.actors import current_actor
    from orchestrator.models import Strategy
    from orchestrator.policy.records import record_override, withdraw_override

    if (strategy is None) is not withdraw:
        raise UsageError(say("cli.strategy_or_withdraw"), remedy=say("cli.override_help"))
    known = open_workspace(paths)
    verdict = known.verdict_of(find_system(known.reading.inventory, system).id)
    assert verdict is not None  # noqa: S101 - it was found
    actor = str(current_actor())
    if strategy is None:
        withdraw_override(known.trail_to_write, verdict.system, reason=reason, actor=actor, on_behalf_of=on_behalf_of)
        click.echo(text("policy.override_withdrawn", system=verdict.system, actor=actor))
    else:
        record_override(known.trail_to_write, verdict, Strategy(strategy), reason=reason, actor=actor, on_behalf_of=on_behalf_of)
        before = verdict.policy_strategy or verdict.strategy
        click.echo(text("policy.override_recorded", system=verdict.system, before=before, after=strategy, actor=actor))


@click.group()
def policy() -> None:
    """The policy itself: rules, weights and thresholds as data."""


@policy.command(name="check")
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True))
@JSON
def policy_check(file: Path | None, json_: bool) -> int:
    """Unreachable rules, contradictions, rules without reasons. Default: the configured policy, else the one that ships."""

    from orchestrator.policy.lint import check_policy
    from orchestrator.policy.policy import load_policy, policy_digest

    rules = load_policy(file) if file is not None else open_workspace().policy
    findings = check_policy(rules)
    if json_:
        as_json({"policy_digest": policy_digest(rules), "rules": len(rules.rules), "findings": [finding.as_json() for finding in findings]})
    else:
        for finding in findings:
            click.echo(safe(f"{severity_of(finding)} [{finding.code}] {finding.message}\n    → {finding.remedy}"))
        click.echo(text("policy.checked", rules=len(rules.rules), count=len(findings)))
    return int(Exit.REFUSED if any(finding.severity == "error" for finding in findings) else Exit.DONE)


@policy.command(name="diff")
@click.argument("old", type=click.Path(path_type=Path, exists=True))
@click.argument("new", type=click.Path(path_type=Path, exists=True))
@INVENTORY
@JSON
def policy_diff(old: Path, new: Path, paths: tuple[Path, ...], json_: bool) -> int:
    """Which systems change between two policies, and why."""
    from dataclasses import asdict

    from orchestrator.policy.assess import typed_in
    from orchestrator.policy.diff import diff_policies
    from orchestrator.policy.policy import load_policy

    known = open_workspace(paths)
    reading = known.reading
    found = diff_policies(
        reading.inventory, load_policy(old), load_policy(new), reading.places, today=known.day, typed=typed_in(reading)
    )
    if json_:
        as_json([asdict(one) for one in found])
        return _exit(reading)
    for one in found:
        words = f"{one.before} → {one.after}" if one.before is not one.after else str(one.after)
        readiness, complexity = (f"{before} → {after}" for before, after in (one.readiness, one.complexity))
        click.echo(safe(text("policy.diff_line", system=one.system, strategy=words, readiness=readiness, complexity=complexity)))
        for zh, en in zip(one.why_zh, one.why_en, strict=True):
            click.echo(safe(f"    {Name(zh, en)}"))
    changed = sum(one.before is not one.after for one in found)
    click.echo(text("policy.diff_sum", strategies=changed, scores=len(found) - changed))
    return _exit(reading)


@policy.command(name="show")
def policy_show() -> None:
    """Print the policy that ships, as a start for one's own."""
    import orchestrator

    click.echo((Path(orchestrator.__file__).parent / "policy" / "policy.yaml").read_text("utf-8"), nl=False)


@click.group()
def baseline() -> None:
    """The frozen denominator of the targets (R7), and every change to it with who and why."""


@baseline.command(name="freeze")
@click.option("--reason", required=True, help="What fixes the scope, e.g. the document.")
@click.option("--despite-unanswered", is_flag=True, help="Although rows do not say whether they are classified: they are not in it.")
@INVENTORY
def baseline_freeze(reason: str, paths: tuple[Path, ...], *, despite_unanswered: bool) -> None:
    """Freeze today's count: the systems that there is something to migrate of. It is done once.

    What is to be retired or runs elsewhere already is kept beside it, by itself.
    """
    from orchestrator.journal.actors import current_actor
    from orchestrator.policy.assess import apart, strategy_name
    from orchestrator.policy.counting import freeze, unanswered
    from orchestrator.policy.records import day

    known = open_workspace(paths)
    open_rows = unanswered(known.inventory)
    if open_rows and not despite_unanswered:
        raise Refused(
            say("policy.rows_unanswered", count=sum(open_rows.values())),
            findings=[
                Finding("unanswered", "error", say("policy.rows_unanswered_of", department=of, count=count), say("policy.ask_department"))
                for of, count in open_rows.items()
            ],
            remedy=say("policy.answer_or_despite"),
        )
    known.require_something_to_migrate()
    staying = apart(known.verdicts)
    frozen = freeze(known.trail_to_write, known.to_migrate, reason=reason, actor=str(current_actor()), apart=staying, left_open=sum(open_rows.values()))
    done = say("policy.frozen", count=len(frozen.members), day=day(frozen.at, known.zone), actor=frozen.actor)
    others = (say("policy.apart_line", strategy=strategy_name(strategy), count=len(systems)) for strategy, systems in staying.items() if systems)
    click.echo(say("policy.marks", marks=(done, *others)))


@baseline.command(name="change")
@click.argument("system")
@click.option("--what", required=True, type=click.Choice(["added", "moved", "retired", "elsewhere", "classified"]))
@click.option("--reason", required=True)
@INVENTORY
def baseline_change(system: str, what: Any, reason: str, paths: tuple[Path, ...]) -> None:
    """Record that SYSTEM came into the count, left it, or is counted otherwise (moved: department, level or kind as the inventory says today)."""
    from orchestrator.journal.actors import current_actor
    from orchestrator.policy.counting import change

    known = open_workspace(paths)
    system = id_or_as_typed(known.reading.inventory, system)  # what left the inventory is known by its id alone
    change(known.trail_to_write, known.to_migrate, system, what, reason=reason, actor=str(current_actor()))
    click.echo(text("policy.change_recorded", system=system, what=what))


@baseline.command(name="show")
@INVENTORY
@JSON
def baseline_show(paths: tuple[Path, ...], json_: bool) -> int:
    """The baseline, its changes, and differences from today's inventory that nobody recorded."""
    from dataclasses import asdict

    from orchestrator.inventory.check import outside
    from orchestrator.models import Strategy
    from orchestrator.policy.assess import strategy_name
    from orchestrator.policy.counting import baseline as current
    from orchestrator.policy.counting import unexplained
    from orchestrator.policy.records import day

    known = open_workspace(paths)
    frozen = current(known.trail)
    if frozen is None:
        as_json(None) if json_ else click.echo(text("policy.no_baseline"))
        return int(Exit.DONE)
    zone = known.zone
    findings = unexplained(frozen.members, known.to_migrate, frozen.changes, zone)
    if json_:
        as_json({**asdict(frozen), "unexplained": [finding.as_json() for finding in findings], "outside_now": outside(known.inventory)})
        return int(Exit.DONE)
    counts: dict[str, int] = {"frozen": len(frozen.frozen), "now": len(frozen.members)}
    click.echo(safe(text("policy.baseline_line", day=day(frozen.at, zone), actor=frozen.actor, reason=frozen.reason, **counts)))
    for what, systems in frozen.apart.items():
        click.echo("  " + text("policy.apart_then", strategy=strategy_name(Strategy(what)), count=len(systems)))
    if frozen.unanswered:
        click.echo("  " + text("policy.unanswered_then", count=frozen.unanswered))
    click.echo("  " + text("inventory.outside_now", **outside(known.inventory)))
    for one in frozen.changes:
        click.echo(safe(f"  {day(one.at, zone)} {one.actor} {one.what} {one.system}: {one.reason}"))
    for finding in findings:
        click.echo(safe("  " + text("policy.unexplained", finding=finding.message, mend=finding.remedy)))
    return int(Exit.DONE)


def _exit(reading: Reading) -> int:
    """What could be read was answered; that something could not is said by the exit code and by ``inventory check``."""
    if reading.errors:
        click.echo(text("policy.inventory_errors", count=len(reading.errors)), err=True)
        return int(Exit.REFUSED)
    return int(Exit.DONE)
