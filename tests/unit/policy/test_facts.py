"""What a policy understands of departments' words: what it does not understand, or knows in part only, is left open and named."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.models import Database, Device, Host, Strategy, Verdict
from orchestrator.policy.policy import load_policy
from orchestrator.policy.reader import FactReader, around_the_clock
from tests.support.one_system import full, verdict

HOSTING, CLOUD, DEVICES = Strategy.HOSTING, Strategy.CLOUD_DEPLOYMENT, Strategy.DEVICE_RELOCATION
UNKNOWN = ("不详", "待定", "未知", "待确认", "unknown", "（不详）", "未知/待定")


def rules_of(said: Verdict) -> set[str]:
    return {reason.rule for reason in said.reasons}


def engines_of(**changes: Any) -> Any:
    return FactReader(load_policy(None)).facts_of(full(**changes)).values.get("engines")


def host(name: str, **fields: Any) -> Host:
    return Host(name=name, address="10.0.0.1", **fields)


def base(name: str, engine: str = "postgresql", **fields: Any) -> Database:
    return Database(name=name, engine=engine, host="h-1", **fields)


# ---------------------------------------------------------------- texts that answer nothing, or that nobody understands


@pytest.mark.parametrize("field", ["os", "dbms", "processor", "architecture", "service_hours"])
@pytest.mark.parametrize("text", UNKNOWN)
def test_an_answer_that_says_nobody_knows_is_a_missing_one(field: str, text: str) -> None:
    said, silent = verdict(**{field: text}), verdict(**{field: None})
    assert (said.strategy, said.confidence, said.missing, said.vendor_run) == (CLOUD, silent.confidence, silent.missing, silent.vendor_run)
    assert field in said.missing
    assert said.confidence < 100


@pytest.mark.parametrize(
    ("field", "text"),
    [
        *(("os", text) for text in ("CetnOS 7", "其他", "Cisco IOS", "CentOS 7、某系统", "无", "Windows 2008 + SQL Server 2000")),
        *(("processor", text) for text in ("64位", "Dell PowerEdge R730", "其他", "x86、某芯片", "pharma")),
    ],
)
def test_what_is_not_understood_never_decides_and_is_named(field: str, text: str) -> None:
    said, silent = verdict(**{field: text}), verdict(**{field: None})
    assert (said.strategy, said.confidence) == (CLOUD, silent.confidence)
    assert field in said.missing
    assert any("无法识别" in reason.zh for reason in said.would_change)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        *(("os", text) for text in (
            "Win7", "WIN10", "红帽企业版6", "中科方德", "Fedora 20", "中标麒麟 V10", "NeoKylin", "RedHatLinux6", "openSUSE 15", "CentOS 6/7",
            "Windows Server 2008 R2/2012", "Windows Server 2012 64位、CentOS 7", "ＣｅｎｔＯＳ　７", "GNU/Linux", "CentOS 7及以上", "Windows Media Server 2012",
            "Novell SUSE Linux Enterprise 11", "CentOS release 6.5", "Red Hat Enterprise Linux Server release 6.4",
        )),
        *(("processor", text) for text in ("x64", "x86-64", "AMD", "amd64", "i386", "i686", "C86", "海光 C86", "x86/ARM", "ARMv8", "鲲鹏920", "Intel Xeon E5、鲲鹏", "E5-2620 v4", "至强")),
    ],
)  # fmt: skip
def test_what_the_cloud_has_is_recognised_in_the_words_people_use(field: str, text: str) -> None:
    said = verdict(**{field: text})
    assert (said.strategy, said.confidence) == (CLOUD, verdict().confidence)
    assert field not in said.missing


@pytest.mark.parametrize(
    ("field", "text", "rule"),
    [
        *(("os", text, "os-without-image") for text in (
            "Solaris 10", "AIX 6.1", "NetWare", "Windows 2003", "WinXP", "CentOS 7、NetWare", "CentOS 7/5", "Windows Server 2008/2003", "Windows 7/XP", "z/OS",
            "HP-UX 11i", "AS/400", "Red Hat Enterprise Linux 5.8", "红旗 Linux", "CetnOS 7、AIX", "CentOS AIX", "SCO UNIX",
            "CentOS release 5.8 (Final)", "Red Hat Enterprise Linux Server release 5.4", "Windows 2000 Server", "Windows Small Business Server 2003",
        )),
        *(("processor", text, "processor-not-on-cloud") for text in (
            "Intel Itanium 2", "x86、POWER8", "intel x86 / SPARC", "IBM POWER 9", "PowerPC", "龙芯3A", "申威", "x86；POWER7", "某芯片、SPARC", "PA-RISC",
        )),
    ],
)  # fmt: skip
def test_what_the_cloud_is_known_not_to_have_decides_wherever_it_stands(field: str, text: str, rule: str) -> None:
    said = verdict(**{field: text})
    assert said.strategy is HOSTING
    assert rule in rules_of(said)


@pytest.mark.parametrize(
    ("dbms", "engines"),
    [
        ("Oracle 11g，PostgreSQL", ["oracle", "postgresql"]),
        ("PostgreSQL；Oracle", ["postgresql", "oracle"]),
        ("PostgreSQL、HBase", ["postgresql", "HBase"]),
        ("PostgreSQL/Neo4j", ["postgresql", "Neo4j"]),
        ("PostgreSQL 12、自研数据库", ["postgresql", "自研数据库"]),
        ("KingbaseES V8R6(兼容PostgreSQL)", ["kingbase"]),
        ("KingbaseES(兼容Oracle、PostgreSQL)", ["kingbase"]),
        ("人大金仓（PostgreSQL内核）", ["kingbase"]),
        ("瀚高HighGo(基于PostgreSQL)", ["highgo"]),
        ("openGauss(PostgreSQL)", ["opengauss"]),
        ("Greenplum(PostgreSQL)", ["greenplum"]),
        ("某库(基于PostgreSQL)", ["某库"]),
        ("基于PostgreSQL的自研库", ["基于PostgreSQL的自研库"]),
        ("PostgreSQL Oracle", ["postgresql", "oracle"]),
        ("某自研数据库", ["某自研数据库"]),
        ("Oracle 11g/12c", ["oracle"]),
    ],
)
def test_an_engine_without_a_mover_is_vendor_run_whatever_stands_beside_it(dbms: str, engines: list[str]) -> None:
    assert engines_of(dbms=dbms) == engines
    assert verdict(dbms=dbms).vendor_run


@pytest.mark.parametrize(
    ("dbms", "engines"),
    [
        ("PostgreSQL Server 12", ["postgresql"]),
        ("PG 12", ["postgresql"]),
        ("PostgreSQL 9.6/12", ["postgresql"]),
        ("PostgreSQL（主备）、Redis", ["postgresql", "redis"]),
        ("PostgreSQL 主库/备库", ["postgresql"]),
        ("PostgreSQL + PostGIS", ["postgresql"]),
        ("PostgreSQL 12（兼容Oracle）", ["postgresql"]),
        ("无", ["none"]),
    ],
)
def test_an_engine_with_a_mover_stays_movable_under_its_usual_names(dbms: str, engines: list[str]) -> None:
    assert engines_of(dbms=dbms) == engines
    assert not verdict(dbms=dbms).vendor_run


def test_an_engine_that_nobody_knows_beside_a_known_one_leaves_the_engines_open() -> None:
    assert (verdict(dbms="PostgreSQL、不详").vendor_run, verdict(dbms="Oracle、不详").vendor_run) == (False, True)
    assert {"dbms"} <= set(verdict(dbms="PostgreSQL、不详").missing) & set(verdict(dbms="Oracle、不详").missing)


@pytest.mark.parametrize("text", ["Ｃ／Ｓ", "C/S", "c/s", "C／S架构"])
def test_client_and_server_is_recognised_in_any_width(text: str) -> None:
    assert "client-server" in rules_of(verdict(architecture=text))


@pytest.mark.parametrize(
    ("hours", "around"),
    [
        *((hours, True) for hours in ("7×24", "7*24小时", "全天", "全年无休", "每天 00:00-24:00", "24h", "24小时", "24 H", "always")),
        *((hours, False) for hours in ("工作日 08:30-17:30", "工作日", "全年无休 08:00-18:00", "每天 08:00-20:00", "24号")),
    ],
)
def test_service_around_the_clock_is_recognised_as_people_write_it(hours: str, around: bool) -> None:
    assert around_the_clock(hours) is around


# ---------------------------------------------------------------- facts that are known in part


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"vcpus": 256, "hosts": (host("h-1", vcpus=8), host("h-2"))}, "vcpus"),
        ({"vcpus": 256, "servers": 3, "hosts": (host("h-1", vcpus=8), host("h-2", vcpus=8))}, "vcpus"),
        ({"memory_gb": None, "hosts": (host("h-1", memory_gb=8), host("h-2"))}, "memory_gb"),
        ({"os": None, "hosts": (host("h-1", os="CentOS 7"), host("h-2"))}, "os"),
        ({"processor": None, "hosts": (host("h-1", processor="x86"), host("h-2", processor="不详"))}, "processor"),
        ({"dbms": "PostgreSQL", "databases": (base("a", wal_level="logical"), base("b"))}, "wal_level"),
        ({"shared_storage_cluster": None, "databases": (base("a", shared_storage_cluster=False), base("b"))}, "shared_storage_cluster"),
        ({"data_gb": None, "databases": (base("a", size_gb=10), base("b"))}, "data_gb"),
    ],
)
def test_a_fact_that_is_known_of_a_part_only_is_open(changes: dict[str, Any], missing: str) -> None:
    said = verdict(**changes)
    assert said.strategy is CLOUD
    assert missing in said.missing


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"hosts": (host("h-1", vcpus=128), host("h-2"))}, "server-too-large"),
        ({"hosts": (host("h-1", os="AIX"), host("h-2"))}, "os-without-image"),
        ({"hosts": (host("h-1", processor="SPARC"), host("h-2"))}, "processor-not-on-cloud"),
        ({"dbms": "PostgreSQL", "databases": (base("a", wal_level="replica"), base("b"))}, "restart-first"),
        ({"databases": (base("a", shared_storage_cluster=True), base("b"))}, "shared-storage-cluster"),
        ({"databases": (base("a", size_gb=90_000),)}, "database-too-large"),
        ({"data_gb": None, "databases": (base("a", size_gb=90_000), base("b"))}, "database-too-large"),
        ({"databases": (base("a", size_gb=15_000), base("b", size_gb=15_000))}, "database-too-large"),
    ],
)
def test_a_part_that_is_bad_by_itself_is_enough(changes: dict[str, Any], rule: str) -> None:
    assert rule in rules_of(verdict(**changes))


def test_a_host_that_says_nothing_is_covered_by_the_forms_word_for_all() -> None:
    assert "os" not in verdict(hosts=(host("h-1", os="CentOS 7"), host("h-2"))).missing


def test_a_precondition_that_is_not_known_leaves_its_rule_open() -> None:
    unknown, stated = verdict(dbms=None), verdict(dbms="Oracle/PostgreSQL")
    assert {"dbms", "wal_level"} <= set(unknown.missing)
    assert unknown.readiness <= stated.readiness
    assert not unknown.needs_restart
    assert "wal_level" not in verdict(dbms="Oracle 11g").missing
    assert "virtualised" in verdict(virtualised=None).missing


# ---------------------------------------------------------------- the fact and the cell it came from

PLACES = {
    "special_equipment": "form.xlsx › 表 › A1", "vcpus": "form.xlsx › 表 › B1", "dbms": "form.xlsx › 表 › C1",
    "devices/dev-1": "form.xlsx › 设备 › A2", "devices/dev-1/name": "form.xlsx › 设备 › A2", "hosts/h-2/vcpus": "form.xlsx › 主机 › C3",
    "databases/b/engine": "form.xlsx › 数据库 › D3",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "rule", "fact", "place"),
    [
        ({"devices": (Device(name="dev-1", model="X", address="10.0.0.9"),)}, "special-equipment", "设备 dev-1", "form.xlsx › 设备 › A2"),
        ({"hosts": (host("h-1", vcpus=8), host("h-2", vcpus=128))}, "server-too-large", "主机 h-2: 128", "form.xlsx › 主机 › C3"),
        ({"dbms": "PostgreSQL", "databases": (base("a"), base("b", "oracle"))}, "vendor-run-database", "数据库 b: oracle", "form.xlsx › 数据库 › D3"),
        ({"dbms": "Oracle", "databases": (base("b", "oracle"),)}, "vendor-run-database", "dbms=Oracle", "form.xlsx › 表 › C1"),
    ],
)  # fmt: skip
def test_a_reason_names_the_row_that_its_fact_came_from(changes: dict[str, Any], rule: str, fact: str, place: str) -> None:
    from orchestrator.policy.assess import assess_system
    from orchestrator.policy.explain import explain

    policy = load_policy(None)
    system = full(**changes)
    said = assess_system(system, policy, FactReader(policy), PLACES)
    (reason,) = (one for one in said.reasons if one.rule == rule)
    assert fact in reason.fact
    assert "单台服务器内存" not in reason.fact  # it is not what the reason rests on
    assert reason.place == place
    zh, en = explain(system, None, said, policy)
    assert fact.removeprefix("dbms=") in zh
    assert place in zh
    assert not any(word in en for word in ("设备 dev", "主机 h-2", "数据库 b"))
