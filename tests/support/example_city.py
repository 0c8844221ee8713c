"""A made-up city of twenty systems, larger than the demo: what report tests and the example picture are made from."""

from __future__ import annotations

import datetime as dt

from orchestrator.models import (
    DataResource,
    Department,
    Device,
    Excluded,
    ExcludedRow,
    InterruptionBudget,
    Inventory,
    Kind,
    Level,
    OrganisationType,
    Room,
    Status,
    System,
    Window,
)
from orchestrator.planning.programme import Phase, Programme

DEPARTMENTS = (
    ("service-centre", "市行政服务中心", "Administrative Service Centre", "municipal"),
    ("planning", "市自然资源和规划局", "Natural Resources and Planning Bureau", "municipal"),
    ("social-security", "市人力资源和社会保障局", "Human Resources and Social Security Bureau", "municipal"),
    ("meteorology", "市气象局", "Meteorological Bureau", "municipal"),
    ("market", "市市场监督管理局", "Market Supervision Bureau", "municipal"),
    ("transport", "市交通运输局", "Transport Bureau", "municipal"),
    ("archives", "市档案馆", "City Archives", "municipal"),
    ("north-county", "北山县政务服务局", "Beishan County Service Bureau", "county"),
)
SYSTEMS = (
    # id, Chinese, English, department, kind, GB, depends on, special
    ("citizen-portal", "政务服务网", "Citizen portal", "service-centre", "application", 40, (), ""),
    ("permits", "行政审批系统", "Permits", "service-centre", "application", 120, ("citizen-portal",), ""),
    ("hotline", "政务热线工单系统", "Hotline tickets", "service-centre", "application", 60, (), ""),
    ("licence-db", "电子证照库", "Electronic licences", "service-centre", "database", 200, (), ""),
    ("property-register", "不动产登记系统", "Property register", "planning", "application", 180, ("citizen-portal",), "device"),
    ("spatial-db", "空间地理基础库", "Spatial database", "planning", "database", 900, (), ""),
    ("plan-approval", "规划审批系统", "Plan approval", "planning", "application", 75, ("spatial-db",), ""),
    ("social-insurance", "社会保险核心系统", "Social insurance", "social-security", "application", 600, (), "old"),
    ("job-market", "人才招聘系统", "Job market", "social-security", "application", 30, (), ""),
    ("population-db", "人口基础库", "Population database", "social-security", "database", 300, (), ""),
    ("weather-bulletin", "气象信息发布系统", "Weather bulletin", "meteorology", "application", 15, (), ""),
    ("warning-db", "灾害预警库", "Warnings", "meteorology", "database", 12, (), ""),
    ("legal-entities", "法人基础库", "Legal entities", "market", "database", 150, (), ""),
    ("food-safety", "食品安全监管系统", "Food safety", "market", "application", 45, ("legal-entities",), ""),
    ("credit-db", "信用信息库", "Credit database", "market", "database", 80, (), ""),
    ("bus-dispatch", "公交调度系统", "Bus dispatch", "transport", "application", 55, (), ""),
    ("traffic-db", "交通主题库", "Traffic database", "transport", "database", 220, (), ""),
    ("digital-archives", "数字档案系统", "Digital archives", "archives", "application", 0, (), "new"),
    ("county-hall", "县政务大厅系统", "County service hall", "north-county", "application", 25, ("citizen-portal",), ""),
    ("county-land", "县土地台账库", "County land ledger", "north-county", "database", 18, (), ""),
)
PHONE = "13907241234"


def example_inventory() -> Inventory:
    """Eight departments, twenty counted systems, three rows outside the count, two self-built rooms."""
    return Inventory(
        departments=tuple(
            Department(id=i, name=zh, name_en=en, level=Level(level), organisation_type=OrganisationType.GOVERNMENT)
            for i, zh, en, level in DEPARTMENTS
        ),
        rooms=(
            Room(id="hall-room", name="政务大厅机房", owner="service-centre"),
            Room(id="old-room", name="市府大楼旧机房", owner="planning"),
            Room(id="county-room", name="北山县机房", owner="north-county", exception="县级专网设备合同至 2020-06"),
        ),
        systems=tuple(sorted((_system(n, row) for n, row in enumerate(SYSTEMS)), key=lambda s: s.id)),
        excluded=(
            ExcludedRow(department="archives", reason=Excluded.CLASSIFIED, row_no=3),
            ExcludedRow(department="planning", reason=Excluded.CLASSIFIED, row_no=9),
            ExcludedRow(department="market", reason=Excluded.RETIRED, row_no=4),
        ),
    )


def _system(number: int, row: tuple[str, str, str, str, str, float, tuple[str, ...], str]) -> System:
    ident, zh, en, department, kind, gb, depends, special = row
    rooms = {"service-centre": "hall-room", "north-county": "county-room"}
    data = ()
    if kind == "database":
        truth = ident != "licence-db"
        name = "企业登记信息" if ident in ("legal-entities", "credit-db") else f"{zh}数据"
        data = (DataResource(name=name, source_of_truth=truth, sharing="conditional", form="api", update_frequency="每日"),)
    return System(
        id=ident,
        name=zh,
        name_en=en,
        department=department,
        kind=Kind(kind),
        row_no=number + 1,
        status=Status.UNDER_CONSTRUCTION if special == "new" else Status.IN_USE,
        protection_grade=3 if gb > 100 else 2,
        grade_answered=True,
        architecture="B/S",
        os="专用小型机系统 4.2" if special == "old" else "CentOS 7",
        dbms="PostgreSQL 13",
        data_gb=gb,
        servers=2,
        vcpus=8,
        memory_gb=32,
        storage_gb=gb * 2 + 20,
        virtualised=special != "old",
        special_equipment=special == "device",
        special_equipment_note="签名验签服务器" if special == "device" else None,
        room=rooms.get(department, "old-room"),
        depends_on=depends,
        users="both",
        service_hours="工作日 08:30-17:30",
        max_interruption_minutes=30,
        vendor="示例软件公司",
        installable=special != "old",
        supported=special != "old",
        processor="sparc" if special == "old" else "x86_64",
        shared_storage_cluster=False,
        security_owner=department,
        data_owner=department,
        contact="王示例",
        phone=PHONE,
        devices=(Device(name="signer-1", model="签名验签服务器", address="192.0.2.9", travel_outage_minutes=240),)
        if special == "device"
        else (),
        windows=(Window(days="weekend", start="18:00", end="06:00"),),
        data_resources=data,
        trial_run_seconds=14 * 86_400,
        interruption=InterruptionBudget(gap_ms=1000, failed_requests=0, outage_minutes=720 if special == "old" else None),
    )


def example_programme() -> Programme:
    """Two phases: four fifths of the municipal systems in two years, all of them in four."""
    return Programme(
        starts=dt.date(2017, 9, 4),
        phases=(
            Phase(id="phase-1", name="第一阶段", name_en="Phase 1", due=dt.date(2018, 12, 31), percent=80, levels=(Level.MUNICIPAL,)),
            Phase(id="phase-2", name="第二阶段", name_en="Phase 2", due=dt.date(2020, 12, 31), percent=100),
        ),
        waves={"systems_per_week": 1},
        trial_run_days=14,
    )
