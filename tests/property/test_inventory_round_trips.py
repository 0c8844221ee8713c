"""Any inventory survives YAML and xlsx; any file, however broken, is answered with findings."""

from __future__ import annotations

import string
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck as Health
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from orchestrator.inventory.boxes import ticked
from orchestrator.inventory.cells import BLANK, Unreadable, not_known
from orchestrator.inventory.check import as_json
from orchestrator.inventory.folder.merge import apply, prepare
from orchestrator.inventory.folder.workbook import write_workbook
from orchestrator.inventory.folder.write import files_of
from orchestrator.inventory.forms import forms, match
from orchestrator.inventory.load import load
from orchestrator.inventory.names import key
from orchestrator.inventory.sheets.ditto import DITTO
from orchestrator.inventory.values import product
from orchestrator.models import (
    ConfigFile,
    Database,
    DataResource,
    Department,
    Device,
    Excluded,
    ExcludedRow,
    FileTree,
    HealthCheck,
    Host,
    InterruptionBudget,
    Inventory,
    Kind,
    Landing,
    Level,
    LicenceBinding,
    Link,
    Network,
    Noun,
    OrganisationType,
    Room,
    RunsAt,
    Service,
    SharingClass,
    Status,
    System,
    Window,
)

BOUNDED = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without shrinking: whole inventories shrink for minutes."""
LETTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn", "Co"), exclude_characters="\ufffe\uffff")
AWKWARD = [
    "=1+1",
    "@x",
    "007",
    "true",
    "1e5",
    "否",
    "无",
    "- a",
    "a: b",
    "#",
    "08:30",
    "<<",
    "null",
    "x\ny",
    "a\u0085b",
    "a\u2028b",
    "a\u2029b",
    "a\n\n b: [c",
    "a\ufeffb",
]
RESERVED = {"示例", "样例", "例", "example"}


def words(size: int = 30) -> st.SearchStrategy[str]:
    """Texts as a cell can hold them: not blank by the form's rules, no sign for what stands above, no marks that end a table, no edges of white space."""
    return (
        st.one_of(st.text(LETTERS, min_size=1, max_size=size), st.sampled_from(AWKWARD))
        .map(str.strip)
        .filter(lambda text: bool(text) and "_x" not in text and text.casefold() not in {*BLANK, *DITTO} and not any(mark in text.casefold() for mark in RESERVED) and _plain(text))
    )  # fmt: skip


def _plain(text: str) -> bool:
    import unicodedata

    folded = unicodedata.normalize("NFKC", text).strip()
    return folded.casefold() not in {*BLANK, *DITTO} and not (folded.startswith("#") and folded[1:].isupper())


def answers() -> st.SearchStrategy[str]:
    """Words that answer a question of the form: 不详 and the like are no answer."""
    return words().filter(lambda text: not not_known(text) and ticked(text) == text)  # □ alone is a box that nobody ticked


def products() -> st.SearchStrategy[str]:
    """The same of what something runs on: a number or a letter alone is somebody's code, and asked about."""

    def is_name(text: str) -> bool:
        try:
            return bool(product(text).value)
        except Unreadable:
            return False

    return answers().filter(is_name)


NAMES = st.text("abcdefghijklmnop", min_size=2, max_size=8)
HOSTS = st.text(string.ascii_lowercase, min_size=1, max_size=8).filter(lambda text: text not in BLANK)  # "nan" is what programs write for nothing
SQL = st.text(string.ascii_letters, min_size=1, max_size=8).filter(lambda text: text.casefold() not in BLANK)
NUMBERS = st.one_of(st.integers(0, 10**6).map(float), st.floats(0.001, 10**6, allow_nan=False).map(lambda x: round(x, 4)))
POSITIVE = NUMBERS.map(lambda x: x + 0.5)
PORTS = st.integers(1, 65535)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def few(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(strategy, max_size=2).map(tuple)


HOST = st.builds(
    Host, name=HOSTS, address=st.sampled_from(["10.0.0.1", "fe80::1", "host.gov"]), ssh_port=PORTS, ssh_user=st.sampled_from(["root", "ops"]), os=maybe(products()),
    vcpus=maybe(st.integers(1, 512)), memory_gb=maybe(POSITIVE), disk_gb=maybe(POSITIVE), room=maybe(st.sampled_from(["r-0", "elsewhere"])), processor=maybe(products()),
    new_address=maybe(st.just("10.9.0.1")), become=maybe(st.just("root")), manager=st.sampled_from(["systemd", "processes"]),
    root=maybe(st.just("/srv/a b")), python=maybe(st.just("/usr/bin/python3")), target=maybe(HOSTS),
)  # fmt: skip
DATABASE = st.builds(
    Database, name=SQL, engine=words(), version=maybe(words()), host=HOSTS, port=PORTS, role=maybe(SQL), secret=maybe(st.just("env:X")), admin_role=maybe(SQL),
    admin_secret=maybe(st.just("vault:/db#admin")), data_directory=maybe(st.sampled_from(["/var/lib/数据 1", "/d"])), size_gb=maybe(NUMBERS), shared_storage_cluster=maybe(st.booleans()),
    wal_level=maybe(st.sampled_from(["minimal", "replica", "logical"])),
)  # fmt: skip
SERVICE = st.builds(
    Service, name=NAMES, host=HOSTS, command=few(words()), unit=maybe(st.sampled_from(["web.service", "queue@3.service", "nightly.timer"])), port=maybe(PORTS),
    singleton=maybe(st.booleans()), entry=maybe(HOSTS),
    health=maybe(st.builds(HealthCheck, kind=st.sampled_from(["http", "tcp", "sql"]), target=st.sampled_from(["", "/", "/health", "select 1"]), expected=maybe(words()),
        host_name=maybe(st.just("host.gov")), on_host=st.booleans())),
    account=maybe(st.just("www-data")), shared=st.booleans(), start_seconds=maybe(POSITIVE),
    environment=st.dictionaries(st.text(string.ascii_uppercase, min_size=1, max_size=5), words(), max_size=2),
)  # fmt: skip
DEVICE = st.builds(
    Device, name=NAMES, model=words(), address=st.just("10.0.0.9"), port=maybe(PORTS), management=st.sampled_from(["ssh_cli", "manual"]), management_port=PORTS,
    management_user=maybe(st.just("admin")), secret=maybe(st.just("file:/x")), serial=maybe(words()), needs=maybe(words()), travel_outage_minutes=maybe(POSITIVE),
    new_address=maybe(st.just("10.9.0.9")),
)  # fmt: skip
LINK = st.builds(
    Link, peer=words(), direction=st.sampled_from(["in", "out", "both"]), address=maybe(st.just("10.0.0.7")), port=maybe(PORTS),
    purpose=st.sampled_from(["vertical", "horizontal", "chutian_cloud"]),
)  # fmt: skip
WINDOW = st.builds(
    Window, days=st.sampled_from(["daily", "workday", "weekend", "holiday", ("mon",), ("sat", "sun")]), start=st.sampled_from(["00:00", "22:30"]),
    end=st.sampled_from(["24:00", "05:00"]),
)  # fmt: skip
RESOURCE = st.builds(
    DataResource, name=words(), database=maybe(SQL), basic_category=maybe(st.sampled_from(["population", "legal_entities", "spatial_geography", "macro_economy", "buildings"])),
    theme=maybe(st.sampled_from(["credit", "tax", "health", "traffic"])),
    source_of_truth=maybe(st.booleans()), sharing=maybe(st.sampled_from(SharingClass)), form=maybe(st.sampled_from(["api", "file", "front_end_server"])),
    update_frequency=maybe(words()),
)  # fmt: skip
TREE = st.builds(FileTree, host=HOSTS, path=st.sampled_from(["/-", "/srv/a b", "/数据"]), size_gb=maybe(NUMBERS))


DATES = st.sampled_from(["2015", "2015-06", "2015-06-30"])


def further(other: str | None) -> st.SearchStrategy[dict[str, Any]]:
    """What is asked where it is known. ``other``: a system whose database it may use."""
    return st.fixed_dictionaries(
        {
            "middleware": maybe(products()), "domains": st.sampled_from([(), ("oa.example.gov.cn",), ("10.0.0.1", "a-b.cn")]),
            "user_count": maybe(st.integers(0, 10**7)), "concurrent_users": maybe(st.integers(0, 10**5)), "in_service_since": maybe(DATES),
            "runs_at": maybe(st.sampled_from(RunsAt)), "retiring": maybe(st.booleans()), "planned_end": maybe(DATES),
            "database_owner": st.sampled_from([None, other]), "file_gb": maybe(NUMBERS), "backup": maybe(answers()), "operator": maybe(answers()),
            "open_ports": st.sampled_from([(), ("80",), ("443", "8080-8090")]), "licence_binding": maybe(st.sampled_from(LicenceBinding)),
            "end_of_support": maybe(DATES), "annual_cost_wan": maybe(NUMBERS), "domestic": maybe(answers()),
        }
    )  # fmt: skip


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    ids = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    departments = [
        Department(id=f"d-{n}", name=f"{draw(words())}{n}局", name_en=draw(maybe(words())), level=draw(st.sampled_from(Level)), organisation_type=draw(st.sampled_from(OrganisationType)))
        for n in range(draw(st.integers(1, 3)))
    ]  # fmt: skip
    rooms = [
        Room(
            id=f"r-{n}",
            name=f"{draw(words())}{n}室",
            owner=draw(maybe(st.just(departments[0].id))),
            self_built=draw(st.booleans()),
            exception=draw(maybe(words())),
        )
        for n in range(draw(st.integers(0, 2)))
    ]
    known = {
        key(name) for form in forms().values() for column in form.columns for name in (column.zh, column.en, column.field, *column.also)
    }
    systems = []
    for number, ident in enumerate(ids):
        graded = draw(st.booleans())
        systems.append(
            System(
                id=f"{ident}-{number}", name=f"{draw(words())}系统{number}", name_en=draw(maybe(words())), department=draw(st.sampled_from(departments)).id,
                kind=draw(st.sampled_from(Kind)), status=draw(st.sampled_from(Status)), row_no=number + 1, grade_answered=graded,
                protection_grade=draw(maybe(st.integers(1, 5))) if graded else None, architecture=draw(maybe(products())), os=draw(maybe(products())), dbms=draw(maybe(products())),
                data_gb=draw(maybe(NUMBERS)), servers=draw(maybe(st.integers(0, 99))), vcpus=draw(maybe(NUMBERS)), memory_gb=draw(maybe(NUMBERS)),
                storage_gb=draw(maybe(NUMBERS)), virtualised=draw(maybe(st.booleans())), special_equipment=draw(maybe(st.booleans())),
                special_equipment_note=draw(maybe(words())), room=draw(maybe(st.sampled_from([room.id for room in rooms] or ["别处"]))), network=draw(maybe(st.sampled_from(Network))),
                depends_on=tuple(f"{other}-{n}" for n, other in enumerate(ids) if n != number and draw(st.booleans())),
                users=draw(maybe(st.sampled_from(["internal", "public", "both"]))), service_hours=draw(maybe(answers())), max_interruption_minutes=draw(maybe(NUMBERS)),
                vendor=draw(maybe(answers())), installable=draw(maybe(st.booleans())), supported=draw(maybe(st.booleans())), processor=draw(maybe(products())),
                shared_storage_cluster=draw(maybe(st.booleans())), security_owner=draw(maybe(st.just(departments[0].id))), data_owner=draw(maybe(st.sampled_from([departments[-1].id, "外单位"]))),
                protection_standard=draw(maybe(words())), contact=draw(maybe(words())),
                phone=draw(maybe(words())), remark=draw(maybe(words(200))), hosts=draw(few(HOST)), databases=draw(few(DATABASE)), file_trees=draw(few(TREE)),
                services=draw(few(SERVICE)), devices=draw(few(DEVICE)), links=draw(few(LINK)), windows=draw(few(WINDOW)), data_resources=draw(few(RESOURCE)),
                interruption=draw(maybe(st.builds(InterruptionBudget, gap_ms=st.integers(1, 9999), failed_requests=st.integers(0, 9), outage_minutes=maybe(NUMBERS)))),
                trial_run_seconds=draw(maybe(NUMBERS)),
                **draw(further(ids[(number + 1) % len(ids)] + f"-{(number + 1) % len(ids)}" if len(ids) > 1 else None)),
                unknown={f"自有列{n}": value for n, value in enumerate(draw(st.lists(words(), max_size=2)))},
            )
        )  # fmt: skip
    assert not any(match(forms()["systems"], f"自有列{n}") for n in range(2)) and known
    party = {d.id for d in departments if d.organisation_type is OrganisationType.PARTY_MASS}
    excluded = [
        ExcludedRow(
            department=s.department,
            reason=Excluded.RETIRED if s.status is Status.RETIRED else Excluded.PARTY_MASS,
            row_no=s.row_no,
            system=s,
        )
        for s in systems
        if s.status is Status.RETIRED or s.department in party
    ]
    excluded += [
        ExcludedRow(department=departments[0].id, reason=Excluded.CLASSIFIED, row_no=100 + n) for n in range(draw(st.integers(0, 2)))
    ]
    outside = {row.system.id for row in excluded if row.system}
    excluded.sort(key=lambda row: (row.reason, row.department, row.row_no or 0, row.system.id if row.system else ""))
    return Inventory(
        departments=tuple(departments), rooms=tuple(rooms), systems=tuple(sorted((s for s in systems if s.id not in outside), key=lambda s: s.id)), excluded=tuple(excluded)
    )  # fmt: skip


def differences(one: Inventory, other: Inventory) -> list[Any]:
    """Short words for what differs: a whole inventory is unreadable in a failed assertion."""
    found: list[Any] = [
        (field, getattr(one, field), getattr(other, field))
        for field in ("departments", "rooms")
        if getattr(one, field) != getattr(other, field)
    ]
    mine, theirs = ({s.id: s.model_dump() for s in [*i.systems, *(r.system for r in i.excluded if r.system)]} for i in (one, other))
    if mine.keys() != theirs.keys():
        found.append(("ids", mine.keys(), theirs.keys()))
    found += [
        (ident, field, values[field], theirs[ident][field])
        for ident, values in mine.items()
        if ident in theirs
        for field in values
        if values[field] != theirs[ident][field]
    ]
    left, right = ([(r.department, r.reason, r.row_no, r.system and r.system.id) for r in i.excluded] for i in (one, other))
    return [*found, (left, right)] if left != right else found


LANDING = Landing(
    name="base", address="10.9.0.7", ssh_port=2223, ssh_user="ops", root="/srv/new", own="/srv/own", boots="machine", console=("tail", "log"), boot=("machinectl", "start", "new"),
    off=("machinectl", "poweroff", "new"), boot_seconds=11, stop_seconds=12, exclude=("/data",), per_side=("/etc/keep",), at_rest=("/var/spool/q",),
    readdress=("/etc/app.conf",), keep_units=("ssh.service",),
)  # fmt: skip
FULL = Inventory(
    departments=(Department(id="d-0", name="审计局", name_en="Audit", level=Level.COUNTY, organisation_type=OrganisationType.INSTITUTION),),
    rooms=(Room(id="r-0", name="三楼机房", owner="d-0", self_built=False, exception="同意保留"),),
    systems=(
        System(id="base", name="认证系统", department="d-0", kind=Kind.APPLICATION, status=Status.IN_USE),
        System(
            id="full", name="审计系统", name_en="Audit", department="d-0", kind=Kind.DATABASE, status=Status.UNDER_CONSTRUCTION, row_no=7, protection_grade=3,
            grade_answered=True, architecture="B/S", os="Linux", dbms="MySQL 5.7", data_gb=1.5, servers=2, vcpus=3.5, memory_gb=4.5, storage_gb=5.5, virtualised=False,
            special_equipment=True, special_equipment_note="加密机", room="r-0", network=Network.DEDICATED, depends_on=("base",), users="both", service_hours="7×24",
            max_interruption_minutes=6.5, vendor="甲公司", installable=False, supported=True, processor="sparc", shared_storage_cluster=False, security_owner="d-0",
            data_owner="外单位", protection_standard="GB/T 22239", contact="某人", phone="0724-1", remark="备注", trial_run_seconds=8.5, unknown={"自有列": "值"},
            middleware="TongWeb 7", domains=("a.gov.cn",), user_count=9, concurrent_users=3, in_service_since="2015-06", runs_at=RunsAt.OTHER_CLOUD,
            retiring=True, planned_end="2027", database_owner="base", file_gb=7.5, backup="每日全备", operator="乙公司", open_ports=("80", "8080-8090"),
            licence_binding=LicenceBinding.DONGLE, end_of_support="2020-11-30", annual_cost_wan=2.5, domestic="已完成",
            hosts=(Host(name="h", address="10.0.0.1", ssh_port=2222, ssh_user="ops", os="AIX", vcpus=3, memory_gb=4.5, disk_gb=5.5, room="r-0", processor="ppc", new_address="10.9.0.1",
                  landing=LANDING,
                become="ops", manager="processes", root="/srv", python="/usr/bin/python3", target="h-2"),),
            databases=(
                Database(
                    name="db", engine="oracle", version="11g", host="h", port=1521, role="app", secret="env:A", admin_role="sys", admin_secret="env:B", size_gb=9.5,
                    shared_storage_cluster=True, data_directory="/data", wal_level="replica",
                ),
            ),
            file_trees=(FileTree(host="h", path="/srv", size_gb=1.5),),
            services=(
                Service(
                    name="web", host="h", command=("java", "-jar", "a b.jar"), unit="web.service", account="www-data", shared=True, start_seconds=30.5, port=8080,
                    singleton=True, cron="/etc/cron.d/web", environment={"A": "@listen.port"}, entry="portal",
                    files=(
                        ConfigFile(
                            path="/etc/门户 1/app.yaml", format="yaml", set={"production.host": "@database.host", "a": "=1+1 \"'"}, add={"b": "2"}
                        ),
                    ),
                    health=HealthCheck(kind="http", target="/health", expected="200", host_name="host.gov", on_host=True),
                ),
            ),
            devices=(
                Device(
                    name="hsm", model="SJJ", address="10.0.0.9", port=99, management="ssh_cli", management_port=2022, management_user="admin", secret="file:/s", serial="S1",
                    needs="2U", travel_outage_minutes=90.5, new_address="10.9.0.9",
                ),
            ),
            links=(Link(peer="省厅", direction="in", address="10.0.0.7", port=443, purpose="vertical"),),
            windows=(Window(days=("sat", "sun"), start="22:00", end="05:00"),),
            data_resources=(
                DataResource(
                    name="法人", database="db", basic_category="legal_entities", theme="tax", source_of_truth=False, sharing=SharingClass.CONDITIONAL, form="api",
                    update_frequency="每日",
                ),
            ),
            interruption=InterruptionBudget(gap_ms=7, failed_requests=8, outage_minutes=9.5),
        ),
    ),
)  # fmt: skip
"""Every field of every noun says something other than its default."""


def _defaults(noun: Noun) -> list[str]:
    """Fields of a noun, and of those within it, that say nothing."""
    found = []
    for name, field in type(noun).model_fields.items():
        value = getattr(noun, name)
        if not field.is_required() and value == field.get_default(call_default_factory=True):
            found.append(f"{type(noun).__name__}.{name}")
        for inner in value if isinstance(value, tuple) else (value,):
            found += _defaults(inner) if isinstance(inner, Noun) else []
    return found


def test_every_field_of_every_noun_survives_yaml_and_a_workbook(tmp_path: Path) -> None:
    assert _defaults(FULL.systems[1]) + _defaults(FULL.departments[0]) + _defaults(FULL.rooms[0]) == [], "say something with the new field"
    (tmp_path / "yaml").mkdir()
    for name, text in files_of(FULL).items():
        (tmp_path / "yaml" / name).write_text(text, encoding="utf-8")
    for lang in ("zh", "en"):
        write_workbook(tmp_path / f"{lang}.xlsx", FULL, lang)
    for path in (tmp_path / "yaml", tmp_path / "zh.xlsx", tmp_path / "en.xlsx"):
        reading = load([path])
        assert _errors(reading.findings) == []
        assert differences(FULL, reading.inventory) == []


def _errors(findings: list[Any]) -> list[Any]:
    return [finding for finding in findings if finding.severity == "error"]


@given(inventories())
@settings(max_examples=60, deadline=None, suppress_health_check=list(Health), phases=BOUNDED)
def test_any_inventory_round_trips_through_yaml(inventory: Inventory) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files_of(inventory).items():
            (Path(folder) / name).write_text(text, encoding="utf-8", newline="")
        reading = load([Path(folder)])
    assert [(f.code, f.sheet, f.cell, f.message) for f in _errors(reading.findings)] == []
    assert differences(inventory, reading.inventory) == []


@given(inventories(), st.sampled_from(["zh", "en"]))
@settings(max_examples=40, deadline=None, suppress_health_check=list(Health), phases=BOUNDED)
def test_any_inventory_round_trips_through_a_workbook(inventory: Inventory, lang: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "form.xlsx"
        write_workbook(path, inventory, lang)
        reading = load([path])
    assert [(f.code, f.sheet, f.cell, f.message) for f in _errors(reading.findings)] == []
    assert differences(inventory, reading.inventory) == []


@given(st.binary(max_size=400), st.sampled_from([".yaml", ".csv", ".xlsx", ".xls"]))
@settings(max_examples=300, deadline=None)
def test_no_bytes_make_the_readers_crash(data: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        path.write_bytes(data)
        load([path])


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**6), st.floats(), words(), st.sampled_from(["", "water", "abc-1", "是", "application", "in_use", "1.2T", "\x1b[31m", "a\u0085b"]),
)  # fmt: skip
SHAPES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "host", "health", "id"]) | words(8), inner, max_size=2), max_leaves=4
)  # fmt: skip
WHOLE = {"id": "abc-1", "name": "甲", "department": "water", "kind": "application", "status": "in_use", "classified": False, "row_no": 1}
DEPARTMENT = {"id": "water", "name": "水务局", "level": "municipal", "organisation_type": "government"}
ROOM = {"id": "r-1", "name": "机房", "owner": "water"}


def spoilt(noun: dict[str, Any], fields: list[str]) -> st.SearchStrategy[Any]:
    """The noun with some fields of any shape; now and then no noun at all."""
    return st.dictionaries(st.sampled_from(fields), SHAPES, max_size=3).map(lambda wrong: noun | wrong) | SHAPES


DOCUMENTS = st.fixed_dictionaries(
    {
        "departments": st.lists(spoilt(DEPARTMENT, list(Department.model_fields)), min_size=1, max_size=2) | SHAPES,
        "rooms": st.lists(spoilt(ROOM, list(Room.model_fields)), max_size=2) | SHAPES,
        "systems": st.lists(spoilt(WHOLE, [*System.model_fields, "classified", "自有"]), min_size=1, max_size=2) | SHAPES,
    }
)


@pytest.mark.parametrize("shape", [True, 5, "某某", {"a": 1}, [], [5], [[]], None], ids=str)
@pytest.mark.parametrize("field", sorted({*System.model_fields, "classified"} - {"id"}))
def test_a_field_of_any_shape_is_read_or_is_a_finding(field: str, shape: Any, tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(
        yaml.safe_dump({"departments": [DEPARTMENT], "systems": [WHOLE | {field: shape}]}, allow_unicode=True), encoding="utf-8"
    )
    reading = load([path])
    as_json(reading)
    said = getattr(reading.inventory.systems[0], field, None) if reading.inventory.systems else None
    assert (
        reading.findings
        or said in (shape, None, (), {})
        or (said in (tuple(shape), tuple(map(str, shape))) if isinstance(shape, list) else said in (str(shape), {"a": "1"}))
    )


@given(DOCUMENTS)
@settings(max_examples=300, deadline=None, suppress_health_check=list(Health), phases=BOUNDED)
def test_no_shape_in_yaml_makes_the_readers_or_an_import_crash(document: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, into = Path(folder) / "file.yaml", Path(folder) / "into"
        path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        as_json(load([path]))
        for _ in range(2):  # once a department is known by the first, the second may count what it could not
            apply(prepare([path], into, partial=True), into)
        assert _errors(load([into]).findings) == [] or not into.exists()
        assert prepare([path], into, partial=True).files == {}, "and then the same again changes nothing"


CELLS = st.one_of(
    st.none(),
    st.sampled_from(
        ["单位名称", "系统名称", "是否涉密", "序号", "合计", "注:", "是", "否", "", "500G", "三级", "类别", "建设状态", "单位层级"]
    ),
    words(),
    st.floats(),
    st.booleans(),
)


@given(st.lists(st.lists(CELLS.map(lambda c: "" if c is None else str(c)), max_size=9), max_size=12))
@settings(max_examples=200, deadline=None)
def test_no_grid_makes_the_readers_crash(rows: list[list[str]]) -> None:
    import csv

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        load([path])
