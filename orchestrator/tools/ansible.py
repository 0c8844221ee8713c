"""Playbook runs through ansible-runner: minded, time-limited, masked, with strict host keys and nothing left on disk.

A run costs about two CPU seconds before its first task, so callers put several hosts and several roles into one run.
Never used inside a cutover.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import cast

from orchestrator.models import Host
from orchestrator.texts import say
from orchestrator.tools import ansible_data, process, programs
from orchestrator.tools.ansible_events import AnsibleEvent, AnsibleResult, Collector, Failure, PlayFailed
from orchestrator.tools.process import Register, Stopped
from orchestrator.tools.secrets import MASKER, Masker

KEPT_FROM_OUR_ENVIRONMENT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "PYTHONDONTWRITEBYTECODE")
POLL_SECONDS = 0.05

__all__ = ["AnsibleEvent", "AnsibleResult", "Failure", "PlayFailed", "run_playbook"]


def run_playbook(
    playbook: str,
    hosts: Mapping[str, list[Host]],
    variables: Mapping[str, object],
    *,
    playbooks: Path,
    artifacts: Path,
    known_hosts: Path,
    ssh_key: Path | None,
    secrets: Mapping[str, str] | None = None,
    host_variables: Mapping[str, Mapping[str, object]] | None = None,
    python: str | None = None,
    on_event: Callable[[AnsibleEvent], None] | None = None,
    check: bool = False,
    limit: float = 900,
    cancelled: Callable[[], bool] | None = None,
    register: Register | None = None,
    mask: Masker = MASKER,
) -> AnsibleResult:
    """Run ``playbooks/PLAYBOOK.yml`` on groups of hosts.

    All strings in ``variables`` and ``host_variables`` reach Ansible as unsafe text, never as templates. ``secrets`` maps a
    variable name to a value: the value is written to a file of mode 0600 for the time of the run and the *path* is handed over
    as ``NAME_file``. ``python`` is the interpreter on
    the hosts (default: see ``ansible_data.interpreter``). ``limit`` is in seconds. A summary of the events, masked,
    stays in ``artifacts``; the rest is removed.
    Raises PlayFailed (first failure and its remedy), Stopped (limit or cancel), Refused (a name that could be a template).
    """
    inventory = ansible_data.inventory(hosts, python=python, host_variables=host_variables)
    extra = ansible_data.variables(variables)
    for value in (secrets or {}).values():
        mask.add(value)
    with _private_folder(artifacts) as folder, _short_folder() as sockets:
        for name, value in (secrets or {}).items():
            _write(folder / "secrets" / name, value)
            extra |= ansible_data.variables({f"{name}_file": folder / "secrets" / name})
        _write(folder / "inventory" / "hosts.json", json.dumps(inventory))
        _write(folder / "env" / "extravars", json.dumps(extra))
        _write(folder / "env" / "settings", json.dumps({"pexpect_timeout": POLL_SECONDS, "suppress_output_file": True}))
        _write(folder / "env" / "ansible.cfg", "")
        collector = Collector(playbook, mask, on_event)
        run = _Run(collector, folder / "gate", limit=limit, cancelled=cancelled, register=register)
        environment = _environment(folder, sockets, known_hosts, ssh_key)
        try:
            run.go(playbooks, folder, environment, check)
        finally:
            result = collector.result(run.code)
            _summary(artifacts, result, collector.events)
    if run.stopped:
        raise Stopped(
            say("tools.playbook_stopped") if run.stopped == "cancelled" else say("tools.playbook_slow", limit=limit),
            where=playbook,
            remedy=say("tools.observe_hosts"),
            retryable=True,
        )
    if not result.ok:
        raise PlayFailed(result)
    return result


def load_runner() -> ModuleType:
    """ansible-runner's interface. Asked for through its package: one that another thread has only begun to import has no plugins yet, and
    to name the module itself would not wait for it."""
    from ansible_runner import interface

    return cast("ModuleType", interface)


class _Run:
    """One run's life: gate, record, limit, cancel."""

    def __init__(
        self, collector: Collector, gate: Path, *, limit: float, cancelled: Callable[[], bool] | None, register: Register | None
    ) -> None:
        self.collector, self.gate = collector, gate
        self.cancelled, self.register = cancelled, register
        self.deadline = time.monotonic() + limit
        self.mark = process.new_mark()
        self.record: process.ProcessRecord | None = None
        self.stopped = ""
        self.code: int | None = None

    def go(self, playbooks: Path, folder: Path, environment: Mapping[str, str], check: bool) -> None:
        runner = load_runner().init_runner(
            private_data_dir=str(folder),
            playbook=str(playbooks / f"{self.collector.playbook}.yml"),
            inventory=str(folder / "inventory" / "hosts.json"),
            cmdline="--check" if check else None,
            quiet=True,
            event_handler=self.collector.event,
            cancel_callback=self.poll,
        )
        program = [sys.executable, str(Path(sys.executable).with_name("ansible-playbook"))]
        gate = ("--gate-file", str(self.gate))
        runner.config.command = [*process.minder_argv(gate=gate), *program, *runner.config.command[1:]]
        kept = {name: os.environ[name] for name in KEPT_FROM_OUR_ENVIRONMENT if name in os.environ}
        runners_own = {name: value for name, value in runner.config.env.items() if name.startswith(("AWX_", "RUNNER_"))}
        callbacks = {name: runner.config.env[name] for name in ("ANSIBLE_CALLBACK_PLUGINS", "ANSIBLE_STDOUT_CALLBACK")}
        runner.config.env = {**kept, **runners_own, **callbacks, **environment, process.MARK: self.mark}
        try:
            runner.run()
            self.code = runner.rc
        finally:
            if self.record:
                process.end(self.record)

    def poll(self) -> bool:
        """Called by the runner twenty times a second. The stopping is ours, not the runner's: its kill leaves workers behind."""
        if self.record is None and self.gate.exists():
            self.record = process.record_of(int(self.gate.read_text()), f"ansible {self.collector.playbook}", self.mark)
            if self.register:
                self.register(self.record)
            self.gate.unlink()
        if not self.stopped and self.record is not None:
            if self.cancelled is not None and self.cancelled():
                self.stopped = "cancelled"
            elif time.monotonic() > self.deadline:
                self.stopped = "limit"
            if self.stopped:
                process.end(self.record)
        return False


def _environment(folder: Path, sockets: Path, known_hosts: Path, ssh_key: Path | None) -> dict[str, str]:
    options = {
        "ControlMaster": "auto",
        "ControlPersist": "60s",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": _quoted(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "PasswordAuthentication": "no",
        "ServerAliveInterval": "10",
        **({"IdentityFile": _quoted(ssh_key), "IdentitiesOnly": "yes"} if ssh_key else {}),
    }
    return {
        "ANSIBLE_CONFIG": str(folder / "env" / "ansible.cfg"),  # nobody's own configuration may relax what is set here
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(sockets),
        "ANSIBLE_SSH_EXECUTABLE": str(programs.find("ssh")),
        "ANSIBLE_SSH_TRANSFER_METHOD": "piped",  # by ssh itself: sftp may be closed on a host, and its client missing here
        "ANSIBLE_SSH_ARGS": "-F /dev/null " + " ".join(f"-o {shlex.quote(f'{name}={value}')}" for name, value in options.items()),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_TIMEOUT": "15",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_INJECT_FACT_VARS": "False",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_NO_TARGET_SYSLOG": "True",  # module arguments would stand in the host's log
    }


def _quoted(path: Path) -> str:
    """A path as a value in ssh's configuration syntax: spaces kept, no token is expanded."""
    return '"' + str(path.absolute()).replace("%", "%%") + '"'


@contextlib.contextmanager
def _private_folder(artifacts: Path) -> Iterator[Path]:
    artifacts.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=artifacts)).absolute()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _short_folder() -> Iterator[Path]:
    """For control sockets: their path may have 104 characters at most."""
    base = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="oc-", dir=base if len(base) < 40 else "/tmp"))  # noqa: S108 - mkdtemp makes it private
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _summary(artifacts: Path, result: AnsibleResult, events: list[AnsibleEvent]) -> None:
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S.%f")
    path = artifacts / f"{stamp}-{result.playbook}.jsonl"
    lines = [asdict(result), *(asdict(event) for event in events if event.kind != "started")]
    _write(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
