"""Runs on a host without systemd: services as plain processes. Standard library only, and any Python from 3.6 on.

One JSON document comes in by standard input (``act``, ``home``, ``service``), one goes out: the answer, or ``trouble`` with ``remedy``.
A service is a process in a session of its own, with its pid and start time on record; one that somebody else started is found
by its argv and, where several have the same, by the port that it listens on.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time

PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "EMBEDDED_HOST")
SETTLE_SECONDS, SETTLED_AT_LAST = 0.5, 5.0
"""What listens nowhere counts as up when it lived so long and waits for work; or lived so much longer, busy or not."""


class Trouble(Exception):
    """What is wrong, and what to do: sentences of the engine's catalogue."""

    def __init__(self, what, remedy):
        super().__init__(what["code"])
        self.what, self.remedy = what, remedy


def say(code, **values):
    """A sentence as the engine unpacks it: the words are its affair."""
    return {"code": code, "values": values}


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def started_at(pid):
    """Start time of a living process, with the boot that it counts from; None when it is gone."""
    text = read("/proc/%d/stat" % pid)
    if text is None:
        return None
    fields = text.rpartition(b")")[2].split()
    boot = (read("/proc/sys/kernel/random/boot_id") or b"").decode().strip()
    return None if fields[0] == b"Z" else [int(fields[19]), boot]


def session_of(pid):
    text = read("/proc/%d/stat" % pid)
    fields = text.rpartition(b")")[2].split() if text else [b"Z"]
    return None if fields[0] == b"Z" else int(fields[3])


def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def argv_of(pid):
    text = read("/proc/%d/cmdline" % pid)
    return [os.fsdecode(part) for part in text.split(b"\0")[:-1]] if text else []


def environment_of(pid):
    text = read("/proc/%d/environ" % pid) or b""
    pairs = [os.fsdecode(part).partition("=") for part in text.split(b"\0") if b"=" in part]
    return {name: value for name, _, value in pairs}


def listens_at(pid, port):
    """Whether a process holds a listening socket of that port; None: of any."""
    wanted = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in (read(table) or b"").decode().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and port in (None, int(fields[1].rpartition(":")[2], 16)):
                wanted.add("socket:[%s]" % fields[9])
    try:
        open_files = os.listdir("/proc/%d/fd" % pid)
    except OSError:
        return False
    for name in open_files:
        try:
            if os.readlink("/proc/%d/fd/%s" % (pid, name)) in wanted:
                return True
        except OSError:
            continue
    return False


class Service:
    """One service on this host, and its files: environment, record, log, how it was before, whether it is held."""

    def __init__(self, given, home):
        self.name, self.argv = given["name"], given["argv"]
        self.environment = given["environment"]
        self.address, self.port = given["address"] or "127.0.0.1", int(given["port"])
        self.seconds = float(given["start_seconds"])
        self.home = home

    def path(self, ending):
        return os.path.join(self.home, self.name + ending)

    def document(self, ending):
        text = read(self.path(ending))
        return json.loads(text.decode()) if text else {}

    def write(self, ending, document):
        os.makedirs(self.home, mode=0o755, exist_ok=True)
        new = self.path(ending) + ".new"
        if os.path.exists(new):
            os.unlink(new)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        os.rename(new, self.path(ending))

    def forget(self, ending):
        if os.path.exists(self.path(ending)):
            os.unlink(self.path(ending))

    # ---- looking

    def pids(self):
        """Every living process of the service: of the session that we started, else those that its argv finds."""
        record = self.document(".json")
        if record and (started_at(record["pid"]) == record["started"] or self.left_over(record)):
            return [pid for pid in processes() if session_of(pid) == record["pid"]]
        others = self.sessions_of_others()
        found = [pid for pid in processes() if pid != os.getpid() and self.is_ours(argv_of(pid)) and started_at(pid)]
        found = [pid for pid in found if session_of(pid) not in others]
        if self.port:  # several services may have one command: whoever listens elsewhere, and not here, is another one
            found = [pid for pid in found if listens_at(pid, self.port) or not listens_at(pid, None)]
        return found

    def sessions_of_others(self):
        """Sessions that other services of this home have on record."""
        found = set()
        for name in os.listdir(self.home) if os.path.isdir(self.home) else []:
            if name.endswith(".json") and name != self.name + ".json":
                record = json.loads((read(os.path.join(self.home, name)) or b"{}").decode())
                found.add(record.get("pid"))
        return found

    def left_over(self, record):
        """Children live on in the session of a leader that is gone. Its pid is not given away while its session lives."""
        same_boot = record["started"] and record["started"][1] == (read("/proc/sys/kernel/random/boot_id") or b"").decode().strip()
        return same_boot and started_at(record["pid"]) is None

    def is_ours(self, argv):
        """Its own argv, or that behind an interpreter which its first line names."""
        size = len(self.argv)
        return bool(size) and any(argv[at : at + size] == self.argv for at in range(min(3, max(0, len(argv) - size) + 1)))

    def listens(self):
        with socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET) as probe:
            probe.settimeout(0.5)
            return probe.connect_ex((self.address, self.port)) == 0

    def state(self):
        active = bool(self.pids())
        place, record = self.document(".place"), self.document(".json")
        given = [kept.get("environment") == self.environment for kept in (place, record) if kept]
        return {
            "present": active or bool(place), "active": active, "held": os.path.exists(self.path(".held")),
            "ours": bool(self.document(".former")), "as_given": bool(place) and all(given),
        }  # fmt: skip

    # ---- how it was

    def remember(self):
        former = self.document(".former")
        if not former:
            former = self.state()
            if former["active"]:
                pid = min(self.pids())
                former["argv"], former["environment"] = argv_of(pid), environment_of(pid)
                former["folder"] = os.readlink("/proc/%d/cwd" % pid)
            former["place"] = self.document(".place")
            self.write(".former", former)
        return {name: former[name] for name in ("present", "active", "held")}

    def restore(self):
        former = self.document(".former")
        if not former:
            return
        self.forget(".held")
        if not former["active"]:
            self.stop()
        elif not self.pids() or self.document(".json").get("argv") not in (None, former["argv"]) or self.changed(former):
            self.stop()
            self.launch(former["argv"], former["environment"], former["folder"])
        if former["place"]:
            self.write(".place", former["place"])
        else:
            self.forget(".place")
        self.forget(".former")

    def changed(self, former):
        record = self.document(".json")
        return bool(record) and any(former["environment"].get(name) != value for name, value in record["environment"].items())

    # ---- changing

    def place(self):
        self.remember()
        self.write(".place", {"argv": self.argv, "environment": self.environment})

    def start(self):
        if os.path.exists(self.path(".held")):
            raise Trouble(say("hosts.held", name=self.name), say("hosts.go_back_first"))
        if not self.argv:
            raise Trouble(say("hosts.no_command", name=self.name), say("hosts.give_command"))
        record = self.document(".json")
        if self.pids():
            if not record and not self.document(".former"):
                return self.wait_up(min(self.pids()), None)  # somebody else's, which was never placed nor held
            if record.get("argv") == self.argv and record.get("environment") == self.environment:
                return self.wait_up(record["pid"], None)
            self.stop()
        if self.port and self.listens():
            raise Trouble(say("hosts.port_taken", address=self.address, port=self.port), say("hosts.end_or_other_port", name=self.name))
        kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self.launch(self.argv, dict(kept, **self.environment), None, self.environment)

    def launch(self, argv, environment, folder, given=None):
        os.makedirs(self.home, mode=0o755, exist_ok=True)
        with open(self.path(".log"), "ab") as log:
            try:
                process = subprocess.Popen(
                    argv, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            except OSError as error:
                raise Trouble(say("hosts.cannot_start", name=self.name, error=str(error.strerror)), say("hosts.see_there", program=argv[0]))
        record = {"pid": process.pid, "started": started_at(process.pid), "argv": argv, "environment": given or environment}
        self.write(".json", record)
        self.wait_up(process.pid, process)

    def wait_up(self, pid, process):
        began, deadline = time.time(), time.time() + self.seconds
        while True:
            if process is not None and process.poll() is not None:
                said = say("hosts.ended", name=self.name, status=process.returncode, words=self.last_words() or say("hosts.no_word"))
                raise Trouble(said, say("hosts.mend_it"))
            if self.listens() if self.port else self.has_settled(pid, time.time() - began):
                return
            if time.time() > deadline:
                said = say(
                    "hosts.does_not_listen", name=self.name, pid=pid, address=self.address, port=self.port, seconds=self.seconds,
                    words=self.last_words() or say("hosts.no_word"),
                )  # fmt: skip
                raise Trouble(said, say("hosts.see_file", file=self.path(".log")))
            time.sleep(0.05)

    def has_settled(self, pid, seconds):
        if seconds < SETTLE_SECONDS:
            return False
        fields = (read("/proc/%d/stat" % pid) or b"").rpartition(b")")[2].split()
        return bool(fields) and (fields[0] == b"S" or seconds > SETTLED_AT_LAST)

    def stop(self):
        for number, seconds in ((signal.SIGTERM, self.seconds), (signal.SIGKILL, 5)):
            deadline = time.time() + seconds
            pids = self.pids()
            while pids and time.time() < deadline:
                for pid in pids:
                    try:
                        os.kill(pid, number)
                    except ProcessLookupError:
                        continue
                    except PermissionError:
                        raise Trouble(say("hosts.anothers", name=self.name, pid=pid), say("hosts.name_become"))
                time.sleep(0.1)
                pids = self.pids()
            if not pids:
                self.forget(".json")
                return
        raise Trouble(say("hosts.does_not_end", name=self.name, pids=list(self.pids())), say("hosts.end_by_hand"))

    def hold(self):
        self.remember()
        self.write(".held", {"since": time.time()})
        self.stop()

    def release(self):
        self.forget(".held")

    def last_words(self):
        text = read(self.path(".log")) or b""
        return text[-600:].decode("utf-8", "replace").strip()


ACTS = ("state", "remember", "place", "start", "stop", "hold", "release", "restore", "last_words")


def main():
    asked = json.loads(sys.stdin.read())
    service = Service(asked["service"], asked["home"])
    try:
        if asked["act"] not in ACTS:
            raise Trouble(say("hosts.no_act", act=asked["act"]), say("hosts.one_of", acts=list(ACTS)))
        answer = getattr(service, asked["act"])()
    except Trouble as error:
        answer = {"trouble": error.what, "remedy": error.remedy}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
