"""PgBouncer as a holder (``holder.py``): pause, serve another server, resume.

The pause blocks its connection until the last open transaction ends, and that connection may hang after a resume from
another one (PgBouncer 1.18), so each gateway has two consoles. The databases file is changed before anybody is paused,
over a shell that is open already; what comes after the decision needs a console only.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import re
import shlex
import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.errors import words_of
from orchestrator.gateways import pgbouncer_files as files
from orchestrator.gateways.holder import NotFollowed, Place
from orchestrator.gateways.shell import Changed, Shell, read_file, write_file
from orchestrator.texts import Words, say

KIND = "pgbouncer"
Console = psycopg.Connection[Any]

HELD_SECONDS = 10
"""A cutover that is slow may hold clients for seconds; one that PgBouncer turns away before is a failed request."""
SESSION_SECONDS = 5
"""Who stays for longer keeps its session; who comes anew for each request does not."""
PROOF = "orchestrator_reads_this_file"
"""An entry that is there for a moment, to see whether PgBouncer reads the file that we write."""
REWRITES = 5
LAST_WITHOUT_QUOTES = (1, 18)
"""It takes no quotes around a name in its file (tried); later ones are asked when a name is added."""
_OWN_ADDRESSES = "awk '/host LOCAL/ { print last } { last = $2 }' /proc/net/fib_trie | sort -u"


@dataclass(frozen=True)
class Lead:
    """One database behind the gateway: where it is served now or will be, and where it shall lead."""

    part: str
    """The guard's name of it, and the gateway's where no entry leads to one of its places."""
    database: str
    source: Place
    target: Place
    to: str
    """``source`` or ``target``."""

    @property
    def there(self) -> Place:
        return self.target if self.to == "target" else self.source

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Lead:
        places = {side: Place(**data[side]) for side in ("source", "target")}
        return cls(part=data["part"], database=data["database"], to=data["to"], **places)


@dataclass(frozen=True)
class Served:
    """A line of SHOW DATABASES."""

    name: str
    place: Place
    database: str
    paused: bool
    disabled: bool = False


def console_dsn(address: str, port: int, *, user: str, password: str) -> str:
    """How its console is reached; every value quoted."""
    return psycopg.conninfo.make_conninfo(host=address, port=port, dbname="pgbouncer", user=user, password=password)


def specify(*, admin: str, channel: Sequence[str], databases_file: str, leads: Sequence[Lead]) -> dict[str, Any]:
    """The guard's plain description of one PgBouncer. ``channel``: the argv of an open shell on its host."""
    described = [
        {
            "part": lead.part,
            "database": lead.database,
            "source": vars(lead.source),
            "target": vars(lead.target),
            "to": lead.to,
        }
        for lead in leads
    ]
    return {
        "kind": KIND,
        "admin": admin,
        "channel": list(channel),
        "databases_file": databases_file,
        "leads": described,
    }


class PgBouncer:
    """One PgBouncer with its consoles and its shell open. ``leads`` as ``Lead.parse`` takes them."""

    holds = True

    def __init__(
        self, *, admin: str, channel: Sequence[str], databases_file: str, leads: Sequence[Mapping[str, Any]]
    ) -> None:
        parts = psycopg.conninfo.conninfo_to_dict(admin)
        self._where = say("gateways.pgbouncer_on", host=str(parts.get("host")), port=str(parts.get("port")))
        self._leads = [Lead.parse(lead) for lead in leads]
        self._file = databases_file
        self._admin, self._channel = admin, list(channel)
        self._opened_shell: Shell | None = None
        self._pausing = self._open()
        self._control = self._open()
        self._names: dict[str, list[str]] = {}
        self._addresses: dict[str, set[str]] = {}
        self._former: bytes | None = None
        self._before: dict[str, Place] = {}
        self._staged: dict[str, Place] = {}

    def _open(self) -> Console:
        try:
            return open_console(self._admin)
        except psycopg.Error as error:
            said = next(iter(str(error).splitlines()), "")
            raise OSError(say("gateways.no_console", where=self._where, error=said)) from error

    @property
    def _shell(self) -> Shell:
        """Opened when the file is first looked at: who only lets clients go on must not need it."""
        if self._opened_shell is None:
            self._opened_shell = Shell(self._channel)
        return self._opened_shell

    @property
    def where(self) -> Words:
        return self._where

    def is_there(self) -> None:
        self._control.execute("SHOW VERSION")

    # ------------------------------------------------------------ what it serves

    def list_served(self) -> list[Served]:
        """SHOW DATABASES, without the console itself."""
        served = []
        for row in self._show("DATABASES"):
            if row["name"] == "pgbouncer":
                continue
            place = Place(row["host"] or "", int(row["port"]))
            served.append(Served(row["name"], place, row["database"], bool(int(row["paused"])), bool(int(row["disabled"]))))
        return served

    def list_names(self, lead: Lead) -> list[str]:
        """Every name that leads to this database: by its places, else by its name; and each further name for the same place."""
        served = [one for one in self.list_served() if one.database == lead.database]
        ways_in = [one.place for one in served if self._leads_to(one.place, lead)]
        if not ways_in:
            ways_in = [one.place for one in served if one.name == lead.part]
        return sorted(one.name for one in served if one.place in ways_in)

    def _leads_to(self, place: Place, lead: Lead) -> bool:
        """Whether a place is one of this database's, called as we call it or as the gateway's own host does."""
        sides = [side for side in (lead.source, lead.target) if side.host and side.port == place.port]
        if any(_same(place, side) for side in sides):
            return True
        wanted = {address for side in sides for address in _addresses(side.host) | {side.host} if not _is_loopback(address)}
        return bool(wanted and wanted & self._ask_addresses(place.host))

    def _ask_addresses(self, host: str) -> set[str]:
        """What a host's name stands for on the gateway's host; without one, and by loopback, it is that host itself."""
        if host not in self._addresses:
            command = f"getent ahosts {shlex.quote(host)} | awk '{{print $1}}'"
            if not host or host.startswith("/") or host == "localhost" or _is_loopback(host):
                command = _OWN_ADDRESSES
            try:
                self._addresses[host] = set(self._shell.run(command).decode().split())
            except OSError:  # the gateway itself may serve all the same
                return set()
        return self._addresses[host]

    def handles(self, name: str) -> bool:
        return any(lead.part == name for lead in self._leads)

    def knows(self, name: str) -> bool:
        return any(one.name == name for one in self.list_served())

    def serves(self) -> dict[str, Place]:
        ours = {name for names in self._find_names().values() for name in names}
        return {one.name: one.place for one in self.list_served() if one.name in ours}

    def _find_names(self) -> dict[str, list[str]]:
        """By part. Found once: after the decision nothing may ask a name server."""
        if not self._names:
            self._names = {lead.part: self.list_names(lead) for lead in self._leads}
        return self._names

    def is_led(self) -> bool:
        """Whether every name leads to where it shall, however that place is called here."""
        now = self.serves()
        return bool(now) and all(
            _same(now[name], lead.target) == (lead.to == "target")
            for lead in self._leads
            for name in self._find_names()[lead.part]
            if name in now
        )

    # ------------------------------------------------------------ before anything is paused

    def obstacles(self) -> list[Words]:
        return self.find_problems() or self._find_unread()

    def find_unready(self) -> list[Words]:
        found = self._find_unmastered()
        for lead in self._leads:
            found += self._find_unwritable(lead) or self._find_other(lead.part, lead, lead.source)
        return found

    def _find_unwritable(self, lead: Lead) -> list[Words]:
        """A name that its file cannot hold: a line with it would keep PgBouncer from starting."""
        if files.is_plain(lead.part) or self.knows(lead.part) or self._version() > LAST_WITHOUT_QUOTES:
            return []
        return [say("gateways.name_unwritable", where=self.where, name=lead.part)]

    def _version(self) -> tuple[int, int]:
        said = re.search(r"(\d+)\.(\d+)", str(self._show("VERSION")[0].get("version", "")))
        return (int(said[1]), int(said[2])) if said else (0, 0)

    def _find_other(self, name: str, lead: Lead | None, place: Place) -> list[Words]:
        """Somebody else's entry of this name."""
        for one in self.list_served():
            if one.name == name:
                is_ours = self._leads_to(one.place, lead) if lead else _same(one.place, place)
                if one.database != (lead.database if lead else name) or not is_ours:
                    return [say("gateways.serves_already", where=self.where, name=name, host=one.place.host, port=one.place.port)]
        return []

    def find_problems(self) -> list[Words]:
        """What can be seen without writing anything."""
        found: list[Words] = []
        try:
            text = read_file(self._shell, self._file)
            entries = {entry.name: entry for entry in files.read_entries(text)}
        except (OSError, files.NotUnderstood) as error:
            return [say("gateways.file_says", where=self.where, file=self._file, error=words_of(error))]
        served = {one.name: one for one in self.list_served()}
        for lead in self._leads:
            names = self.list_names(lead)
            if not names:
                found.append(say("gateways.serves_no", where=self.where, database=lead.database, part=lead.part))
            for name in names:
                if name not in entries:
                    found.append(
                        say("gateways.no_own_line", where=self.where, name=name, file=self._file)
                    )
                elif _place_of(entries[name]) != (place := served[name].place):
                    found.append(
                        say("gateways.not_reloaded", where=self.where, name=name, host=place.host, port=place.port, file=self._file)
                    )
                if served[name].paused or served[name].disabled:
                    found.append(say("gateways.stopped_by_somebody", where=self.where, name=name))
        return found + self._find_unmastered() + self._find_unfit()

    def _find_unmastered(self) -> list[Words]:
        """Whether this console may give orders, and whether they reach everybody who answers at the port."""
        found: list[Words] = []
        try:
            self._control.execute(sql.SQL("RESUME {}").format(sql.Identifier(PROOF)))  # of nothing: only the right to say it is asked
        except psycopg.Error as error:
            if "admin access" in str(error):
                user = psycopg.conninfo.conninfo_to_dict(self._admin).get("user", "")
                found.append(say("gateways.no_admin", where=self.where, account=str(user)))
        if self._config("so_reuseport") == "1" and (others := self._count_listeners()) > 1:
            found.append(say("gateways.shared_port", where=self.where, count=others))
        return found

    def _count_listeners(self) -> int:
        """How many processes listen where this console was reached (``so_reuseport``)."""
        port = int(str(psycopg.conninfo.conninfo_to_dict(self._admin).get("port", 0)))
        rows = self._shell.run("cat /proc/net/tcp /proc/net/tcp6 2>/dev/null || true").decode().splitlines()
        places = [words[1] for row in rows if len(words := row.split()) > 3 and words[3] == "0A"]
        return max((places.count(place) for place in places if place.endswith(f":{port:04X}")), default=0)

    def _find_unfit(self) -> list[Words]:
        """What a pause would do to clients. Where sessions are pooled (by default, for a database or for an account) it waits until each has
        gone: an application that keeps its sessions is named, one that comes anew for each request (PHP) is as soon gone."""
        found: list[Words] = [
            say("gateways.pools_sessions", where=self.where, name=name, account=account, seconds=round(lasted))
            for (name, account), lasted in sorted(self._find_kept_sessions().items())
        ]
        waits = float(self._config("query_wait_timeout"))
        if 0 < waits < HELD_SECONDS:
            found.append(say("gateways.waits_short", where=self.where, seconds=waits, least=HELD_SECONDS))
        return found

    def _find_kept_sessions(self) -> dict[tuple[str, str], float]:
        """(database, account) of pooled sessions that somebody keeps, with their age in seconds. Who is there when it is first looked is
        given that long to go."""
        ours = {name for names in self._find_names().values() for name in names}
        pooled = {(pool["database"], pool["user"]) for pool in self._show("POOLS") if pool["pool_mode"] == "session" and pool["database"] in ours}
        first: set[tuple[Any, ...]] | None = None
        while pooled:
            clients = self._show("CLIENTS")
            now = max(_moment(client["request_time"]) for client in clients)  # of this very question, by its own clock
            ages = {
                (client["database"], client["user"], client["addr"], client["port"], client["connect_time"]): (now - _moment(client["connect_time"])).total_seconds()
                for client in clients
                if (client["database"], client["user"]) in pooled
            }
            first = set(ages) if first is None else first & set(ages)
            if all(ages[one] > SESSION_SECONDS for one in first):
                return {(one[0], one[1]): ages[one] for one in sorted(first, key=ages.__getitem__)}
            time.sleep(0.2)
        return {}

    def _config(self, name: str) -> str:
        return next((str(row["value"] or "") for row in self._show("CONFIG") if row["key"] == name), "")

    def _show(self, what: str) -> list[dict[str, Any]]:
        answer = self._control.execute(f"SHOW {what}")
        columns = [column.name for column in answer.description or ()]
        return [dict(zip(columns, line, strict=True)) for line in answer.fetchall()]

    def _find_unread(self) -> list[Words]:
        """Whether PgBouncer reads the file that we write, tried with an entry of our own."""
        text = read_file(self._shell, self._file)
        proof = files.add_entry(text, PROOF, "127.0.0.1", 1, PROOF)
        try:
            write_file(self._shell, self._file, text, proof)
        except OSError as error:
            return [say("gateways.says", where=self.where, error=words_of(error))]
        try:
            self._control.execute("RELOAD")
            read = self.knows(PROOF)
        finally:
            write_file(self._shell, self._file, proof, text)
            self._control.execute("RELOAD")
        if read:
            return []
        return [say("gateways.reads_not", where=self.where, file=self._file)]

    # ------------------------------------------------------------ entries of our own

    def learn(self, name: str, place: Place) -> None:
        lead = next((lead for lead in self._leads if lead.part == name), None)
        database = lead.database if lead else name
        if others := self._find_other(name, lead, place):
            raise NotFollowed(others[0])
        if self.knows(name):
            return
        self._rewrite(lambda text: files.add_entry(text, name, place.host, place.port, database))
        self._control.execute("RELOAD")
        if not self.knows(name):
            self.unlearn(name)  # a line that it cannot read would keep it from starting
            raise NotFollowed(say("gateways.not_served", where=self.where, name=name, file=self._file))

    def unlearn(self, name: str) -> None:
        self._rewrite(lambda text: files.remove_entry(text, name))
        self._control.execute("RELOAD")

    def find_auth_file(self) -> str:
        """Where PgBouncer has its accounts, by itself."""
        return self._config("auth_file")

    def list_askers(self, name: str) -> list[str]:
        """``auth_user`` of its entries, else of all; where ``auth_dbname`` names another database, that one is not switched."""
        if self._config("auth_dbname"):
            return []
        entries = {entry.name: entry for entry in files.read_entries(read_file(self._shell, self._file))}
        names = [known for lead in self._leads if lead.part == name for known in self.list_names(lead)]
        askers = {entries[known].options.get("auth_user", "") if known in entries else "" for known in names}
        return sorted({asker or self._config("auth_user") for asker in askers} - {""})

    def learn_user(self, role: str, verifier: str) -> None:
        """Knows an account by this verifier."""
        path = self.find_auth_file()
        text = read_file(self._shell, path)
        new = files.put_user(text, role, verifier)
        if new != text:  # somebody's other edits are not put into effect for nothing
            write_file(self._shell, path, text, new)
            self._control.execute("RELOAD")

    def _rewrite(self, change: Callable[[bytes], bytes]) -> None:
        """Again where another migration wrote it in between."""
        for _ in range(REWRITES):
            text = read_file(self._shell, self._file)
            with contextlib.suppress(Changed):
                write_file(self._shell, self._file, text, change(text))
                return
        raise Changed(say("gateways.file_changed", path=self._file))

    # ------------------------------------------------------------ the switch

    def stage(self) -> None:
        text = read_file(self._shell, self._file)
        new = text
        names = self._find_names()
        for lead in self._leads:
            for name in names[lead.part]:
                point = files.point_entry if lead.to == "target" else files.restore_entry
                new = point(new, name, lead.there.host, lead.there.port)
        before = self.serves()
        write_file(self._shell, self._file, text, new)
        if self._former is None:  # staged once more after the decision, it stays what it was
            self._former, self._before = text, before
        self._staged = {entry.name: _place_of(entry) for entry in files.read_entries(new) if entry.name in before}

    def unstage(self) -> None:
        if self._former is None:
            return
        former = self._former
        self._rewrite(lambda text: functools.reduce(lambda now, name: files.take_entry(now, former, name), self._before, text))
        self._former = None

    def pause(self) -> None:
        for name in (name for names in self._find_names().values() for name in names):
            self._pausing.execute(sql.SQL("PAUSE {}").format(sql.Identifier(name)))

    def prove(self) -> None:
        ours = self.serves()
        loose = [one.name for one in self.list_served() if one.name in ours and not one.paused]
        if loose:
            raise NotFollowed(say("gateways.not_held", where=self.where, loose=tuple(loose)))

    def resume(self) -> None:
        if self._before and self.serves() != self._before:
            # somebody's reload read what was staged: what the file says now must be what was before
            self.unstage()
            self._control.execute("RELOAD")
            if self.serves() != self._before:
                raise NotFollowed(say("gateways.not_as_before", where=self.where))
        self._let_go(())

    def switch_and_resume(self, but: Collection[str] = ()) -> None:
        if not self._staged and self.is_led():
            self._let_go(but)  # first: nobody must wait for the file
            self.stage()
            return
        if not self._staged:
            self.stage()
        self._control.execute("RELOAD")
        if self.serves() != self._staged:  # somebody wrote the file since: once more
            self.stage()
            self._control.execute("RELOAD")
        now = self.serves()
        if not now or now != self._staged:
            said = tuple(say("gateways.name_from", name=name, host=place.host, port=place.port) for name, place in now.items())
            raise NotFollowed(
                say("gateways.wrong_after", where=self.where, served=said or say("gateways.none_of_it"), file=self._file)
            )
        self._let_go(but)

    def _let_go(self, but: Collection[str]) -> None:
        for part, names in self._find_names().items():
            if part in but:
                continue
            for name in names:
                try:
                    self._control.execute(sql.SQL("RESUME {}").format(sql.Identifier(name)))
                except psycopg.Error as error:
                    if "not paused" not in str(error):
                        raise

    def reconnect(self) -> None:
        """The console first: a shell that is gone must not keep clients waiting."""
        self._control = self._open()
        self._pausing = self._open()
        if self._opened_shell is None:
            return
        try:
            self._opened_shell.run("true", limit=2)
        except OSError:
            threading.Thread(target=self._opened_shell.close, daemon=True).start()
            self._opened_shell = None

    def disconnect(self) -> None:
        # the one that said PAUSE may hang: it is only dropped
        for console in (self._control, self._pausing):
            threading.Thread(target=console.close, daemon=True).start()
        if self._opened_shell is not None:
            self._opened_shell.close()


def open_console(dsn: str) -> Console:
    """A connection to PgBouncer's console (simple query protocol)."""
    connection: Console = psycopg.connect(
        dsn,
        autocommit=True,
        prepare_threshold=None,
        cursor_factory=psycopg.ClientCursor,
        connect_timeout=5,
        tcp_user_timeout=5000,
    )
    return connection


def _moment(told: str) -> dt.datetime:
    """A time of SHOW CLIENTS, in the gateway's own zone, which it names last."""
    return dt.datetime.strptime(told[:19], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - one is only subtracted from another


def _place_of(entry: files.Entry) -> Place:
    return Place(entry.options.get("host", ""), int(entry.options.get("port") or 5432))


def _is_loopback(host: str) -> bool:
    return host.startswith("127.") or host == "::1"


def _same(one: Place, other: Place) -> bool:
    """The same place, under the name or the address that each was given."""
    if one.port != other.port:
        return False
    return one.host == other.host or bool(_addresses(one.host) & _addresses(other.host))


def _addresses(host: str) -> set[str]:
    found: set[str] = set()
    for name in host.split(","):
        if name and not name.startswith("/"):
            with contextlib.suppress(OSError):
                found |= {str(answer[4][0]) for answer in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
    return found
