"""Terraform for one system, run for real with the built-in provider; the cloud is a small script that keeps a book."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import Refused, ToolError
from orchestrator.settings import HOME
from orchestrator.tools import process, programs
from orchestrator.tools.process import ProcessRecord, Stopped
from orchestrator.tools.terraform import Change, SystemTerraform, TerraformEvent, only_creates

pytestmark = pytest.mark.servers
MODULE = HOME / "terraform" / "modules" / "embedded"
CLOUD = """
import subprocess, sys, time, pathlib
book = pathlib.Path(sys.argv[sys.argv.index("--city") + 1])
name = sys.argv[sys.argv.index("--name") + 1]
with (book / "calls").open("a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
if (book / "hang").exists():
    (book / "hanging").touch()
    time.sleep(300)
if (book / "fail").exists():
    sys.exit("no capacity left in the zone")
if sys.argv[1] == "create":
    machine = subprocess.Popen(["sleep", "300"], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (book / name).write_text(str(machine.pid))
"""


class Cloud:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "cloud"
        self.folder.mkdir()
        (self.folder / "cloud.py").write_text(CLOUD)
        self.events: list[TerraformEvent] = []
        self.records: list[ProcessRecord] = []
        self.workdir = folder / "work"

    def variables(self, *servers: str, **more: Any) -> dict[str, Any]:
        return {
            "servers": {name: {"zone": "internet"} for name in servers},
            "city": str(self.folder),
            "program": [sys.executable, str(self.folder / "cloud.py")],
            **more,
        }

    def terraform(self, system: str = "portal", **options: Any) -> SystemTerraform:
        """Every plan may run: what may is judged in tests/unit/cloud."""
        options.setdefault("check", lambda _plan: None)
        return SystemTerraform(MODULE, self.workdir, system, on_event=self.events.append, register=self.records.append, **options)

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return [line.split()[0] + " " + line.split()[4] for line in path.read_text().splitlines()] if path.exists() else []

    def machine(self, name: str) -> int:
        return int((self.folder / name).read_text())


@pytest.fixture
def cloud(tmp_path: Path) -> Any:
    cloud = Cloud(tmp_path)
    yield cloud
    for path in cloud.folder.iterdir():
        if path.suffix == "" and path.name not in ("calls", "hang", "hanging", "fail"):
            os.kill(int(path.read_text()), signal.SIGKILL)


def test_plan_apply_outputs_and_destroy(cloud: Cloud) -> None:
    terraform = cloud.terraform()
    assert (terraform.outputs(), terraform.resources()) == ({}, ())
    plan = terraform.plan(cloud.variables("app", "db", ssh_port=2022))
    assert plan.changes == tuple(Change(f'module.system.terraform_data.server["{name}"]', "create") for name in ("app", "db"))
    assert (plan.resources, cloud.calls()) == (2, [])
    servers = terraform.apply(plan)
    assert sorted(cloud.calls()) == ["create app", "create db"]
    assert {(s.name, s.ssh_user, s.ssh_port, s.zone) for s in servers.values()} == {(n, "root", 2022, "internet") for n in ("app", "db")}
    assert terraform.outputs() == servers
    assert len(terraform.resources()) == 2
    again = terraform.plan(cloud.variables("app", "db", ssh_port=2022))
    assert again.empty
    terraform.discard(again)
    assert process.start_time(cloud.machine("app")) is not None, "a machine must outlive the run that made it"
    terraform.destroy()
    assert sorted(cloud.calls())[2:] == ["delete app", "delete db"]
    assert (terraform.outputs(), terraform.resources()) == ({}, ())
    terraform.destroy()
    assert {event.kind for event in cloud.events} >= {"planned_change", "apply_start", "apply_complete", "change_summary"}
    assert any("app" in event.address for event in cloud.events)
    assert cloud.records


def test_nothing_in_the_folder_is_readable_by_others_and_no_plan_stays(cloud: Cloud) -> None:
    terraform = cloud.terraform()
    plan = terraform.plan(cloud.variables("app"))
    assert plan.file.stat().st_mode & 0o777 == 0o600
    terraform.apply(plan)
    assert not plan.file.exists()
    assert terraform.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in terraform.folder.iterdir() if path.is_file()} == {0o600}


def test_two_systems_have_two_states(cloud: Cloud) -> None:
    for system in ("portal", "register"):
        terraform = cloud.terraform(system)
        terraform.apply(terraform.plan(cloud.variables(f"{system}-app")))
    cloud.terraform("register").destroy()
    assert len(cloud.terraform("portal").resources()) == 1
    assert cloud.calls()[-1] == "delete register-app"


def test_a_text_from_the_inventory_is_never_an_expression(cloud: Cloud) -> None:
    hostile = '${file("/etc/hostname")}%{ if true }x%{ endif }'
    terraform = cloud.terraform()
    terraform.apply(terraform.plan(cloud.variables("app", links=[{"peer": hostile}])))
    assert f'module.system.terraform_data.link["0-{hostile}"]' in " ".join(terraform.resources()).replace("$${", "${").replace(
        "%%{", "%{"
    ).replace('\\"', '"')


def test_what_the_module_refuses_comes_with_the_accepted_form(cloud: Cloud) -> None:
    with pytest.raises(ToolError, match="zone is government_extranet, government_intranet, internet or dedicated"):
        cloud.terraform().plan(cloud.variables(servers={"a": {"zone": "moon"}}))
    with pytest.raises(Refused):
        cloud.terraform("Port al")


def test_the_digest_is_the_same_for_the_same_world_only(cloud: Cloud) -> None:
    terraform = cloud.terraform()
    first = terraform.plan(cloud.variables("app"))
    assert terraform.plan(cloud.variables("app")).digest == first.digest
    assert terraform.plan(cloud.variables("db")).digest != first.digest
    assert terraform.plan(cloud.variables("app", ssh_port=23)).digest != first.digest


def test_a_lost_plan_is_made_again_and_applied_when_it_is_the_same(cloud: Cloud) -> None:
    terraform = cloud.terraform()
    plan = terraform.plan(cloud.variables("app"))
    terraform.discard(plan)
    assert list(terraform.apply(plan)) == ["app"]


def test_a_stale_plan_is_not_applied_to_another_world(cloud: Cloud) -> None:
    terraform = cloud.terraform()
    plan = terraform.plan(cloud.variables("app"))
    kept = plan.file.read_bytes()
    terraform.apply(terraform.plan(cloud.variables("app", "db")))
    plan.file.write_bytes(kept)
    with pytest.raises(Refused, match="changed since"):
        terraform.apply(plan)
    assert sorted(cloud.calls()) == ["create app", "create db"]
    assert not plan.file.exists()


def test_another_plan_than_the_approved_one_is_refused(cloud: Cloud) -> None:
    terraform = cloud.terraform()
    plan = terraform.plan(cloud.variables("app"))
    with pytest.raises(Refused):
        terraform.apply(plan, approved_digest="0" * 64)
    assert cloud.calls() == []
    assert list(terraform.apply(plan, approved_digest=plan.digest)) == ["app"]


def test_an_apply_that_fails_says_what_the_cloud_said_and_can_be_tried_again(cloud: Cloud) -> None:
    terraform = cloud.terraform()
    (cloud.folder / "fail").touch()
    with pytest.raises(ToolError, match="no capacity left in the zone"):
        terraform.apply(terraform.plan(cloud.variables("app")))
    (cloud.folder / "fail").unlink()
    assert list(terraform.apply(terraform.plan(cloud.variables("app")))) == ["app"]


def test_a_plan_that_takes_something_away_does_not_run_unless_somebody_judged_it(cloud: Cloud) -> None:
    terraform = cloud.terraform(check=only_creates)
    terraform.apply(terraform.plan(cloud.variables("app", "db")))
    with pytest.raises(Refused, match="nobody judged it") as refused:
        terraform.apply(terraform.plan(cloud.variables("app")))
    assert [finding.message for finding in refused.value.findings] == ['module.system.terraform_data.server["db"] would be deleted']
    assert sorted(cloud.calls()) == ["create app", "create db"]


def test_a_stale_plan_that_is_made_again_is_judged_again(cloud: Cloud) -> None:
    judged: list[str] = []
    terraform = cloud.terraform(check=lambda plan: judged.append(plan.digest))
    plan = terraform.plan(cloud.variables("app"))
    terraform.discard(plan)
    terraform.apply(plan)
    assert judged == [plan.digest]


def test_the_mark_of_a_run_makes_no_other_plan(cloud: Cloud) -> None:
    terraform = cloud.terraform()
    assert terraform.plan(cloud.variables("app", run="a1b2c3")).digest == terraform.plan(cloud.variables("app", run="d4e5f6")).digest
    terraform.apply(terraform.plan(cloud.variables("app", run="a1b2c3")))
    assert terraform.plan(cloud.variables("app", run="d4e5f6")).empty


def test_a_state_that_was_lost_or_cut_off_is_put_back_from_its_copy(cloud: Cloud) -> None:
    terraform = cloud.terraform()
    terraform.apply(terraform.plan(cloud.variables("app")))
    state = terraform.folder / "terraform.tfstate"
    whole = state.read_text()
    for broken in (None, "", whole[: len(whole) // 2]):
        state.unlink() if broken is None else state.write_text(broken)
        assert not terraform.has_state
        assert terraform.restore_copy() is not None
        assert terraform.plan(cloud.variables("app")).empty
    terraform.destroy()
    state.unlink()
    terraform.restore_copy()
    assert terraform.resources() == (), "the newest copy is that of the destroyed system"
    assert {file.stat().st_mode & 0o777 for file in (cloud.workdir.with_name("work-copies") / "portal").iterdir()} == {0o600}


def test_what_is_forgotten_stays_on_the_cloud(cloud: Cloud) -> None:
    terraform = cloud.terraform()
    terraform.apply(terraform.plan(cloud.variables("app", "db")))
    app = next(known for known in terraform.known() if known.index == "app")
    terraform.forget([app.address])
    terraform.destroy()
    assert cloud.calls()[2:] == ["delete db"]


def test_a_hung_apply_is_stopped_with_its_children_and_the_state_is_free(cloud: Cloud) -> None:
    (cloud.folder / "hang").touch()
    terraform = cloud.terraform(cancelled=(cloud.folder / "hanging").exists, stop_seconds=20)
    plan = cloud.terraform().plan(cloud.variables("app"))
    began = time.monotonic()
    with pytest.raises(Stopped):
        terraform.apply(plan)
    assert time.monotonic() - began < 40
    assert not [r for r in cloud.records if process.still_alive(r)]
    left = subprocess.run(["pgrep", "-f", str(cloud.folder / "cloud.py")], capture_output=True, text=True, check=False).stdout
    assert left == ""
    (cloud.folder / "hang").unlink()
    (cloud.folder / "hanging").unlink()
    assert list(cloud.terraform().apply(cloud.terraform().plan(cloud.variables("app")))) == ["app"]


def test_options_in_our_environment_change_nothing(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CLI_ARGS_apply", "-no-such-option")
    monkeypatch.setenv("TF_WORKSPACE", "other")
    monkeypatch.setenv("TF_VAR_ssh_port", "99")
    terraform = cloud.terraform()
    assert terraform.apply(terraform.plan(cloud.variables("app")))["app"].ssh_port == 2222


def test_a_plan_does_not_travel_with_its_values(cloud: Cloud) -> None:
    plan = cloud.terraform().plan(cloud.variables("app"))
    assert str(cloud.folder) not in repr(dataclasses.replace(plan, file=Path("x")))


@pytest.mark.parametrize("module", sorted(path.name for path in MODULE.parent.iterdir() if path.name != "openstack"))
def test_every_module_keeps_the_contract_and_its_form(module: str, tmp_path: Path) -> None:
    folder = MODULE.parent / module
    environment = {**os.environ, "TF_DATA_DIR": str(tmp_path), "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    for arguments in (["fmt", "-check", "-recursive"], ["init", "-backend=false"], ["validate"], ["test"]):
        done = subprocess.run(
            [programs.find("terraform"), *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert " passed, 0 failed" in done.stdout
