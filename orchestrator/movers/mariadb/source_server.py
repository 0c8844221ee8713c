"""What a MariaDB source needs before anything of ours can reach and follow it: seen as a difference, made, and taken back.

The server is asked on its own host, by its own administrator, over its own socket. What was there is written down on that host first,
so that the undo needs nobody's memory. Two kinds of change: the engine's account, and one file of settings beside the server's own
(``!includedir``), which is in force after a restart only.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from orchestrator.errors import ToolError
from orchestrator.hosts import former as kept_here
from orchestrator.movers.prepared import SharedThing
from orchestrator.movers.source import Change, Wanted
from orchestrator.texts import Words, say
from orchestrator.tools.ssh import SshConnection

FILE = "zz-orchestrator.cnf"
"""Last in its folder, so that it wins."""
_FOLDERS = ("/etc/mysql/mariadb.conf.d", "/etc/my.cnf.d")
_WAYS_IN: tuple[list[str], ...] = (["--no-defaults"], [], ["--defaults-file=/etc/mysql/debian.cnf"])
"""How the server's own administrator gets in: as who he is, by a password in files of his (/root/.my.cnf), as a distribution's account.
A file may also say where the socket is."""
_FORM = ("--batch", "--raw", "--skip-column-names", "--skip-table", "--skip-vertical", "--skip-html", "--skip-xml")
"""Of its answers, whatever such a file says."""
_NO_ENTRY = re.compile(r"ERROR (1045|1698|2002)\b|Could not open required defaults file")
"""Refused, or no such socket: nothing was asked."""
_KEPT_SECONDS = 7 * 24 * 3600
_STARTED_WITH = r'''pid=$(cat -- "$1"); readlink "/proc/$pid/exe"; tr '\0' '\n' <"/proc/$pid/cmdline"'''
"""A server's program and the words that it was started with, one a line. A constant; its pid file is the argument."""
_SWITCHES = ("log_bin", "log_bin_trust_function_creators", "skip_networking")
_OURS = (
    *_SWITCHES, "binlog_format", "binlog_row_image", "sync_binlog", "innodb_flush_log_at_trx_commit", "server_id", "gtid_domain_id",
    "binlog_expire_logs_seconds", "bind_address",
)  # fmt: skip
"""Every variable that is looked at, and may be set."""


class MariadbSource:
    """See ``movers/source.py``. ``name``: the system that it is prepared for; ``home``: our folder on its host."""

    def __init__(self, connection: SshConnection, *, name: str, port: int, home: str, run_as: Sequence[str]) -> None:
        self._connection, self._name, self._port, self._run_as = connection, name, port, list(run_as)
        self._way_in: list[str] | None = None
        self._home, self._record = home, f"{home}/prepared-source/{name}-mariadb.json"

    # ------------------------------------------------------------ looking

    def find_changes(self, wanted: Wanted) -> list[Change]:
        """Every difference; empty when the source is as it must be."""
        found = []
        if problem := self._account_problem(wanted):
            found.append(Change(f"account {wanted.role}@%", problem, say("mariadb.wanted_account")))
        found += self._file().find_unsaid(self._name) or self._account(wanted.role).find_unsaid(self._name)
        known = self._after_restart()
        return found + [
            Change(name, _shown(known[name]), value, restart=True) for name, value in self._settings(known, wanted).items()
        ]  # fmt: skip

    def is_restart_owed(self) -> bool:
        """Whether a restart changes something of ours: what the files say is not in force, or what they no longer say still is."""
        now, then = self._variables(), self._after_restart(lost=("CONFIG",))  # no reason is what somebody set while it runs
        return any(now[name] != then[name] for name in _OURS)

    def data_directory(self) -> str:
        return self._variables()["datadir"].rstrip("/")

    def _account_problem(self, wanted: Wanted) -> Words:
        query = f"SELECT JSON_VALUE(priv, '$.authentication_string') FROM mysql.global_priv WHERE user = {_literal(wanted.role)} AND host = '%'"
        row = self._ask(query)
        if not row:
            return say("mariadb.account_absent")
        grants = self._ask(f"SHOW GRANTS FOR {_literal(wanted.role)}@'%'")
        if "GRANT ALL PRIVILEGES ON *.* TO" not in grants or "WITH GRANT OPTION" not in grants:
            return say("mariadb.account_weak")
        return "" if row == hash_of(wanted.password) else say("mariadb.account_password")

    def _variables(self) -> dict[str, str]:
        rows = self._ask("SELECT LOWER(variable_name), COALESCE(global_value, '') FROM information_schema.system_variables")
        return dict(line.split("\t", 1) for line in rows.splitlines() if "\t" in line)

    def _after_restart(self, lost: tuple[str, ...] = ("CONFIG", "SQL")) -> dict[str, str]:
        """The variables as the next start makes them: by the files as they are now, and the words that the server is started with. What
        neither names is at its default again where it came from a file or a statement (``lost``); the rest stays."""
        now, said = self._variables(), self._options()
        rows = self._ask(
            "SELECT LOWER(variable_name), COALESCE(default_value, '') FROM information_schema.system_variables"
            f" WHERE global_value_origin IN ({', '.join(map(_literal, lost))})"
        )
        defaults = dict(line.split("\t", 1) for line in rows.splitlines() if "\t" in line) | {"log_bin": "OFF"}  # its origin is not told
        if "expire_logs_days" in said:  # the same in days
            defaults.pop("binlog_expire_logs_seconds", None)
        then = {name: said.get(name, defaults.get(name, now[name])) for name in _OURS}
        return now | {name: now[name] if value.upper() == now[name].upper() else value for name, value in then.items()}

    def _options(self) -> dict[str, str]:
        """What files and command line say by now, by the server's own program: name → value, a switch's as the server shows it."""
        pid_file = self._variables()["pid_file"]
        lines = self._connection.run(["sh", "-euc", _STARTED_WITH, "started-with", pid_file], timeout=20, check=True).stdout.splitlines()
        program, words = lines[0].removesuffix(" (deleted)"), lines[2:]
        first = [word for word in words if word.startswith(("--defaults-", "--no-defaults"))]
        rest = [word for word in words if word not in first]
        shown = self._connection.run([program, *first, "--print-defaults", *rest], timeout=20, check=True).stdout
        found = {}
        for option, value in re.findall(r"(?<!\S)--([\w-]+)(?:=(\S*))?", shown):
            name = option.replace("-", "_").removeprefix("loose_")
            negated = name not in _OURS and name.startswith(("skip_", "disable_"))
            name = name if name in _OURS else re.sub("^(skip|disable|enable)_", "", name)
            if name in _SWITCHES:
                no = name != "log_bin" and value.upper() in ("0", "OFF", "FALSE")  # of the log it would be the name of its file
                found[name] = "OFF" if negated or no else "ON"
            else:
                found[name] = value
        return found

    def _settings(self, known: Mapping[str, str], wanted: Wanted) -> dict[str, str]:
        """Name → value, of those that are not enough."""
        found = {}
        if known["log_bin"] != "ON":
            found["log_bin"] = "binlog"
            if known["log_bin_trust_function_creators"] != "ON":  # without the log the application makes functions and triggers freely
                found["log_bin_trust_function_creators"] = "1"
        for name, value in (("binlog_format", "ROW"), ("binlog_row_image", "FULL"), ("sync_binlog", "1"), ("innodb_flush_log_at_trx_commit", "1")):
            if known[name] != value:
                found[name] = value
        if known["server_id"] in ("", "0", "1"):  # 1 is what every server has that nobody told
            found["server_id"] = str(own_number(self._name, self._port))
        if known["gtid_domain_id"] == "0":
            found["gtid_domain_id"] = str(own_number(self._name, self._port))
        if 0 < int(float(known["binlog_expire_logs_seconds"] or 0)) < 86_400:
            found["binlog_expire_logs_seconds"] = str(_KEPT_SECONDS)
        listening = [word.strip() for word in known.get("bind_address", "").split(",") if word.strip()]
        if listening and not {"*", "0.0.0.0", "::", wanted.listen} & set(listening):  # noqa: S104 - what the server says, not what we bind
            found["bind_address"] = ",".join([*listening, wanted.listen])  # whoever came by its own loopback still does
        if known["skip_networking"] == "ON":
            found["skip_networking"] = "0"
        return found

    # ------------------------------------------------------------ changing

    def prepare(self, wanted: Wanted) -> None:
        """Makes every difference; repeated, it does nothing more. Settings are in force after a restart, which is not made here."""
        self._write_down(wanted)
        if self._account_problem(wanted):
            account = f"{_literal(wanted.role)}@'%'"
            self._ask(f"CREATE USER IF NOT EXISTS {account}")
            self._ask(f"ALTER USER {account} IDENTIFIED BY PASSWORD {_literal(hash_of(wanted.password))} ACCOUNT UNLOCK")
            self._ask(f"GRANT ALL PRIVILEGES ON *.* TO {account} WITH GRANT OPTION")
        settings = dict(re.findall(r"(?m)^([a-z_]+) = (.*)$", self._read_file())) | self._settings(self._after_restart(), wanted)
        if settings:
            lines = "".join(f"{name} = {value}\n" for name, value in sorted(settings.items()))
            self._connection.write_file(self._path(), f"# by orchestrator (prepare-source)\n[mariadbd]\n{lines}".encode())
            self._connection.run(["chmod", "0644", "--", self._path()], check=True)

    def take_back(self) -> list[str] | None:
        """Account and settings as they were, in force after the server's next restart, but for what other systems need: these are
        returned. None: nothing had been prepared."""
        former = self._former()
        if not former:
            return None
        self._join(former)  # an older engine kept its own record only
        account, file = self._account(str(former["role"])), self._file()
        users = account.leave(self._name)
        if not users:
            self._ask(f"DROP USER IF EXISTS {_literal(str(former['role']))}@'%'")
            for statement in account.was()["account"]:
                self._ask(str(statement))
        readers = file.leave(self._name)
        if not readers:
            self._connection.run(["rm", "-f", "--", self._path()], check=True)
        kept_here.remove_ours(self._connection, self._record)
        for thing, others in ((account, users), (file, readers)):
            thing.forget_without(others)
        return sorted({*users, *readers})

    def _account(self, role: str) -> SharedThing:
        return SharedThing(self._connection, self._home, f"mariadb {self._port} {role}")

    def _file(self) -> SharedThing:
        """Of all servers of the host: each of them reads the folder."""
        return SharedThing(self._connection, self._home, f"mariadb {FILE}")

    def _join(self, former: Mapping[str, object]) -> None:
        self._account(str(former["role"])).join(self._name, {"account": former["account"]})
        self._file().join(self._name, {})

    def _write_down(self, wanted: Wanted) -> None:
        if known := self._former():
            return self._join(known)
        query = f"SELECT COUNT(*) FROM mysql.global_priv WHERE user = {_literal(wanted.role)} AND host = '%'"
        account = f"{_literal(wanted.role)}@'%'"
        statements: list[str] = []
        if self._ask(query) == "1":
            statements = [self._ask(f"SHOW CREATE USER {account}"), *self._ask(f"SHOW GRANTS FOR {account}").splitlines()]
        folder = self._record.rpartition("/")[0]
        self._connection.run(["mkdir", "-p", "-m", "0700", "--", folder], check=True)
        former = {"role": wanted.role, "account": statements}
        self._connection.write_file(self._record, json.dumps(former).encode())
        self._connection.run(["chmod", "0600", "--", self._record], check=True)
        return self._join(former)

    def _former(self) -> Mapping[str, object]:
        if self._connection.run(["test", "-e", self._record], timeout=20).code != 0:
            return {}
        return dict(json.loads(self._connection.read_file(self._record)))

    # ------------------------------------------------------------ asking

    def _path(self) -> str:
        """Where the server reads a file of settings more. Raises ToolError where it reads no folder that we know."""
        for folder in _FOLDERS:
            if self._connection.run(["test", "-d", folder], timeout=20).code == 0:
                return f"{folder}/{FILE}"
        raise ToolError(say("mariadb.no_settings_folder", folders=_FOLDERS), where=self._connection.name, remedy=say("mariadb.settings_by_hand"))

    def _read_file(self) -> str:
        path = self._path()
        if self._connection.run(["test", "-e", path], timeout=20).code != 0:
            return ""
        return self._connection.read_file(path).decode("utf-8", "replace")

    def _ask(self, statement: str) -> str:
        """Rows as lines, columns parted by tabs; nothing of it goes through the binary log."""
        script = f"SET SESSION sql_log_bin = 0, sql_mode = 'NO_BACKSLASH_ESCAPES';\n{statement};\n"
        refused = ""
        for way in [self._way_in] if self._way_in is not None else _WAYS_IN:
            argv = [*self._run_as, "mariadb", *way, *_FORM, "--host=localhost", f"--port={self._port}", "--protocol=socket"]
            done = self._connection.run(["sh", "-c", 'cd / && exec "$@"', "mariadb", *argv], 60, script.encode())
            if done.code == 0:
                self._way_in = way
                return done.stdout.strip("\n")
            refused = refused or done.stderr.strip()[-500:]
            if not _NO_ENTRY.search(done.stderr):
                refused = done.stderr.strip()[-500:]
                break
        raise ToolError(say("mariadb.server_says", port=self._port, said=refused), where=self._connection.name, remedy=say("mariadb.see_socket"))


def hash_of(password: str) -> str:
    """As ``mysql_native_password`` keeps it: the password itself goes to no server and into no log."""
    return "*" + hashlib.sha1(hashlib.sha1(password.encode(), usedforsecurity=False).digest(), usedforsecurity=False).hexdigest().upper()


def own_number(name: str, port: int) -> int:
    """A server id and a domain that no other server of the city is likely to have."""
    return int.from_bytes(hashlib.sha256(f"{name} {port}".encode()).digest()[:4]) % 2_000_000_000 + 2_000_000_010


def _shown(value: str) -> str:
    return value or "-"


def _literal(value: str) -> str:
    """A text in SQL, under NO_BACKSLASH_ESCAPES."""
    return "'" + value.replace("'", "''") + "'"
