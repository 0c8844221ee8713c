"""Playbooks through ansible-runner against a real sshd: what is told, what is stopped, what never runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import Refused
from orchestrator.models import Host
from orchestrator.tools import process
from orchestrator.tools.ansible import AnsibleEvent, AnsibleResult, PlayFailed, run_playbook
from orchestrator.tools.process import ProcessRecord, Stopped

pytestmark = pytest.mark.servers

Play = Callable[..., AnsibleResult]


@pytest.fixture
def play(lab: Any, host: Host, tmp_path: Path) -> Play:
    """Write a one-play playbook and run it on the host."""

    def run(tasks: str, variables: dict[str, object] | None = None, **options: Any) -> AnsibleResult:
        text = "- name: Test\n  hosts: all\n  gather_facts: false\n  tasks:\n"
        (tmp_path / "test.yml").write_text(text + "".join(f"    {line}\n" for line in tasks.strip().splitlines()))
        given = {"known_hosts": lab.known_hosts, "ssh_key": lab.key, "limit": 60, **options}
        return run_playbook("test", {"old": [host]}, variables or {}, playbooks=tmp_path, artifacts=tmp_path / "artifacts", **given)

    return run


ECHO = """
- name: Show what came
  ansible.builtin.command:
    argv: [printf, "%s", "{{ given }}"]
  changed_when: false
- name: Put it into a fact and a template
  ansible.builtin.set_fact:
    again: "{{ given }} {{ nested.list[0].key | default('') }} {{ own | default('') }}"
- name: Write it
  ansible.builtin.copy:
    content: "{{ again }} {{ hostvars[inventory_hostname].own | default('') }}"
    dest: out
    mode: "0600"
- name: Loop over it
  ansible.builtin.debug:
    msg: "{{ item.key }}"
  loop: "{{ nested.list }}"
  when: item.key != given + 'x'
"""


def bomb(path: Path) -> str:
    return "{{ lookup('ansible.builtin.pipe', 'touch " + str(path) + "') }}"


def test_a_template_in_a_variable_is_text_wherever_it_stands(play: Play, lab: Any, host: Host, tmp_path: Path) -> None:
    text = bomb(tmp_path / "pwned")
    variables: dict[str, object] = {"given": text, "nested": {"list": [{"key": text}]}}
    play(ECHO, variables, host_variables={host.name: {"own": text}})
    assert not (tmp_path / "pwned").exists()
    assert (lab.root(host) / "out").read_text() == f"{text} {text} {text} {text}"


def test_the_same_templates_run_when_they_are_not_wrapped(play: Play, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the test above can fail: with the wrapping taken out, each of these places is evaluated."""
    from orchestrator.tools import ansible_data

    monkeypatch.setattr(ansible_data, "unsafe", lambda value, place="": value)  # noqa: ARG005
    variables: dict[str, object] = {"given": bomb(tmp_path / "top"), "nested": {"list": [{"key": bomb(tmp_path / "nested")}]}}
    play(ECHO, variables, host_variables={host.name: {"own": bomb(tmp_path / "host")}})
    assert [(tmp_path / name).exists() for name in ("top", "nested", "host")] == [True, True, True]


@pytest.mark.parametrize(
    "field",
    [
        {"name": "{{ 1 }}"},
        {"name": "a b"},
        {"address": "{{ lookup('pipe', 'id') }}"},
        {"ssh_user": "root -o ProxyCommand=id"},
        {"ssh_port": "{{ 1 }}"},
    ],
)
def test_names_and_connection_variables_that_could_be_templates_are_refused(
    lab: Any, host: Host, tmp_path: Path, field: dict[str, object]
) -> None:
    hostile = Host.model_construct(**{**host.model_dump(), **field})
    with pytest.raises((Refused, ValueError)):
        run_playbook("x", {"g": [hostile]}, {}, playbooks=tmp_path, artifacts=tmp_path / "a", known_hosts=lab.known_hosts, ssh_key=lab.key)
    assert not (tmp_path / "a").exists()


def test_the_result_counts_changes_and_names_them(play: Play) -> None:
    seen: list[AnsibleEvent] = []
    task = "- name: Make a folder\n  ansible.builtin.file:\n    path: made\n    state: directory\n    mode: '0700'\n"
    result = play(task, on_event=seen.append)
    assert (result.ok, result.changed, result.changed_tasks) == (True, 1, ("old-1: Make a folder",))
    assert result.stats["old-1"]["ok"] == 1
    assert [(event.kind, event.task, event.changed) for event in seen] == [
        ("started", "Make a folder", False),
        ("ok", "Make a folder", True),
    ]
    assert play(task).changed == 0


def test_a_check_run_tells_changes_and_makes_none(play: Play, lab: Any, host: Host) -> None:
    task = "- name: Make a folder\n  ansible.builtin.file:\n    path: other\n    state: directory\n    mode: '0700'\n"
    assert play(task, check=True).changed == 1
    assert not (lab.root(host) / "other").exists()


def test_a_failed_task_is_raised_with_host_message_and_remedy(play: Play, tmp_path: Path) -> None:
    with pytest.raises(PlayFailed, match="no such luck") as failure:
        play("- name: Give up\n  ansible.builtin.fail:\n    msg: no such luck → ask {{ name }}\n", {"name": "周工"})
    assert failure.value.where == "test: Give up on old-1"
    assert failure.value.remedy == "ask 周工"
    assert not failure.value.result.ok
    with pytest.raises(PlayFailed, match=r"Syntax|conflicting|couldn't resolve"):
        play("- name: What\n  ansible.builtin.no_such_module:\n    x: 1\n")
    assert not list((tmp_path / "artifacts").glob("run-*"))


def test_a_failure_that_the_play_handles_is_none(play: Play) -> None:
    tasks = "- name: Try\n  block:\n    - name: Fail\n      ansible.builtin.fail:\n        msg: x\n"
    tasks += "  rescue:\n    - name: Mend\n      ansible.builtin.debug:\n        msg: y\n"
    assert play(tasks).ok
    assert play("- name: Fail\n  ansible.builtin.fail:\n    msg: x\n  ignore_errors: true\n").ok


def test_an_unknown_host_key_stops_the_play(play: Play, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(PlayFailed) as failure:
        play("- name: Reach\n  ansible.builtin.ping:\n", known_hosts=tmp_path / "empty")
    assert "orchestrator hosts trust old-1" in failure.value.remedy


def test_no_configuration_or_variable_of_ours_leaks_into_the_run(play: Play, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "mine.cfg"
    config.write_text("[defaults]\nhost_key_checking = False\nstdout_callback = nonsense\n")
    monkeypatch.setenv("ANSIBLE_CONFIG", str(config))
    monkeypatch.setenv("ANSIBLE_HOST_KEY_CHECKING", "False")
    monkeypatch.setenv("DB_PASSWORD", "hunter2secret")
    task = "- name: Look\n  ansible.builtin.assert:\n    that: lookup('ansible.builtin.env', 'DB_PASSWORD') == ''\n"
    assert play(task).ok
    (tmp_path / "empty").touch()
    with pytest.raises(PlayFailed):
        play("- name: Reach\n  ansible.builtin.ping:\n", known_hosts=tmp_path / "empty")


def test_a_secret_reaches_the_task_by_file_and_nothing_else_holds_it(play: Play, lab: Any, host: Host, tmp_path: Path) -> None:
    seen: list[AnsibleEvent] = []
    leak = """
- name: Use it
  ansible.builtin.copy:
    content: "{{ lookup('ansible.builtin.file', token_file) }}"
    dest: token
    mode: "0600"
  no_log: true
- name: Leak it
  ansible.builtin.fail:
    msg: "the token is {{ lookup('ansible.builtin.file', token_file) }}"
"""
    with pytest.raises(PlayFailed) as failure:
        play(leak, secrets={"token": "correct-horse-battery"}, on_event=seen.append)
    assert (lab.root(host) / "token").read_text() == "correct-horse-battery"
    assert "correct-horse" not in str(failure.value) + str(seen)
    left = list((tmp_path / "artifacts").iterdir())
    assert [path.suffix for path in left] == [".jsonl"]
    assert left[0].stat().st_mode & 0o777 == 0o600
    assert "correct-horse" not in left[0].read_text()
    assert json.loads(left[0].read_text().splitlines()[0])["ok"] is False


SLEEP = (
    "- name: Sleep\n  ansible.builtin.command:\n    argv: [sh, -c, 'echo $PPID > pid; exec sleep {{ marker }}']\n  changed_when: false\n"
)


def ansible_processes(mark: str) -> list[int]:
    return [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/environ")
        if f"{process.MARK}={mark}".encode() in _bytes(path) and process.start_time(int(path.parent.name)) is not None
    ]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("how", ["limit", "cancel"])
def test_a_stopped_run_leaves_no_process_here(play: Play, lab: Any, host: Host, how: str) -> None:
    records: list[ProcessRecord] = []
    pid = lab.root(host) / "pid"
    pid.unlink(missing_ok=True)
    with pytest.raises(Stopped):
        play(
            SLEEP,
            {"marker": 61},
            limit=6 if how == "limit" else 60,
            register=records.append,
            cancelled=pid.exists if how == "cancel" else None,
        )
    assert len(records) == 1
    assert not process.still_alive(records[0])
    assert not ansible_processes(records[0].mark)


ENGINE = """
import pathlib, sys, json
from orchestrator.models import Host
from orchestrator.tools.ansible import run_playbook
folder, host, known_hosts, key = sys.argv[1:]
folder = pathlib.Path(folder)
def note(record):
    (folder / "mark").write_text(record.mark)
run_playbook("test", {"g": [Host(**json.loads(host))]}, {"marker": 62}, playbooks=folder, artifacts=folder / "a",
    known_hosts=pathlib.Path(known_hosts), ssh_key=pathlib.Path(key), register=note)
"""


def test_kill_9_of_the_engine_ends_the_playbook_and_its_workers(lab: Any, host: Host, tmp_path: Path) -> None:
    (tmp_path / "test.yml").write_text(
        "- name: T\n  hosts: all\n  gather_facts: false\n  tasks:\n" + "".join(f"    {line}\n" for line in SLEEP.splitlines())
    )
    pid = lab.root(host) / "pid"
    pid.unlink(missing_ok=True)
    argv = [sys.executable, "-c", ENGINE, str(tmp_path), host.model_dump_json(), str(lab.known_hosts), str(lab.key)]
    engine = subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])})
    deadline = time.monotonic() + 30
    while not pid.exists() and time.monotonic() < deadline:
        assert engine.poll() is None
        time.sleep(0.05)
    mark = (tmp_path / "mark").read_text()
    assert len(ansible_processes(mark)) > 1
    engine.kill()
    engine.wait()
    deadline = time.monotonic() + 8
    while ansible_processes(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not ansible_processes(mark)


def test_two_runs_at_once_from_threads_do_not_disturb_each_other(play: Play) -> None:
    from concurrent.futures import ThreadPoolExecutor

    task = "- name: Say\n  ansible.builtin.command:\n    argv: ['true']\n  changed_when: false\n"
    with ThreadPoolExecutor(2) as pool:
        assert [run.result().ok for run in [pool.submit(play, task) for _ in range(2)]] == [True, True]
