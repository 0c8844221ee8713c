"""A backup that was restored and compared.

No session can see another's snapshot, so the restored copy cannot be held against the source's rows of that very moment.
It is dumped again instead: a dump that restores to something whose dump is the same, byte for byte, has lost nothing on the
way. Its definitions are held against the source's besides.
"""

from __future__ import annotations

import filecmp
import re
from pathlib import Path

from orchestrator.errors import StepFailed, ToolError
from orchestrator.movers.contract import Facts, Hands, Part
from orchestrator.movers.mariadb import accounts, check, definitions, dumps, records
from orchestrator.movers.mariadb.accounts import Account
from orchestrator.movers.mariadb.connections import Connection, connect, fill, names_of, quote
from orchestrator.movers.mariadb.following import backup_path, create_database
from orchestrator.texts import Words, say
from orchestrator.tools.process import Stopped

LENT = "lent"
"""The word under which the target remembers that its accounts are there for the throwaway copy only."""
_SHOWN = 20


def back_up(part: Part, hands: Hands) -> Facts:
    """Dumps the source, restores on the target, compares. Raises StepFailed with what differs, or with the server's words."""
    names, path = names_of(part), backup_path(part, hands)
    check.refuse(part, hands)
    again = path.with_suffix(".again")
    with connect(part, "source") as source, connect(part, "target") as target:
        before = definitions.take(source, names, part.admin, schema=part.name)
        began = str(source.scalar("SELECT @@GLOBAL.gtid_binlog_pos"))
        _drop(target, names.rehearsal)
        create_database(source, target, part.name, names.rehearsal)
        _lend_accounts(part, source, target)
        try:
            size = dumps.dump(part, hands, "source", path, position=False)
            dumps.load(part, hands, "target", path, database=names.rehearsal)
            dumps.dump(part, hands, "target", again, database=names.rehearsal, position=False)
        except Stopped:
            raise
        except ToolError as error:
            raise StepFailed(
                say("mariadb.no_backup", name=part.name, said=error.says), where=part.name,
                remedy=say("mariadb.mend_untouched"),
            ) from error  # fmt: skip
        differ = definitions.changes(before, definitions.take(target, names, part.admin, schema=names.rehearsal))
        if not filecmp.cmp(path, again, shallow=False):
            differ.append(_first_difference(path, again))
        again.unlink()
        tables = [name for name in before if name.startswith("table ")]
        rows = sum(int(target.scalar(fill("SELECT COUNT(*) FROM {}", [names.rehearsal, name.removeprefix("table ")])) or 0) for name in tables)
    if differ:
        raise StepFailed(
            say("mariadb.backup_differs", count=len(differ), some=tuple(differ[:_SHOWN])), where=part.name,
            remedy=say("mariadb.backup_none"),
        )  # fmt: skip
    return {"bytes": size, "tables": len(tables), "rows": rows, "folder": str(path), "state": f"GTID {began} or later"}


def _first_difference(here: Path, there: Path) -> Words:
    with here.open("rb") as one, there.open("rb") as other:
        for number, (line, copied) in enumerate(zip(one, other, strict=False), start=1):
            if line != copied:  # of the line only what is no citizen's
                word = re.match(rb"[A-Za-z /*!0-9-]{0,40}`?[^`]{0,64}`?", line)
                return say("mariadb.dump_line", number=number, word=word[0].decode('utf-8', 'replace') if word else '')
    return say("mariadb.dump_length")


def backed_up(part: Part) -> bool:
    """Whether the throwaway copy stands; a server that does not answer has none."""
    try:
        with connect(part, "target") as target:
            query = "SELECT 1 FROM information_schema.schemata WHERE schema_name = %s"
            return target.scalar(query, names_of(part).rehearsal) is not None
    except Exception:  # noqa: BLE001 - no target, no server: no copy
        return False


def open_copy(part: Part, password: str) -> None:
    """An account of the copy's name works in it, with all rights on it."""
    name = names_of(part).rehearsal
    with connect(part, "target") as target:
        target.execute("CREATE OR REPLACE USER %s@'%%' IDENTIFIED BY %s", name, password)
        target.execute(fill("GRANT ALL PRIVILEGES ON {}.* TO %s@'%%'", name), name)


def drop_copy(part: Part) -> None:
    """None there is fine. The accounts that it needed go with it, unless a copy proper, today's or a former one, has them."""
    names = names_of(part)
    with connect(part, "target") as target:
        _drop(target, names.rehearsal)
        has_copy = target.scalar("SELECT 1 FROM information_schema.schemata WHERE schema_name = %s", part.name) is not None
        if not has_copy and records.read_word(target, names, LENT) is not None:
            for user, host in records.made_accounts(target, names):
                accounts.drop_account(target, Account(user, host))
            records.drop(target, names)


def _lend_accounts(part: Part, source: Connection, target: Connection) -> None:
    """Code belongs to accounts (DEFINER): without them a view shows itself otherwise, and nothing of it runs. They stay locked."""
    names = names_of(part)
    records.install(target, names, is_open=False)
    records.write_word(target, names, LENT, "yes")
    here, there = quote(part.name) + ".", quote(names.rehearsal) + "."
    for known in accounts.read_accounts(source, part.admin):
        statements = accounts.describe(source, known.account)
        target.execute(fill("INSERT IGNORE INTO {} VALUES (%s, %s)", [names.schema, "made"]), known.account.user, known.account.host)
        accounts.drop_account(target, known.account)
        accounts.create_locked(target, statements)
        rights = [text.replace(f" ON {here}*", f" ON {there}*", 1) for text in statements if f" ON {here}*" in text]
        accounts.give_rights(target, rights)


def _drop(target: Connection, name: str) -> None:
    target.execute(fill("DROP DATABASE IF EXISTS {}", name))
    target.execute("DROP USER IF EXISTS %s@'%%'", name)
