"""The target follows the source until the switch, the source follows the target after it. The order of each act is the promise."""

from __future__ import annotations

import time
from pathlib import Path

from orchestrator.errors import StepFailed, ToolError, TurnedBack
from orchestrator.movers.contract import Facts, Hands, Part
from orchestrator.movers.mariadb import accounts, channel, check, definitions, dumps, fence, numbers, records
from orchestrator.movers.mariadb.accounts import Account
from orchestrator.movers.mariadb.connections import Connection, connect, fill, names_of
from orchestrator.movers.mariadb.side import KEPT
from orchestrator.movers.names import Names
from orchestrator.texts import Words, say
from orchestrator.tools.process import Stopped

LAG_SECONDS = 0.15
IN_STEP_SECONDS = 7 * 24 * 3600.0
ROUND_TRIP_SECONDS = 60.0
_SLAVE_POSITION, _WORKERS = "gtid_slave_pos before", "slave_parallel_threads before"


def prepare(part: Part, hands: Hands) -> Facts:
    """Copies and follows. Raises Refused with nothing touched; what is half done is for ``withdraw``, and is begun anew."""
    if prepared(part):
        with connect(part, "source") as source, connect(part, "target") as target:
            return _facts(part, source, target, hands, size=0)
    check.refuse(part, hands)
    names = names_of(part)
    with connect(part, "source") as source, connect(part, "target") as target:
        _prepare_source(part, source, names)
        _empty_target(part, target, names)
        records.install(target, names, is_open=False)
        described = _carry_accounts(part, source, target, names)
        size, position = _copy(part, hands, source, target)
        for statements in described:
            accounts.give_rights(target, [text for text in statements if f"`{names.schema}" not in text])
        _let_probe(part, target, names)
        _look_up(hands, part)
        channel.subscribe(target, part, "source", names.forward, position)
        channel.follow(target, names.forward)
        channel.wait_following(target, names.forward, limit=ROUND_TRIP_SECONDS)
        facts = _facts(part, source, target, hands, size=size)
        _remember(part, source, target, names)
    return facts


def _look_up(hands: Hands, part: Part) -> None:
    if hands.should_stop():
        raise TurnedBack(where=part.name)


def _prepare_source(part: Part, source: Connection, names: Names) -> None:
    records.install(source, names, is_open=True)
    records.forget_word(source, names, check.COPIED)
    if records.read_word(source, names, _SLAVE_POSITION) is None:
        records.write_word(source, names, _SLAVE_POSITION, str(source.scalar("SELECT @@GLOBAL.gtid_slave_pos")))
        records.write_word(source, names, _WORKERS, str(source.scalar("SELECT @@GLOBAL.slave_parallel_threads")))
    _let_probe(part, source, names)


def _let_probe(part: Part, connection: Connection, names: Names) -> None:
    """The application's account may write the probe's rows."""
    for known in accounts.read_accounts(connection, part.admin):
        if known.account.user == part.role and part.role:
            grant = fill("GRANT SELECT, UPDATE ON {} TO %s@%s", [names.schema, "probe"])
            connection.execute(grant, known.account.user, known.account.host)


def _empty_target(part: Part, target: Connection, names: Names) -> None:
    """What an earlier attempt of ours left; the check has seen that there is nothing else."""
    channel.unsubscribe(target, names.forward)
    if records.is_ours(target, names):
        for user, host in records.made_accounts(target, names):
            accounts.drop_account(target, Account(user, host))
        target.execute(fill("DROP DATABASE IF EXISTS {}", part.name))
        records.drop(target, names)


def _carry_accounts(part: Part, source: Connection, target: Connection, names: Names) -> list[list[str]]:
    """Every account, locked; those that are not locked on the source are let in when the target opens. Returns how each is described."""
    described = []
    for known in accounts.read_accounts(source, part.admin):
        statements = accounts.describe(source, known.account)
        target.execute(fill("INSERT IGNORE INTO {} VALUES (%s, %s)", [names.schema, "made"]), known.account.user, known.account.host)
        if not known.locked:
            fence.hold(target, names, [known.account])
        accounts.drop_account(target, known.account)
        accounts.create_locked(target, statements)
        described.append(statements)
    return described


def _copy(part: Part, hands: Hands, source: Connection, target: Connection) -> tuple[int, str]:
    path = hands.folder / "copy" / f"{names_of(part).schema}.sql"
    create_database(source, target, part.name, part.name)
    try:
        size = dumps.dump(part, hands, "source", path)
        position = dumps.read_position(path, source)
        _look_up(hands, part)
        dumps.load(part, hands, "target", path, database=part.name)
    except Stopped as error:
        if hands.should_stop():
            raise TurnedBack(where=part.name) from error
        raise
    except ToolError as error:
        raise StepFailed(say("mariadb.no_copy", name=part.name, said=error.says), where=part.name, remedy=say("mariadb.mend_migrate")) from error
    finally:
        path.unlink(missing_ok=True)
    return size, position


def create_database(source: Connection, target: Connection, like: str, name: str) -> None:
    """An empty database with the character set, the collation and the comment of the source's."""
    query = (
        "SELECT default_character_set_name, default_collation_name, schema_comment FROM information_schema.schemata WHERE schema_name = %s"
    )
    ((charset, collation, comment),) = source.execute(query, like)
    words = f"CREATE DATABASE {{}} CHARACTER SET {_word(charset)} COLLATE {_word(collation)} COMMENT %s"
    target.execute(fill(words, name), comment)


def _word(name: str) -> str:
    """A character set's name: letters, digits and underscores only."""
    if not str(name).replace("_", "").isalnum():
        raise ValueError(f"{name!r} is no name of a character set")
    return str(name)


def _facts(part: Part, source: Connection, target: Connection, hands: Hands, *, size: int) -> Facts:
    """Waits until the target is in step."""
    names = names_of(part)
    began, said, number = time.monotonic(), time.monotonic(), 0
    while True:
        number += 1
        marker = f"prepare-{time.time():.6f}-{number}"
        lag = fence.round_trip(source, target, names, marker, limit=5.0)
        if lag is not None and lag < LAG_SECONDS:
            break
        _look_up(hands, part)
        if problem := channel.find_problem(target, names.forward):
            raise StepFailed(say("mariadb.of", name=part.name, said=problem), where=part.name, remedy=say("mariadb.mend_server"))
        if time.monotonic() - began > IN_STEP_SECONDS:
            raise StepFailed(say("mariadb.no_catch_up", name=part.name), where=part.name, remedy=say("mariadb.look_disk"))
        if time.monotonic() - said > 10:
            hands.say(str(say("mariadb.not_yet", name=part.name)))
            said = time.monotonic()
        time.sleep(0.2)
    tables = source.scalar("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = %s", part.name)
    position = str(source.scalar("SELECT @@GLOBAL.gtid_binlog_pos"))
    return {"tables": int(tables or 0), "bytes": size, "lag_ms": round(lag * 1000, 1), "state": f"GTID {position}"}


def _remember(part: Part, source: Connection, target: Connection, names: Names) -> None:
    """Right after the copy both sides are the same, and each remembers how it was. Raises StepFailed with all that is not."""
    before, after = definitions.take(source, names, part.admin), definitions.take(target, names, part.admin)
    differ = definitions.changes(before, after)
    if differ:
        raise StepFailed(
            say("mariadb.copy_differs", name=part.name, count=len(differ), some=tuple(differ[: definitions.SHOWN])),
            where=part.name,
            remedy=say("mariadb.report_it"),
        )
    for connection, found in ((source, before), (target, after)):
        records.write_word(connection, names, check.COPIED, definitions.write(found))


def prepared(part: Part) -> bool | None:
    """Whether the target follows the source and was found the same; None: on the way."""
    names = names_of(part)
    try:
        with connect(part, "source") as source, connect(part, "target") as target:
            if channel.read_channel(target, names.forward) is None:
                return False
            is_whole = records.read_word(target, names, check.COPIED) is not None and records.is_ours(source, names)
            return True if is_whole and not channel.find_problem(target, names.forward) else None
    except Exception:  # noqa: BLE001 - no target, no server, no account: not there
        return False


def withdraw(part: Part, side: str) -> None:
    """``source``: it is left as it was. ``target``: nothing flows in any more; the copy stays, closed, for its quarantine."""
    names = names_of(part)
    if side == "target" and part.target is None:
        return
    with connect(part, side) as connection:
        if side == "source":
            _withdraw_source(part, connection, names)
        else:
            channel.unsubscribe(connection, names.forward)
            if records.is_ours(connection, names):
                records.forget_word(connection, names, KEPT)


def _withdraw_source(part: Part, source: Connection, names: Names) -> None:
    channel.unsubscribe(source, names.back)
    if not records.is_ours(source, names):
        return
    if not fence.control(source, names).open:
        raise StepFailed(
            say("mariadb.source_closed", name=part.name), where=part.name, remedy=say("mariadb.resume")
        )
    position, workers = (records.read_word(source, names, word) for word in (_SLAVE_POSITION, _WORKERS))
    if position is not None and workers is not None:
        channel.put_back_position(source, position)
        source.execute("SET GLOBAL slave_parallel_threads = %s", int(workers))
    records.revoke_probe(source, names)
    records.drop(source, names)


def freshen(part: Part, side: str) -> None:
    """Accounts that came since to the side that will open are shut out until then, and let in with the others."""
    names = names_of(part)
    with connect(part, side) as row_keeper, connect(part, side) as acting:
        fence.settle(row_keeper, acting, names, part.admin)


def arm(part: Part, marker: str) -> Facts:
    """Forward off before reverse on. What the target committed since its opening is in its binary log, from the point that it keeps."""
    names = names_of(part)
    with connect(part, "source") as source, connect(part, "target") as target:
        channel.unsubscribe(target, names.forward)
        if channel.read_channel(source, names.back) is None:
            kept = records.read_word(target, names, KEPT)
            if kept is None:
                raise StepFailed(
                    say("mariadb.no_start", name=part.name), where=part.place("target").address,
                    remedy=say("mariadb.way_back_lost"),
                )  # fmt: skip
            channel.subscribe(source, part, "target", names.back, kept)
        channel.follow(source, names.back)
        channel.wait_following(source, names.back, limit=ROUND_TRIP_SECONDS)
        lag = fence.round_trip(target, source, names, marker, limit=ROUND_TRIP_SECONDS)
        if lag is None:
            why = channel.find_problem(source, names.back) or say("mariadb.no_word")
            raise StepFailed(
                say("mariadb.no_flow_back", name=part.name, seconds=ROUND_TRIP_SECONDS, why=why), where=part.place("source").address,
                remedy=say("mariadb.look_source"),
            )  # fmt: skip
    return {"lag_ms": round(lag * 1000, 1)}


def armed(part: Part) -> bool:
    """The source follows, the target does not."""
    names = names_of(part)
    with connect(part, "source") as source, connect(part, "target") as target:
        return channel.read_channel(target, names.forward) is None and channel.is_following(source, names.back)


def find_alarms(part: Part, marker: str) -> dict[str, Words]:
    """Why going back would not be safe now."""
    names = names_of(part)
    with connect(part, "source") as source, connect(part, "target") as target:
        if problem := channel.find_problem(source, names.back):
            return {f"{part.name} worker": say("mariadb.of", name=part.name, said=problem)}
        lag = fence.round_trip(target, source, names, marker, limit=5.0)
        if lag is None:
            return {f"{part.name} lag": say("mariadb.behind", name=part.name)}
        found = check.find_log_obstacles(target)
        numbers.set_numbers(source, names, numbers.read_numbers(target, names))
    return {f"{part.name} log": say("mariadb.log_not_kept", name=part.name, found=tuple(found))} if found else {}


def disarm(part: Part, side: str) -> None:
    """``source``: it follows no more. ``target``: it keeps nothing for the source any more."""
    names = names_of(part)
    if side == "target" and part.target is None:
        return
    with connect(part, side) as connection:
        if side == "source":
            channel.unsubscribe(connection, names.back)
        elif records.is_ours(connection, names):
            records.forget_word(connection, names, KEPT)


def finish(part: Part) -> None:
    """From here on the source may be decommissioned: it stays as it stands, closed. The target keeps nothing of ours."""
    names = names_of(part)
    disarm(part, "source")
    with connect(part, "target") as target:
        channel.unsubscribe(target, names.forward)
        if records.is_ours(target, names):
            records.revoke_probe(target, names)
            records.drop(target, names)


def finished(part: Part) -> bool:
    """Whether nothing flows back any more."""
    with connect(part, "source") as source:
        return channel.read_channel(source, names_of(part).back) is None


def backup_path(part: Part, hands: Hands) -> Path:
    """Where the verified dump stays."""
    return hands.folder / "backup" / f"{part.name.encode('utf-8').hex() if '/' in part.name else part.name}.sql"
