#!/usr/bin/python
"""Ansible module: services as plain processes, for hosts without systemd. Standard library only; runs on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: process_services
short_description: Starts, stops or takes away services as processes
description:
  - Each service is a process in a session of its own, with its pid and start time on record.
  - It is started when it does not run, and restarted when its argv or environment changed.
options:
  services:
    description: name, argv, environment, and optionally address and port to wait for.
    type: list
    elements: dict
    required: true
  state:
    description: What is wanted.
    choices: [started, stopped, absent]
    default: started
    type: str
  home:
    description: Folder of environment files (mode 0600), records and logs.
    type: path
    required: true
  timeout:
    description: Seconds to listen, or to end.
    type: int
    default: 20
"""
EXAMPLES = r"""
- name: Start the portal
  process_services:
    home: var/lib/orchestrator/services
    services:
      - {name: portal-web-1, argv: [/srv/portal/app/portal], environment: {LISTEN_PORT: "8001"}, address: 127.20.128.40, port: 8001}
"""
RETURN = r"""
actions:
  description: What was done, by service.
  type: dict
  returned: always
"""

import json
import os
import re
import signal
import socket
import subprocess
import time

from ansible.module_utils.basic import AnsibleModule

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")
PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "EMBEDDED_HOST")


class Trouble(Exception):
    """What is wrong, with what to do."""


def boot():
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def started_at(pid):
    """Start time of a living process in clock ticks since boot, and its boot; None when it is gone."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] == b"Z" else [int(fields[19]), boot()]


class Service:
    """One service and its files."""

    def __init__(self, given, home, timeout, dry):
        self.name = str(given.get("name"))
        if not NAME.fullmatch(self.name):
            raise Trouble("%r is no service name → use a-z, 0-9 and -" % self.name)
        self.argv = [str(part) for part in given.get("argv") or []]
        self.environment = {str(name): str(value) for name, value in (given.get("environment") or {}).items()}
        self.address = given.get("address") or "127.0.0.1"
        self.port = int(given.get("port") or 0)
        self.home, self.timeout, self.dry = home, timeout, dry

    def path(self, ending):
        return os.path.join(self.home, self.name + ending)

    def record(self):
        try:
            with open(self.path(".json")) as file:
                return json.load(file)
        except (OSError, ValueError):
            return {}

    def alive(self, record):
        return bool(record) and record.get("started") is not None and started_at(record["pid"]) == record["started"]

    def left_over(self, record):
        """Whether children live on in the session of a leader that is gone. A pid is not given away while its session lives."""
        started = record.get("started")
        return bool(started) and started[1] == boot() and not os.path.exists("/proc/%d" % record["pid"]) and bool(self.members(record))

    def listens(self):
        with socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET) as probe:
            probe.settimeout(0.5)
            return probe.connect_ex((self.address, self.port)) == 0

    def start(self):
        record = self.record()
        running = self.alive(record)
        if running and record.get("argv") == self.argv and record.get("environment") == self.environment:
            self.wait(record["pid"], None)
            return ""
        if not self.argv:
            raise Trouble("%s has no argv → give it a command in the inventory" % self.name)
        if self.dry:
            return "restarted" if running else "started"
        if running or self.left_over(record):
            self.end(record)
        if self.port and self.listens():
            raise Trouble("something else listens at %s:%d → end it, or give %s another port" % (self.address, self.port, self.name))
        self.write(".env", "".join("%s=%s\n" % item for item in sorted(self.environment.items())))
        kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        with open(self.path(".log"), "ab") as log:
            try:
                process = subprocess.Popen(
                    self.argv, env=dict(kept, **self.environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True, close_fds=True,
                )
            except OSError as error:
                raise Trouble("%s cannot be started: %s → see whether %s is there" % (self.name, error.strerror, self.argv[0]))
        self.write(".json", json.dumps(
            {"pid": process.pid, "started": started_at(process.pid), "argv": self.argv, "environment": self.environment}
        ))
        self.wait(process.pid, process)
        return "restarted" if running else "started"

    def wait(self, pid, process):
        """Until it listens. A process that ends meanwhile is told with the last words of its log."""
        deadline = time.time() + self.timeout
        settle = time.time() + 0.3
        while True:
            if process is not None and process.poll() is not None:
                raise Trouble("%s ended with %d: %s → mend what it says" % (self.name, process.returncode, self.last_words()))
            if (self.port and self.listens()) or (not self.port and time.time() > settle):
                return
            if time.time() > deadline:
                raise Trouble("%s (pid %d) does not listen at %s:%d within %d s: %s → see %s" % (
                    self.name, pid, self.address, self.port, self.timeout, self.last_words(), self.path(".log")))
            time.sleep(0.05)

    def stop(self):
        record = self.record()
        if not (self.alive(record) or self.left_over(record)):
            return ""
        if not self.dry:
            self.end(record)
        return "stopped"

    def remove(self):
        done = self.stop()
        left = [self.path(ending) for ending in (".env", ".json") if os.path.exists(self.path(ending))]
        if not self.dry:
            for path in left:
                os.unlink(path)
        return "removed" if left else done

    def end(self, record):
        """TERM, then KILL, to its whole session."""
        for number, seconds in ((signal.SIGTERM, self.timeout), (signal.SIGKILL, 5)):
            deadline = time.time() + seconds
            while self.members(record) and time.time() < deadline:
                for pid in self.members(record):
                    try:
                        os.kill(pid, number)
                    except ProcessLookupError:
                        pass
                for _ in range(20):
                    if not self.members(record):
                        return
                    time.sleep(0.05)
        if self.members(record):
            raise Trouble("%s (pid %d) does not end → end it by hand" % (self.name, record["pid"]))

    def members(self, record):
        """Living processes of the service's session; the leader's identity was checked before."""
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open("/proc/%s/stat" % name, "rb") as file:
                        fields = file.read().rpartition(b")")[2].split()
                except OSError:
                    continue
                if fields[0] != b"Z" and int(fields[3]) == record["pid"]:
                    found.append(int(name))
        return found

    def last_words(self):
        try:
            with open(self.path(".log"), "rb") as file:
                return file.read()[-600:].decode("utf-8", "replace").strip() or "no word"
        except OSError:
            return "no log"

    def write(self, ending, text):
        temporary = self.path(ending) + ".new"
        if os.path.exists(temporary):
            os.unlink(temporary)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        os.rename(temporary, self.path(ending))


def main():
    module = AnsibleModule(
        argument_spec={
            "services": {"type": "list", "elements": "dict", "required": True},
            "state": {"type": "str", "choices": ["started", "stopped", "absent"], "default": "started"},
            "home": {"type": "path", "required": True},
            "timeout": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    given = module.params
    home = os.path.abspath(given["home"])
    actions = {}
    try:
        if given["state"] == "started" and not module.check_mode:
            os.makedirs(home, mode=0o755, exist_ok=True)
        for one in given["services"]:
            service = Service(one, home, given["timeout"], module.check_mode)
            act = {"started": service.start, "stopped": service.stop, "absent": service.remove}[given["state"]]
            actions[service.name] = act()
    except Trouble as error:
        module.fail_json(msg=str(error), actions=actions)
    module.exit_json(changed=any(actions.values()), actions=actions)


if __name__ == "__main__":
    main()
