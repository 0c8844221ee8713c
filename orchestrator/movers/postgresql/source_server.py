"""What a PostgreSQL source needs before anything of ours can reach and follow it: seen as a difference, made, and taken back.

The server is asked on its own host, by its own superuser, over its own socket: before this nobody else may come in. What was there
is written down on that host first, so that the undo needs nobody's memory. Three kinds of change: the engine's role, settings (by
ALTER SYSTEM, which wins over every file), and a marked block at the top of pg_hba.conf.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping, Sequence

from orchestrator.errors import Refused, ToolError
from orchestrator.hosts import former as kept_here
from orchestrator.movers.prepared import SharedThing
from orchestrator.movers.source import Change, Wanted
from orchestrator.texts import Words, say
from orchestrator.tools.ssh import SshConnection

SPARE = 10
"""Slots and senders beside those in use: copies, the way back, rehearsals."""
_BEGIN, _END = "# orchestrator begin {name}", "# orchestrator end {name}"
_WRITE_INTO = 'cat >"$1"'  # written into: owner, mode and links stay


class PostgresSource:
    """See ``movers/source.py``. ``name``: the system that it is prepared for; ``home``: our folder on its host."""

    def __init__(self, connection: SshConnection, *, name: str, port: int, home: str, run_as: Sequence[str]) -> None:
        self._connection, self._name, self._port, self._run_as = connection, name, port, list(run_as)
        self._home, self._record = home, f"{home}/prepared-source/{name}.json"

    # ------------------------------------------------------------ looking

    def find_changes(self, wanted: Wanted) -> list[Change]:
        """Every difference; empty when the source is as it must be."""
        found = []
        if problem := self._role_problem(wanted):
            found.append(Change(f"role {wanted.role}", problem, say("postgresql.wanted_role")))
        found += [Change(name, now, new, restart=True) for name, (now, new) in self._settings(wanted).items()]
        found += self._server().find_unsaid(self._name) or self._role(wanted.role).find_unsaid(self._name)
        if self._block(wanted) not in self._hba():
            lines = "; ".join(" ".join(("host", *line)) for line in wanted.lines)
            found.append(Change("pg_hba.conf", say("postgresql.no_lines"), lines))
        return found

    def is_restart_owed(self) -> bool:
        """Whether a restart changes something of ours: what the files say is not in force, or what they no longer say still is."""
        return self._ask(f"SELECT count(*) FROM ({_SETTINGS}) s WHERE lower(next) <> lower(now)") != "0"

    def data_directory(self) -> str:
        return self._ask("SHOW data_directory")

    def _role_problem(self, wanted: Wanted) -> Words:
        query = f"SELECT rolcanlogin, rolsuper, rolpassword FROM pg_authid WHERE rolname = {_literal(wanted.role)}"
        row = self._ask(query)
        if not row:
            return say("postgresql.role_absent")
        login, superuser, verifier = row.split("|", 2)
        if (login, superuser) != ("t", "t"):
            return say("postgresql.role_no_login") if login != "t" else say("postgresql.role_no_superuser")
        return "" if _fits(verifier, wanted.role, wanted.password) else say("postgresql.other_password")

    def _settings(self, wanted: Wanted) -> dict[str, tuple[str, str]]:
        """Name → (now, wanted), of those that are not enough. What was set and waits for a restart counts as set."""
        values = dict(line.split("|", 1) for line in self._ask(f"SELECT name, next FROM ({_SETTINGS}) s").splitlines())
        found = {}
        if values["wal_level"] != "logical":
            found["wal_level"] = (values["wal_level"], "logical")
        listening = [word.strip() for word in values["listen_addresses"].split(",") if word.strip()]
        if not {"*", "0.0.0.0", wanted.listen} & set(listening):  # noqa: S104 - what the server says, not what we bind
            found["listen_addresses"] = (values["listen_addresses"], ",".join([*listening, wanted.listen]))
        for name, used in (("max_replication_slots", values["slots"]), ("max_wal_senders", values["senders"])):
            if int(values[name]) - int(used) < SPARE:
                found[name] = (values[name], str(int(used) + SPARE))
        return found

    def _block(self, wanted: Wanted) -> str:
        lines = ["host " + " ".join((_word(base), _word(role), network, method)) for base, role, network, method in wanted.lines]
        return "\n".join([_BEGIN.format(name=self._name), *lines, _END.format(name=self._name), ""])

    def _hba(self) -> str:
        return self._connection.read_file(self._ask("SHOW hba_file")).decode("utf-8", "surrogateescape")

    # ------------------------------------------------------------ changing

    def prepare(self, wanted: Wanted) -> None:
        """Makes every difference; repeated, it does nothing more. Settings are in force after a restart, which is not made here."""
        self._write_down(wanted)
        if self._role_problem(wanted):
            verifier = scram_verifier(wanted.password)
            verb = "ALTER" if self._has_role(wanted.role) else "CREATE"
            self._do(f"{verb} ROLE {_identifier(wanted.role)} LOGIN SUPERUSER PASSWORD {_literal(verifier)}")
        for name, (_, value) in self._settings(wanted).items():
            self._set(name, value)
        text = self._hba()
        if self._block(wanted) not in text:
            self._write_hba(self._block(wanted) + self._without_block(text))
        self._do("SELECT pg_reload_conf()")  # also what needs a restart is then known to wait for one

    def _write_down(self, wanted: Wanted) -> None:
        """How it was, before the first change; whoever prepares again finds that, and keeps it."""
        if known := self._former():
            return self._join(known)
        names = ", ".join(_literal(name) for name in _NAMES)
        kept = self._ask(
            "SELECT name, setting FROM pg_file_settings WHERE sourcefile LIKE '%postgresql.auto.conf' AND name IN (" + names + ")"
        )
        role = self._ask(f"SELECT rolcanlogin, rolsuper, rolpassword FROM pg_authid WHERE rolname = {_literal(wanted.role)}")
        record = {"role": wanted.role, "was": role, "settings": dict(line.split("|", 1) for line in kept.splitlines())}
        folder = self._record.rpartition("/")[0]
        self._connection.run(["mkdir", "-p", "-m", "0700", "--", folder], check=True)
        self._connection.write_file(self._record, json.dumps(record).encode())
        return self._join(record)

    def _former(self) -> Mapping[str, object]:
        if self._connection.run(["test", "-e", self._record], timeout=20).code != 0:
            return {}
        return dict(json.loads(self._connection.read_file(self._record)))

    def take_back(self) -> list[str] | None:
        """Role, settings and pg_hba.conf as they were, but for what other systems need: these are returned. None: nothing had been
        prepared. Raises Refused, with nothing changed, where things depend on a role that would go."""
        former = self._former()
        if not former:
            return None
        self._join(former)  # an older engine kept its own record only
        self._refuse_to_drop(str(former["role"]))
        text = self._hba()
        if (without := self._without_block(text)) != text:
            self._write_hba(without)
        server, role = self._server(), self._role(str(former["role"]))
        followers = server.leave(self._name)
        if not followers:
            settings = server.was()["settings"]
            for name in _NAMES:
                self._set(name, settings.get(name))
            self._do("SELECT pg_reload_conf()")
        users = role.leave(self._name)
        if not users:
            self._give_role_back(str(former["role"]), str(role.was()["was"]))
        kept_here.remove_ours(self._connection, self._record)
        for thing, others in ((server, followers), (role, users)):
            thing.forget_without(others)
        return sorted({*followers, *users})

    def _server(self) -> SharedThing:
        return SharedThing(self._connection, self._home, f"postgresql {self._port}")

    def _role(self, role: str) -> SharedThing:
        return SharedThing(self._connection, self._home, f"postgresql {self._port} {role}")

    def _join(self, former: Mapping[str, object]) -> None:
        self._server().join(self._name, {"settings": former["settings"]})
        self._role(str(former["role"])).join(self._name, {"was": former["was"]})

    def _refuse_to_drop(self, role: str) -> None:
        thing = self._role(role)
        if thing.was()["was"] or thing.needed_by() != {self._name}:
            return  # it was there before, or stays for others
        where = self._ask(
            "SELECT string_agg(DISTINCT coalesce(quote_ident(b.datname), '-'), ', ') FROM pg_shdepend d LEFT JOIN pg_database b ON b.oid = d.dbid"
            f" JOIN pg_authid r ON r.oid = d.refobjid WHERE d.refclassid = 'pg_authid'::regclass AND r.rolname = {_literal(role)}"
        )
        if where:
            raise Refused(say("postgresql.role_needed", role=role, databases=where), where=self._connection.name, remedy=say("postgresql.clean_first"))

    def _give_role_back(self, role: str, was: str) -> None:
        if not was:
            self._do(f"DROP ROLE IF EXISTS {_identifier(role)}")
            return
        login, superuser, verifier = was.split("|", 2)
        words = ["LOGIN" if login == "t" else "NOLOGIN", "SUPERUSER" if superuser == "t" else "NOSUPERUSER"]
        password = f"PASSWORD {_literal(verifier)}" if verifier else "PASSWORD NULL"
        self._do(f"ALTER ROLE {_identifier(role)} {' '.join(words)} {password}")

    def _set(self, name: str, value: str | None) -> None:
        self._do(f"ALTER SYSTEM SET {name} = {_literal(value)}" if value is not None else f"ALTER SYSTEM RESET {name}")

    def _without_block(self, text: str) -> str:
        begin, end = (re.escape(mark.format(name=self._name)) for mark in (_BEGIN, _END))
        return re.sub(rf"(?m)^{begin}\n(?:.*\n)*?{end}\n", "", text)

    def _write_hba(self, text: str) -> None:
        """Whole, and read again by the server; what it cannot read is put back. Raises ToolError."""
        path, former = self._ask("SHOW hba_file"), self._hba()
        self._connection.run(["sh", "-c", _WRITE_INTO, "write-into", path], 60, text.encode("utf-8", "surrogateescape"), check=True)
        if problem := self._ask("SELECT string_agg(line_number || ': ' || error, '; ') FROM pg_hba_file_rules WHERE error IS NOT NULL"):
            self._connection.run(["sh", "-c", _WRITE_INTO, "write-into", path], 60, former.encode("utf-8", "surrogateescape"), check=True)
            raise ToolError(
                say("postgresql.hba_unread", path=path, problem=problem), where=self._connection.name, remedy=say("postgresql.mend_by_hand")
            )
        self._do("SELECT pg_reload_conf()")

    # ------------------------------------------------------------ asking

    def _has_role(self, role: str) -> bool:
        return self._ask(f"SELECT 1 FROM pg_roles WHERE rolname = {_literal(role)}") == "1"

    def _ask(self, query: str) -> str:
        """Rows as lines, columns parted by ``|``."""
        return self._psql(query)

    def _do(self, statement: str) -> None:
        self._psql(f"SET log_statement = 'none';\n{statement}")

    def _psql(self, script: str) -> str:
        argv = [*self._run_as, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-p", str(self._port), "-d", "postgres", "-f", "-"]
        done = self._connection.run(["sh", "-c", 'cd / && exec "$@"', "psql", *argv], 60, f"{script};\n".encode())
        if done.code != 0:
            raise ToolError(
                say("postgresql.server_says", port=self._port, said=done.stderr.strip()[-500:]), where=self._connection.name,
                remedy=say("postgresql.see_socket"),
            )  # fmt: skip
        return done.stdout.strip()


_NAMES = ("wal_level", "listen_addresses", "max_replication_slots", "max_wal_senders")
_SETTINGS = """
SELECT name, setting AS now, CASE WHEN source = 'command line' THEN setting ELSE coalesce(
    (SELECT f.setting FROM pg_file_settings f WHERE f.name = s.name ORDER BY seqno DESC LIMIT 1),
    CASE WHEN source = 'configuration file' THEN boot_val ELSE setting END) END AS next
FROM pg_settings s WHERE name IN ('wal_level', 'listen_addresses', 'max_replication_slots', 'max_wal_senders')
UNION ALL SELECT 'slots', count(*)::text, count(*)::text FROM pg_replication_slots
UNION ALL SELECT 'senders', count(*)::text, count(*)::text FROM pg_stat_replication
"""
"""What the files say counts (unless the server is started with something else), since that is what a restart makes true, whether the
server has read them again or not."""


def scram_verifier(password: str, salt: bytes = b"", iterations: int = 4096) -> str:
    """As PostgreSQL keeps it: the password itself goes to no server and into no log."""
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored, server = hashlib.sha256(client).digest(), hmac.digest(salted, b"Server Key", "sha256")
    shown = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{shown[0]}${shown[1]}:{shown[2]}"


def _fits(verifier: str, role: str, password: str) -> bool:
    """Whether a kept verifier is that of a password."""
    found = re.fullmatch(r"SCRAM-SHA-256\$(\d+):([^$]+)\$.*", verifier)
    if found:
        return hmac.compare_digest(verifier, scram_verifier(password, base64.b64decode(found[2]), int(found[1])))
    md5 = "md5" + hashlib.md5(f"{password}{role}".encode(), usedforsecurity=False).hexdigest()
    return hmac.compare_digest(verifier, md5)


def _literal(value: str) -> str:
    """A text in SQL, whatever ``standard_conforming_strings`` says."""
    return "E'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _word(name: str) -> str:
    """A name in pg_hba.conf: in quotes, so that none of them is a keyword. ``all`` is meant as one."""
    return name if name == "all" else '"' + name.replace('"', '""') + '"'
