"""``assess``, ``explain``, ``override``, ``policy``, ``baseline``. No logic: see ``orchestrator.policy``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.inputs import assessed, city_zone, configured_policy, facts_behind, policy_day, read_inventory, to_migrate, trail
from orchestrator.cli.listing import as_json, safe, table
from orchestrator.errors import Exit, Finding, Refused, UsageError
from orchestrator.inventory.find import find_system, id_or_as_typed

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
    from orchestrator.policy.assess import MARKS, STRATEGY_ZH, apart

    reading, rules, verdicts = assessed(paths, policy_file)
    everything = verdicts
    if system is not None:
        known = find_system(reading.inventory, system).id
        verdicts = {known: verdicts[known]}
    if json_:
        from orchestrator.inventory.load import inventory_digest
        from orchestrator.policy.policy import policy_digest

        as_json(
            {
                "inventory_digest": inventory_digest(reading.inventory),
                "policy_digest": policy_digest(rules),
                "counts": {
                    "to_migrate": sum(verdict.strategy.moves for verdict in everything.values()),
                    **{str(strategy): len(systems) for strategy, systems in apart(everything).items()},
                },
                "systems": [verdict.model_dump(mode="json") for verdict in verdicts.values()],
            }
        )
        return _exit(reading)
    names = {one.id: one.name for one in reading.inventory.systems}
    rows = []
    for verdict in verdicts.values():
        noted = [zh for name, (zh, _) in MARKS.items() if getattr(verdict, name)]
        noted += ["须核实"] * bool(verdict.doubts)
        if verdict.overridden_by and verdict.policy_strategy:
            noted.append(f"{verdict.overridden_by} 改定，原为{STRATEGY_ZH[verdict.policy_strategy]}")
        rows.append(
            (
                verdict.system,
                names.get(verdict.system, ""),
                STRATEGY_ZH[verdict.strategy],
                verdict.readiness if verdict.strategy.moves else "-",
                _complexity(verdict) if verdict.strategy.moves else "-",
                f"{verdict.confidence}%",
                "、".join(noted) or "-",
            )
        )
    table(("编码", "系统", "迁移方式", "成熟度", "复杂度", "把握", "标记"), rows)
    if system is not None:
        for verdict in verdicts.values():
            for reason in verdict.reasons:
                click.echo(safe(f"  [{reason.rule}] {reason.zh} {reason.fact} {reason.place}".rstrip()))
            for reason in verdict.doubts:
                click.echo(safe(f"  须核实 → {reason.zh} {reason.place}".rstrip()))
            for reason in verdict.would_change:
                click.echo(safe(f"  若 → {reason.zh} {reason.place}".rstrip()))
            if verdict.missing:
                click.echo(f"  未填报：{'、'.join(verdict.missing)}")
    else:
        moving = sum(verdict.strategy.moves for verdict in verdicts.values())
        others = "".join(f"，{STRATEGY_ZH[strategy]} {len(systems)} 个" for strategy, systems in apart(verdicts).items())
        click.echo(f"需迁移 {moving} 个{others}")
        click.echo("理由与改变结论的条件：orchestrator explain 系统编码或名称")
    return _exit(reading)


def _complexity(verdict: Verdict) -> str:
    """By what is known, and how far missing answers could move it: ``25（25–95）``."""
    span = verdict.complexity_range
    return f"{verdict.complexity}（{span[0]}–{span[1]}）" if span and span[0] != span[1] else str(verdict.complexity)


@click.command()
@click.argument("system")
@INVENTORY
@POLICY
@click.option("--lang", type=click.Choice(["zh", "en", "both"]), default="both", show_default=True)
@JSON
def explain(system: str, paths: tuple[Path, ...], policy_file: Path | None, lang: str, json_: bool) -> int:
    """Why SYSTEM moves as it does, in words for a department head, Chinese and English."""
    from orchestrator.policy.explain import explain as in_words

    reading, rules, verdicts = assessed(paths, policy_file)
    found = find_system(reading.inventory, system)
    department = next((d for d in reading.inventory.departments if d.id == found.department), None)
    facts = facts_behind(reading, rules, paths, found)
    zh, en = in_words(found, department, verdicts[found.id], rules, facts)
    if json_:
        as_json({"system": found.id, "zh": zh, "en": en})
    else:
        click.echo(safe({"zh": zh, "en": en, "both": f"{zh}\n\n{'─' * 60}\n\n{en}"}[lang]))
    return _exit(reading)


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
        raise UsageError("give either --strategy or --withdraw", remedy="see `orchestrator override --help`")
    reading, _, verdicts = assessed(paths)
    verdict = verdicts[find_system(reading.inventory, system).id]
    actor = str(current_actor())
    if strategy is None:
        withdraw_override(trail(), verdict.system, reason=reason, actor=actor, on_behalf_of=on_behalf_of)
        click.echo(f"{verdict.system}：已撤回改定，恢复策略结论 (withdrawn by {actor})")
    else:
        record_override(trail(), verdict, Strategy(strategy), reason=reason, actor=actor, on_behalf_of=on_behalf_of)
        click.echo(f"{verdict.system}: {verdict.policy_strategy or verdict.strategy} → {strategy}，已记录 (recorded by {actor})")


@click.group()
def policy() -> None:
    """The policy itself: rules, weights and thresholds as data."""


@policy.command(name="check")
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True))
@JSON
def policy_check(file: Path | None, json_: bool) -> int:
    """Unreachable rules, contradictions, rules without reasons. Default: the configured policy, else the one that ships."""
    from dataclasses import asdict

    from orchestrator.policy.lint import check_policy
    from orchestrator.policy.policy import load_policy, policy_digest

    rules = load_policy(file if file is not None else configured_policy())
    findings = check_policy(rules)
    if json_:
        as_json({"policy_digest": policy_digest(rules), "rules": len(rules.rules), "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            click.echo(safe(f"{finding.severity} [{finding.code}] {finding.message}\n    → {finding.remedy}"))
        click.echo(f"{len(rules.rules)} 条规则，发现 {len(findings)} 处问题")
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

    reading = read_inventory(paths)
    found = diff_policies(
        reading.inventory, load_policy(old), load_policy(new), reading.places, today=policy_day(paths), typed=typed_in(reading)
    )
    if json_:
        as_json([asdict(one) for one in found])
        return _exit(reading)
    for one in found:
        words = f"{one.before} → {one.after}" if one.before is not one.after else str(one.after)
        click.echo(
            safe(f"{one.system}: {words}；成熟度 {one.readiness[0]} → {one.readiness[1]}，复杂度 {one.complexity[0]} → {one.complexity[1]}")
        )
        for why in one.why_zh:
            click.echo(safe(f"    {why}"))
    click.echo(
        f"{sum(one.before is not one.after for one in found)} 个系统改变迁移方式，另有 {sum(one.before is one.after for one in found)} 个仅评分变化"
    )
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
    from orchestrator.policy.assess import STRATEGY_ZH, apart
    from orchestrator.policy.counting import freeze, unanswered
    from orchestrator.policy.records import day

    reading, inventory, verdicts = to_migrate(paths, strict=True)
    open_rows = unanswered(reading.inventory)
    if open_rows and not despite_unanswered:
        raise Refused(
            f"有 {sum(open_rows.values())} 行未填是否涉密 (rows do not say whether they are classified)",
            findings=[
                Finding("unanswered", "error", f"{department}: {count} 行未填是否涉密 (rows not answered)", "请该单位填写 (ask the department)")
                for department, count in open_rows.items()
            ],
            remedy="have them answered first, or freeze without them: --despite-unanswered",
        )
    staying = apart(verdicts)
    frozen = freeze(trail(), inventory, reason=reason, actor=str(current_actor()), apart=staying, left_open=sum(open_rows.values()))
    others = "".join(f"；另计{STRATEGY_ZH[strategy]} {len(systems)} 个" for strategy, systems in staying.items() if systems)
    click.echo(f"基线已冻结：{len(frozen.members)} 个系统，{day(frozen.at, city_zone(paths))}，{frozen.actor}{others}")


@baseline.command(name="change")
@click.argument("system")
@click.option("--what", required=True, type=click.Choice(["added", "moved", "retired", "elsewhere", "classified"]))
@click.option("--reason", required=True)
@INVENTORY
def baseline_change(system: str, what: Any, reason: str, paths: tuple[Path, ...]) -> None:
    """Record that SYSTEM came into the count, left it, or is counted otherwise (moved: department, level or kind as the inventory says today)."""
    from orchestrator.journal.actors import current_actor
    from orchestrator.policy.counting import change

    reading, inventory, _ = to_migrate(paths)
    system = id_or_as_typed(reading.inventory, system)  # what left the inventory is known by its id alone
    change(trail(), inventory, system, what, reason=reason, actor=str(current_actor()))
    click.echo(f"已记录：{system} {what}")


@baseline.command(name="show")
@INVENTORY
@JSON
def baseline_show(paths: tuple[Path, ...], json_: bool) -> int:
    """The baseline, its changes, and differences from today's inventory that nobody recorded."""
    from dataclasses import asdict

    from orchestrator.models import Strategy
    from orchestrator.policy.assess import STRATEGY_ZH
    from orchestrator.policy.counting import baseline as current
    from orchestrator.policy.counting import unexplained
    from orchestrator.policy.records import day

    frozen = current(trail(write=False))
    if frozen is None:
        as_json(None) if json_ else click.echo("尚未冻结基线 (no baseline yet): orchestrator baseline freeze --reason …")
        return int(Exit.DONE)
    zone = city_zone(paths)
    findings = unexplained(frozen.members, to_migrate(paths)[1], frozen.changes, zone)
    if json_:
        as_json({**asdict(frozen), "unexplained": [asdict(finding) for finding in findings]})
        return int(Exit.DONE)
    click.echo(safe(f"{day(frozen.at, zone)} {frozen.actor} 冻结 {len(frozen.frozen)} 个，现为 {len(frozen.members)} 个。依据：{frozen.reason}"))
    for what, systems in frozen.apart.items():
        click.echo(f"  冻结时另计{STRATEGY_ZH[Strategy(what)]} {len(systems)} 个")
    if frozen.unanswered:
        click.echo(f"  冻结时有 {frozen.unanswered} 行未填是否涉密，不在其中")
    for one in frozen.changes:
        click.echo(safe(f"  {day(one.at, zone)} {one.actor} {one.what} {one.system}: {one.reason}"))
    for finding in findings:
        click.echo(safe(f"  未记录的差异：{finding.message} → {finding.remedy}"))
    return int(Exit.DONE)


def _exit(reading: Reading) -> int:
    """What could be read was answered; that something could not is said by the exit code and by ``inventory check``."""
    if reading.errors:
        click.echo(f"台账有 {len(reading.errors)} 处错误，未能读取的内容不在其中：orchestrator inventory check", err=True)
        return int(Exit.REFUSED)
    return int(Exit.DONE)
