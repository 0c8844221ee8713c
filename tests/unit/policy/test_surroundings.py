"""What the other systems say about one: dependants, shared databases; and what follows from a system's own answers."""

from __future__ import annotations

from typing import Any

from orchestrator.models import Database, Department, Inventory, Strategy, System, Verdict
from orchestrator.policy.assess import apart, assess, moving
from orchestrator.policy.policy import load_policy
from tests.support.one_system import FULL, verdict


def city(*rows: dict[str, Any]) -> tuple[Inventory, dict[str, Verdict]]:
    systems = tuple(System.model_validate({**FULL, "name": f"系统{row['id']}", **row}) for row in rows)
    inventory = Inventory(departments=(Department(id="d-1", name="市局"),), systems=systems)
    return inventory, assess(inventory, load_policy(None))


def reason(said: Verdict, rule: str) -> str:
    return next((one.fact for one in said.reasons if one.rule == rule), "")


def test_a_database_that_six_systems_use_is_not_simple_and_they_are_named() -> None:
    users = [{"id": f"user-{n}", "depends_on": ("base",)} for n in range(6)]
    _, said = city({"id": "base", "kind": "database", "dbms": "PostgreSQL 15"}, *users)
    assert not said["base"].simple
    assert said["user-1"].simple
    assert all(f"系统user-{n}" in reason(said["base"], "a-hub") for n in range(6))
    assert "系统base" in reason(said["user-1"], "some-dependencies")


def test_many_dependants_are_counted_and_the_first_of_them_named() -> None:
    _, said = city({"id": "base"}, *({"id": f"user-{n}", "depends_on": ("base",)} for n in range(40)))
    assert "40 个" in reason(said["base"], "a-hub")
    assert len(reason(said["base"], "a-hub")) < 200


def test_a_system_does_not_depend_on_itself() -> None:
    _, said = city({"id": "alone", "depends_on": ("alone",)})
    assert reason(said["alone"], "some-dependants") == ""


def test_systems_on_one_database_are_told_so_whichever_way_it_is_known() -> None:
    _, said = city({"id": "owner"}, {"id": "guest", "database_owner": "owner"}, {"id": "apart"})
    assert "系统guest" in reason(said["owner"], "shared-database")
    assert "系统owner" in reason(said["guest"], "shared-database")
    assert reason(said["apart"], "shared-database") == ""
    base = Database(name="shared", engine="postgresql", host="h-1", size_gb=1)
    other = base.model_copy(update={"name": "own"})
    _, said = city({"id": "aa", "databases": (base,)}, {"id": "bb", "databases": (base, other)}, {"id": "cc", "databases": (other,)})
    assert "系统bb" in reason(said["aa"], "shared-database")
    assert {sid for sid in said if reason(said[sid], "shared-database")} == {"aa", "bb", "cc"}


def test_what_does_not_move_is_counted_as_what_it_is() -> None:
    inventory, said = city({"id": "stays", "runs_at": "city_cloud"}, {"id": "ends", "retiring": True}, {"id": "moves"})
    assert apart(said) == {Strategy.RETIRE: ["ends"], Strategy.ALREADY_ELSEWHERE: ["stays"]}
    assert [system.id for system in moving(inventory, said).systems] == ["moves"]


def test_machines_in_a_carriers_room_are_still_to_be_moved() -> None:
    for place, strategy in {"own_room": "cloud_deployment", "carrier_room": "cloud_deployment", "other_cloud": "already_elsewhere"}.items():
        assert verdict(runs_at=place).strategy == strategy


# ---------------------------------------------------------------- what nobody needs to be asked


def test_one_server_and_no_database_are_no_cluster() -> None:
    assert "shared_storage_cluster" in verdict(shared_storage_cluster=None).missing
    assert "shared_storage_cluster" not in verdict(shared_storage_cluster=None, servers=1).missing
    assert "shared_storage_cluster" not in verdict(shared_storage_cluster=None, dbms="无").missing


def test_windows_and_vmware_are_x86() -> None:
    assert "processor" in verdict(processor=None, os="麒麟 V10").missing
    for os in ("Windows Server 2019", "VMware ESXi、CentOS 8"):
        assert "processor" not in verdict(processor=None, os=os).missing
    assert verdict(processor="SPARC", os="Windows Server 2019").strategy is Strategy.HOSTING


def test_with_the_columns_that_the_form_asks_for_a_simple_system_is_found_simple() -> None:
    said = verdict(processor=None, shared_storage_cluster=None, os="CentOS 8", dbms="PostgreSQL 15")
    assert said.simple
    assert said.ripe
    assert said.complexity_range is not None
    assert said.complexity_range[1] > 40


def test_a_system_of_which_nothing_is_known_is_neither_complex_nor_ripe() -> None:
    nothing = {name: None for name in FULL if name not in {"id", "name", "department", "kind", "status", "grade_answered"}}
    said = verdict(**nothing, grade_answered=False)
    assert said.strategy is Strategy.CLOUD_DEPLOYMENT
    assert (said.complexity, said.simple, said.ripe, said.confidence) == (0, True, False, 0)
    assert said.complexity_range == (0, 100)


# ---------------------------------------------------------------- files are no database


def test_files_are_told_from_databases() -> None:
    video = verdict(data_gb=300 * 1024, file_gb=299.8 * 1024)
    assert video.strategy is Strategy.CLOUD_DEPLOYMENT
    assert {"large-data", "many-files"} <= {one.rule for one in video.reasons}
    unsplit = verdict(data_gb=300 * 1024)
    assert unsplit.strategy is Strategy.CLOUD_DEPLOYMENT
    assert "database-too-large" in {one.rule for one in unsplit.would_change}
    assert unsplit.confidence < video.confidence
    assert verdict(data_gb=300 * 1024, file_gb=10).strategy is Strategy.HOSTING
    assert verdict(data_gb=30, file_gb=300 * 1024).strategy is Strategy.CLOUD_DEPLOYMENT
    assert verdict(data_gb=300 * 1024, kind="database").strategy is Strategy.HOSTING


def test_an_appliance_that_is_a_virtual_machine_is_not_carried() -> None:
    assert verdict(os="厂商专用系统", virtualised=True).strategy is Strategy.CLOUD_DEPLOYMENT
    assert verdict(os="厂商专用系统", virtualised=False).strategy is Strategy.HOSTING
    unknown = verdict(os="厂商专用系统", virtualised=None)
    assert unknown.strategy is Strategy.CLOUD_DEPLOYMENT
    assert "os-without-image" in {one.rule for one in unknown.would_change}
    assert verdict(os="厂商专用系统、AIX", virtualised=True).strategy is Strategy.HOSTING


def test_mail_and_front_ends_are_never_first() -> None:
    for name in ("政务邮件系统", "省共享交换平台前置机", "统一身份认证平台"):
        assert verdict(name=name).not_first
    for name in ("邮政普查系统", "门户网站", "前台叫号系统"):
        assert not verdict(name=name).not_first
