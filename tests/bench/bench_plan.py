"""The planner on seeded cities, side by side: ``python -m tests.bench.bench_plan [SIZE …]`` (``make bench-plan``).

Every size runs in a process of its own, so that memory is that of the size. Prints figures and asserts none, except that
every plan is put before the verifier and faults are printed.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

HEADER = (
    "CPU seconds, asked for in brackets. systems | plan s + as a value s | short of targets | faults | same twice | cost against greedy | "
    "search: cost ratio | re-plan s | moved, short | explanation s | MB plan / all"
)
ASKED = {200: (1, 1, 1), 1000: (5, 5, 1), 5000: (15, 5, 1), 20000: (30, 15, 5)}
"""By systems, seconds at most for a plan, a re-plan, an explanation."""
SIZES = (200, 1000, 5000, 20000)
SEED = 1
SLACK = {"roomy": {"slack": 1.5, "cloud_slack": 1.3}, "tight": {}, "short": {"slack": 0.8, "cloud_slack": 0.9}}
EFFORT = {200: 1000, 1000: 300, 5000: 100, 20000: 50}


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of this (single-threaded) process, and the answer: the wall clock of an idle machine, whatever else runs on this one."""
    start = time.process_time()
    answer = call()
    return time.process_time() - start, answer


def greedy(problem: Any) -> Any:
    """The plain topological order that others plan by: what depends on nothing first, in the order of the list."""
    from orchestrator.planning.schedule import serial

    return serial(problem, range(len(problem.groups)))


def one(count: int, kind: str) -> dict[str, Any]:
    """All figures of one instance."""
    import datetime as dt

    from orchestrator.planning import schedule as scheduling
    from orchestrator.planning import search
    from orchestrator.planning.build import build
    from orchestrator.planning.explain import explain
    from orchestrator.planning.orders import best_of_portfolio
    from orchestrator.planning.plan import Unreached, to_plan
    from orchestrator.planning.programme import Standing
    from orchestrator.planning.replan import replan
    from orchestrator.planning.verify import verify
    from tests.bench.instances import instance

    inventory, verdicts, programme = instance(count, SEED, **SLACK[kind])
    found: dict[str, Any] = {"systems": count, "kind": kind}

    def make() -> Any:
        problem = build(inventory, verdicts, programme)
        return problem, best_of_portfolio(problem)

    found["plan_s"], (problem, schedule) = timed(make)
    found["value_s"], plan = timed(lambda: to_plan(problem, schedule, inventory_digest="", policy_digest=""))
    found["plan_short"], found["plan_cost"] = scheduling.score(problem, schedule)
    faults = [one for one in verify(plan, inventory, verdicts, programme) if one.code != "verify-target"]
    found["faults"] = len(faults)
    found["plan_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    found["same_twice"] = to_plan(*make(), inventory_digest="", policy_digest="").digest == plan.digest
    found["greedy_short"], found["greedy_cost"] = scheduling.score(problem, greedy(problem))
    if found["plan_short"]:
        found["explain_s"], findings = timed(lambda: explain(problem, schedule))
        found["verdict"] = sorted({one.code for one in findings if one.code.startswith(("proved", "shown", "not-shown"))})
    if kind != "short":
        other = schedule.copy()
        found["search_s"], better = timed(lambda: search.improve(problem, search.mend(problem, other, 100), EFFORT[count], plain=True))
        found["search_short"], found["search_cost"] = scheduling.score(problem, better)
        faults = verify(to_plan(problem, better, inventory_digest="", policy_digest=""), inventory, verdicts, programme)
        found["faults"] += len([one for one in faults if one.code != "verify-target"])
    if not found["plan_short"]:
        day = dt.date(2018, 3, 5)
        done = [
            Standing(system=one.system, state="done", cutover=one.window_start.date())
            for one in plan.entries
            if one.window_start.date() < day
        ]
        late = done[-1 - len(done) // 20 :]  # the last twentieth did not happen
        standing = [one if one not in late else Standing(system=one.system, state="rolled_back") for one in done]

        def again() -> Any:
            try:
                return replan(inventory, verdicts, programme, plan, as_of=day, standing=standing, inventory_digest="", policy_digest="")
            except Unreached as unreached:
                found["replan_verdict"] = sorted(
                    {one.code for one in unreached.findings if one.code.startswith(("proved", "shown", "not-shown"))}
                )
                return unreached.plan

        found["replan_s"], made = timed(again)
        found["replan_moved"] = len(made.moved)
        found["replan_short"] = sum(max(0, phase.needed - phase.planned) for phase in made.phases)
        present = programme.model_copy(update={"as_of": day, "under_way": tuple(standing)})
        faults = verify(made, inventory, verdicts, present, former=plan)
        found["faults"] += len([one for one in faults if one.code != "verify-target"])
    if count <= 200 and kind == "tight":
        from tests.bench.lower_bound import lower_bound

        found["bound_s"], found["bound"] = timed(lambda: lower_bound(problem))
    found["all_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return found


def line(found: dict[str, Any]) -> str:
    """One instance in one line."""

    def of(name: str, form: str = "") -> str:
        return format(found[name], form) if name in found else "-"

    plan_s, replan_s, explain_s = (f" (≤ {seconds})" for seconds in ASKED.get(found["systems"], ("?", "?", "?")))
    greedy_ratio = f"{found['plan_cost'] / found['greedy_cost']:.3f}"
    search = f"{found['search_cost'] / found['plan_cost']:.4f}, short {found['search_short']}" if "search_cost" in found else "-"
    return " | ".join((
        f"{found['systems']} {found['kind']}", f"{found['plan_s']:.2f} + {found['value_s']:.2f}{plan_s}", of("plan_short"), of("faults"), of("same_twice"),
        f"{greedy_ratio} (greedy short {found['greedy_short']})", f"{search} in {of('search_s', '.2f')}", of("replan_s", ".2f") + replan_s, f"{of('replan_moved')}, {of('replan_short')}",
        of("explain_s", ".2f") + explain_s, f"{of('plan_mb')} / {of('all_mb')}",
    ))  # fmt: skip


def main() -> None:
    """A table for the sizes named, or all of them."""
    if "--one" in sys.argv:
        at = sys.argv.index("--one")
        print(json.dumps(one(int(sys.argv[at + 1]), sys.argv[at + 2])))
        return
    sizes = [int(text) for text in sys.argv[1:]] or SIZES
    print(HEADER)
    for size in sizes:
        for kind in SLACK:
            run = subprocess.run(
                [sys.executable, "-m", "tests.bench.bench_plan", "--one", str(size), kind], capture_output=True, text=True, check=False
            )
            if run.returncode:
                print(f"{size} {kind} failed: {run.stderr.strip().splitlines()[-1:]}")
                continue
            found = json.loads(run.stdout.splitlines()[-1])
            print(line(found), flush=True)
            for name in ("verdict", "replan_verdict"):
                if found.get(name):
                    print(f"    {name.replace('_', ' ')}: {', '.join(found[name])}")
            if "bound" in found:
                gaps = {name: f"{(found[f'{name}_cost'] / found['bound'] - 1) * 100:.1f} %" for name in ("greedy", "plan", "search")}
                print(f"    bound {found['bound']} in {found['bound_s']:.0f} s; above it: {gaps}")


if __name__ == "__main__":
    main()
