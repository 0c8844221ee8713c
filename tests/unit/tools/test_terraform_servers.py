"""Where servers answer, as a module of somebody's says it: used as it stands, or refused with every fault by name."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import ToolError
from orchestrator.tools.terraform_servers import read_servers

APP = {"address": "10.0.0.1", "ssh_user": "ops", "ssh_port": 22, "zone": "internet"}


def said_of(rows: object) -> str:
    with pytest.raises(ToolError) as error:
        read_servers({"servers": {"value": rows}}, "/modules/theirs")
    assert error.value.where == "/modules/theirs"
    return error.value.what


def test_what_keeps_the_contract_is_read_with_its_kind() -> None:
    rows = {"app": {**APP, "ssh_port": "2222", "become": None, "manager": "processes"}, "db": {**APP, "address": "fd00::2"}}
    servers = read_servers({"servers": {"value": rows}}, "")
    assert (servers["app"].ssh_port, dict(servers["app"].kind)) == (2222, {"manager": "processes"})
    assert servers["db"].address == "fd00::2"


@pytest.mark.parametrize("outputs", [{}, {"servers": {"value": None}}, {"servers": {"value": {}}}, {"servers": {}}])
def test_without_servers_there_are_none(outputs: dict[str, Any]) -> None:
    assert read_servers(outputs, "") == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"address": None}, "app: lacks address"),
        ({"address": "", "zone": None}, "app: lacks address, zone"),
        ({"address": "10.0.0.1; reboot"}, "address is '10.0.0.1; reboot'"),
        ({"address": "-oProxyCommand=x"}, "address is '-oProxyCommand=x'"),
        ({"address": ["10.0.0.1"]}, "address is"),
        ({"ssh_user": "root -o x"}, "ssh_user is 'root -o x'"),
        ({"ssh_port": "ssh"}, "ssh_port is 'ssh'"),
        ({"ssh_port": 0}, "ssh_port is"),
        ({"manager": "upstart"}, "manager is 'upstart'"),
        ({"root": "relative/../path"}, "root is 'relative/../path'"),
    ],
)
def test_a_field_that_cannot_be_worked_with_is_named(change: dict[str, Any], said: str) -> None:
    assert said in said_of({"app": APP | change})


def test_a_name_that_no_host_can_have_is_named() -> None:
    assert "name is '../up'" in said_of({"../up": APP})


@pytest.mark.parametrize("rows", [[APP], "10.0.0.1", 3])
def test_what_is_no_map_is_said(rows: object) -> None:
    assert "no map of servers by name" in said_of(rows)


def test_every_fault_is_said_at_once_and_two_names_for_one_machine_are_one() -> None:
    told = said_of({"app": APP, "db": APP, "web": "10.0.0.3", "x": {**APP, "ssh_user": ""}})
    for part in ("app and db are one machine by it: 10.0.0.1 port 22", "web: it says nothing of it", "x: lacks ssh_user"):
        assert part in told
