"""Who does the work on a host, and how every channel says so."""

from __future__ import annotations

import subprocess

import pytest

from orchestrator.hosts.sudoers import sudoers
from orchestrator.models import Host
from orchestrator.tools import privilege


def host(**fields: str) -> Host:
    return Host(name="app", address="10.1.1.1", **fields)  # type: ignore[arg-type]  # pydantic reads the words


@pytest.mark.parametrize(
    ("fields", "account"),
    [
        ({}, None),
        ({"ssh_user": "ops"}, "root"),
        ({"ssh_user": "ops", "become": "deploy"}, "deploy"),
        ({"ssh_user": "root", "become": "deploy"}, "deploy"),
        ({"ssh_user": "ops", "become": "ops"}, None),
        ({"ssh_user": "ops", "manager": "processes"}, None),
        ({"ssh_user": "ops", "manager": "processes", "become": "root"}, "root"),
    ],
)
def test_the_account_that_works_follows_from_the_kind_of_host(fields: dict[str, str], account: str | None) -> None:
    wanted = host(**fields)
    assert privilege.account(wanted) == account
    assert (privilege.rsync_path(wanted) != []) == (account is not None)
    assert ("sudo" in privilege.open_shell(wanted)) == (account is not None)
    assert privilege.ansible_variables(wanted).get("ansible_become_user") == account
    assert (sudoers(wanted) != "") == (account is not None)


def test_arguments_reach_the_program_as_they_are_and_the_client_stays_known() -> None:
    hostile = ["$(touch pwned)", "a b", "; touch pwned", "'\"\\", "*", "行政", "$SSH_CONNECTION"]
    line = privilege.command_line("root", ["printf", "%s\n", *hostile])
    without_sudo = line.replace("sudo -n -H -u root -- ", "", 1)
    assert without_sudo != line
    shell = ["sh", "-c", f'SSH_CONNECTION="10.0.0.9 1 10.0.0.1 22"; {without_sudo}; {without_sudo.partition(" printf ")[0]}']
    said = subprocess.run(shell, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[: len(hostile)] == hostile
    assert "SSH_CONNECTION=10.0.0.9 1 10.0.0.1 22" in said


def test_plain_commands_are_only_quoted() -> None:
    assert privilege.command_line(None, ["cat", "--", "a b"]) == "cat -- 'a b'"
