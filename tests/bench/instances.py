"""Seeded cities for benches and property tests: departments, dependencies with cycles, windows, skills, bandwidth, cloud in steps."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from orchestrator.models import Department, Inventory, System, Verdict
from orchestrator.planning.graph import groups_of
from orchestrator.planning.programme import Programme

HOURS = ["工作日 08:30-17:30", "工作日 08:00-18:00", "每天 07:00-22:00", "周一至周六 08:00-18:00", "7×24", "工作日 09:00-17:00", None]
WINDOWS: list[list[dict[str, Any]]] = [
    [],
    [],
    [],
    [{"days": "weekend", "start": "20:00", "end": "06:00"}],
    [{"days": "daily", "start": "00:00", "end": "24:00"}],
    [{"days": ["wed"], "start": "18:00", "end": "04:00"}],
    [{"days": "holiday", "start": "00:00", "end": "24:00"}, {"days": "weekend", "start": "00:00", "end": "24:00"}],
]
NEEDS = (0, 0, 0, 1, 1, 1, 2, 3)
WORK: dict[str, Any] = {
    "cloud_deployment": {"weeks": 3, "cutover_hours": 4, "skills": {"app": 1, "db": 0.6}, "complexity_factor": 1},
    "device_relocation": {"weeks": 4, "cutover_hours": 6, "skills": {"app": 1, "db": 0.6, "site": 1}, "complexity_factor": 1},
    "hosting": {"weeks": 2, "cutover_hours": 8, "skills": {"site": 2}, "complexity_factor": 0.5},
}


def instance(count: int, seed: int, *, slack: float = 1.15, cloud_slack: float = 1.1) -> tuple[Inventory, dict[str, Verdict], Programme]:
    """A city of ``count`` systems. ``slack``: capacity of teams, bandwidth and waves over all work; below 1 there is too little."""
    chance = random.Random(seed)  # noqa: S311 - seeded on purpose, no secret
    departments = [
        Department(id=f"d{n:04d}", name=f"单位{n}", level="municipal" if n % 5 < 3 else "county") for n in range(max(3, count // 9))
    ]
    names = [f"s{n:05d}" for n in range(count)]
    rows: list[dict[str, Any]] = []
    verdicts: dict[str, Verdict] = {}
    for n, name in enumerate(names):
        # neighbours of the last thirty, or one of the few hubs of its five hundred that much depends on
        hubs = range(n - n % 500, min(n, n - n % 500 + 8))
        near = [
            chance.choice(hubs) if hubs and chance.random() < 0.3 else chance.randrange(max(0, n - 30), n)
            for _ in range(chance.choice(NEEDS))
            if n
        ]
        needs = {names[other] for other in near}
        windows = chance.choice(WINDOWS)
        rows.append({
            "id": name, "name": f"系统{n}", "department": chance.choice(departments).id,
            "kind": chance.choice(("application", "application", "database")), "status": "in_use",
            "data_gb": round(chance.lognormvariate(4, 1.2), 1), "vcpus": chance.choice((2, 4, 8, 8, 16, 32)),
            "memory_gb": chance.choice((4, 8, 16, 32, 64)), "storage_gb": chance.choice((50, 100, 200, 500, 1000)),
            "depends_on": sorted(needs), "service_hours": chance.choice(HOURS), "windows": windows,
        })  # fmt: skip
        strategy = chance.choices(("cloud_deployment", "device_relocation", "hosting"), (80, 8, 12))[0]
        verdicts[name] = Verdict(system=name, strategy=strategy, readiness=chance.randrange(20, 101), complexity=chance.randrange(0, 101))
    for _ in range(max(1, count // 60)):  # cycles of two to four
        start = chance.randrange(count)
        near_by = range(max(0, start - 20), min(count, start + 21))
        ring = sorted(chance.sample(near_by, min(count, chance.choice((2, 2, 3, 4)))))
        for one, other in zip(ring, ring[1:] + ring[:1], strict=True):
            if one != other:
                rows[one]["depends_on"] = sorted({*rows[one]["depends_on"], names[other]})
    place = {name: n for n, name in enumerate(names)}
    for group in groups_of([[place[other] for other in row["depends_on"]] for row in rows]):
        for member in group:  # what moves together has windows in common
            rows[member] |= {key: rows[group[0]][key] for key in ("windows", "service_hours")}
    systems = tuple(System.model_validate(row) for row in rows)
    return Inventory(departments=tuple(departments), systems=systems), verdicts, _programme(systems, verdicts, slack, cloud_slack)


def _programme(systems: tuple[System, ...], verdicts: dict[str, Verdict], slack: float, cloud_slack: float) -> Programme:
    weeks = 205  # of four years
    work: dict[str, float] = {}
    cloud = dict.fromkeys(("vcpus", "memory_gb", "storage_gb"), 0.0)
    for one in systems:
        verdict = verdicts[one.id]
        wanted = WORK[verdict.strategy]
        for skill, amount in wanted["skills"].items():
            work[skill] = work.get(skill, 0) + amount * (1 + wanted["complexity_factor"] * verdict.complexity / 100) + 0.05
        if verdict.strategy != "hosting":
            for dimension in cloud:
                cloud[dimension] += getattr(one, dimension)
    data = sum(one.data_gb or 0 for one in systems)
    largest = max(one.data_gb or 0 for one in systems)
    shares = ((dt.date(2017, 1, 2), 0.32), (dt.date(2018, 1, 1), 0.58), (dt.date(2019, 1, 7), 0.85), (dt.date(2020, 1, 6), 1.0))
    return Programme.model_validate({
        "starts": dt.date(2017, 1, 2),
        "phases": [
            {"id": "phase-1", "name": "第一阶段", "due": dt.date(2018, 12, 30), "percent": 80, "levels": ["municipal"]},
            {"id": "phase-2", "name": "第二阶段", "due": dt.date(2020, 12, 27), "percent": 100},
        ],
        "default_windows": [{"days": "daily", "start": "22:00", "end": "06:00"}],
        "blackouts": [
            {"name": "两会", "starts": dt.date(year, 1, 8), "ends": dt.date(year, 1, 14)} for year in range(2017, 2021)
        ] + [{"name": "高考", "starts": dt.date(year, 6, 6), "ends": dt.date(year, 6, 9)} for year in range(2017, 2021)],
        "teams": [{"skill": skill, "teams": max(3, round(amount * slack / weeks, 1))} for skill, amount in sorted(work.items())],
        "work": WORK,
        "replication": {"gb_per_week": max(round(data * slack / weeks * 1.2), round(largest / 3) + 1)},
        "cloud": [{"since": day, **{k: round(v * cloud_slack * share) for k, v in cloud.items()}} for day, share in shares],
        "waves": {"systems_per_week": max(4, round(len(systems) * slack / weeks * 1.4)), "per_department": max(4, len(systems) // 1500)},
    })  # fmt: skip
