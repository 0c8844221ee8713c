"""What a mover asks before it touches anything, and again at the last moment: every finding at once."""

from __future__ import annotations

import pymysql

from orchestrator.errors import Finding, Refused
from orchestrator.movers.contract import Hands, Moment, Part
from orchestrator.movers.mariadb import accounts, channel, definitions, records
from orchestrator.movers.mariadb.connections import Connection, connect, names_of, words_of
from orchestrator.movers.mariadb.questions import EITHER_SIDE, SOURCE, TARGET, VERSION, Question
from orchestrator.movers.names import Names
from orchestrator.movers.side import Lost
from orchestrator.texts import Words, say
from orchestrator.texts.names import side_name

COPIED = "copied"
"""The word under which each side remembers how it was defined right after the copy."""
_HAND = "take it over on the other side by hand and migrate the copy again, or undo it; `cancel` leaves the source as it was"


def findings(part: Part, moment: Moment, hands: Hands) -> list[Finding]:
    """Of both sides, as far as they are there at this moment. Never raises for what the world can do."""
    _ = hands
    found = _of_side(part, "source", moment)
    if moment is Moment.PREFLIGHT:
        return found
    found += _of_side(part, "target", moment)
    if any(finding.code in ("no-answer", "version-never-run", "engine-rights") for finding in found):
        return found  # what only both together show cannot be asked
    try:
        return found + _across(part, moment)
    except (Lost, pymysql.err.Error) as error:
        return [*found, _finding(part, "no-answer", f"both sides cannot be asked: {words_of(error)}", "try it again when both answer")]


def refuse(part: Part, hands: Hands) -> None:
    """Raises Refused with every reason, before anything is touched: somebody else may use the target."""
    found = [finding for finding in findings(part, Moment.COPY, hands) if finding.severity == "error"]
    if found:
        raise Refused(f"{len(found)} reasons not to copy {part.name}", findings=found, where=part.name)


def _of_side(part: Part, side: str, moment: Moment) -> list[Finding]:
    try:
        with connect(part, side) as connection:
            return _ask_side(part, connection, side, moment)
    except (Lost, LookupError, pymysql.err.Error) as error:
        said = words_of(error)
        return [_finding(part, "no-answer", f"the {side} cannot be asked: {said}", "start it, or correct the account in the inventory")]


def _ask_side(part: Part, connection: Connection, side: str, moment: Moment) -> list[Finding]:
    found = _ask(part, connection, VERSION, side) or _find_missing_rights(part, connection)
    if found:
        return found
    names = names_of(part)
    questions = EITHER_SIDE + (SOURCE if side == "source" else TARGET)
    for question in questions:
        found += _ask(part, connection, question, side)
    found += [_finding(part, "standing-transaction", text, "commit or roll it back") for text in find_standing_transactions(connection)]
    for other in channel.other_channels(connection, names):
        found.append(_finding(part, "inbound-replication", f"the {side} follows another server by {other}", "end that replication first"))
    if records.is_ours(connection, names) is False:
        message = f"database {names.schema} on the {side} does not bear our mark"
        found.append(_finding(part, "our-name-taken", message, "it is not ours: rename or drop it"))
    if side == "source":
        found += _find_account_problems(part, connection)
    elif moment is Moment.COPY:
        found += [
            _finding(part, "target-account", f"account {known.account} is on the target already", "the target's server must be empty")
            for known in accounts.read_accounts(connection, part.admin)
            if not _was_made_by_us(connection, names, known.account)
        ]
    return found


def _find_missing_rights(part: Part, connection: Connection) -> list[Finding]:
    grants = [str(row[0]) for row in connection.execute("SHOW GRANTS")]
    if any(grant.startswith("GRANT ALL PRIVILEGES ON *.* TO") and "WITH GRANT OPTION" in grant for grant in grants):
        return []
    message = f"our account {part.admin} lacks rights: it needs ALL PRIVILEGES ON *.* WITH GRANT OPTION"
    return [_finding(part, "engine-rights", message, "give the engine an account of its own with these rights")]


def _ask(part: Part, connection: Connection, question: Question, side: str) -> list[Finding]:
    names = names_of(part)
    values = {"database": names.database, "ours": names.schema, "admin": part.admin}
    text, order = question.query, []
    while "{" in text:
        word = text[text.index("{") + 1 : text.index("}")]
        order.append(values[word])
        text = text.replace("{" + word + "}", "%s", 1)
    try:
        rows = connection.execute(text, *order)
    except pymysql.err.Error as error:  # another product or version: its words are the finding
        message = f"the {side} cannot be asked for “{question.code}”: {words_of(error)}"
        return [_finding(part, question.code, message, question.remedy)]
    return [
        Finding(question.code, question.severity, f"{part.name}: {sentence}", question.remedy, system=part.system)
        for (sentence,) in rows
    ]


def _find_account_problems(part: Part, connection: Connection) -> list[Finding]:
    found = []
    known = accounts.read_accounts(connection, part.admin)
    own = [each for each in known if each.account.user == part.role]
    if part.role in accounts.SYSTEM or part.role == part.admin:
        message = f"the application's account {part.role} is the administrators' or the engine's"
        found.append(_finding(part, "superuser-application", message, "it cannot be shut out: give the application an ordinary account"))
    elif part.role and not own:
        message = f"the application's account {part.role} does not exist"
        found.append(_finding(part, "role-missing", message, "correct the role in the inventory"))
    for each in own:
        if each.account.host != "%":
            message = f"account {each.account} may log in from {each.account.host} only"
            remedy = f"a gateway of the cloud could not: RENAME USER … TO {part.role}@'%', and limit hosts by the network"
            found.append(_finding(part, "account-host", message, remedy))
    for account, powers in accounts.find_powerful(connection, part.admin):
        message = f"account {account} has {', '.join(powers)}: it can write where no fence and no copy sees it"
        found.append(_finding(part, "superuser-application", message, "REVOKE them: an application needs rights on its database only"))
    return found


def _was_made_by_us(connection: Connection, names: Names, account: accounts.Account) -> bool:
    if account.user == names.rehearsal:
        return True
    if not records.is_ours(connection, names):
        return False
    return (account.user, account.host) in set(records.made_accounts(connection, names))


def _across(part: Part, moment: Moment) -> list[Finding]:
    """What only both sides together show."""
    found = []
    names = names_of(part)
    with connect(part, "source") as source, connect(part, "target") as target:
        for variable, why in (("server_id", "each would take the other's changes for its own"), ("gtid_domain_id", "positions would mix")):
            values = [connection.scalar(f"SELECT @@GLOBAL.{variable}") for connection in (source, target)]
            if values[0] == values[1]:
                message = f"{variable} is {values[0]} on both sides: {why}"
                found.append(_finding(part, "same-number", message, f"give the target a {variable} of its own in its configuration"))
        if moment is Moment.COPY:
            found += _compare_settings(part, source, target)
            return found
        for side, connection in (("source", source), ("target", target)):
            for changed in find_changes(connection, names, part.admin):
                found.append(_finding(part, "changed", say("mariadb.changed_on", side=side_name(side), change=changed), _HAND))
        before = definitions.take(source, names, part.admin)
        after = definitions.take(target, names, part.admin)
    for change in definitions.changes(before, after):
        found.append(_finding(part, "sides-differ", f"source and target differ: {change}", _HAND))
    return found


def _compare_settings(part: Part, source: Connection, target: Connection) -> list[Finding]:
    found = []
    here, there = definitions.take_settings(source), definitions.take_settings(target)
    for name in sorted({*here, *there}):
        if here.get(name) != there.get(name):
            message = f"{name} is “{here.get(name)}” on the source and “{there.get(name)}” on the target"
            found.append(_finding(part, "setting-differs", message, "write the source's value into the target's configuration"))
    for name in ("max_allowed_packet", "max_connections"):
        room, needed = (connection.scalar(f"SELECT @@GLOBAL.{name}") for connection in (target, source))
        if room < needed:
            message = f"{name} is {room} on the target and {needed} on the source"
            found.append(_finding(part, "setting-differs", message, "make it as large as the source's"))
    return found


# ------------------------------------------------------------ what a guard asks on its connections


def find_standing_transactions(connection: Connection) -> list[Words]:
    """Prepared ones outlive their session, so no fence ends them."""
    return [say("mariadb.xa_prepared", data=str(row["data"])) for row in connection.read("XA RECOVER")]


def find_intruders(connection: Connection, admin: str) -> list[accounts.Account]:
    """Accounts that may log in."""
    return accounts.find_unlocked(connection, admin)


def find_log_obstacles(connection: Connection) -> list[Words]:
    """Why what is committed here would not be kept for the other side."""
    found: list[Words] = [] if connection.scalar("SELECT @@GLOBAL.log_bin") else [say("mariadb.log_off")]
    seconds = connection.scalar("SELECT @@GLOBAL.binlog_expire_logs_seconds")
    return found + ([say("mariadb.log_dropped", seconds=str(seconds))] if seconds else [])


def find_changes(connection: Connection, names: Names, admin: str) -> list[Words]:
    """Accounts and settings that were changed on one side since the copy: they belong to a side, and an administrator's change of
    them is made on one only. Changes of the schema flow by themselves. Nothing remembered: nothing changed."""
    then = records.read_word(connection, names, COPIED)
    if then is None:
        return []
    now = definitions.take_accounts(connection, names, admin) | definitions.take_settings(connection)
    before = {name: text for name, text in definitions.read(then).items() if name.split(" ")[0] in ("account", "setting")}
    return definitions.changes(before, now)[: definitions.SHOWN]


def _finding(part: Part, code: str, message: Words, remedy: Words) -> Finding:
    return Finding(code, "error", say("error.of", name=part.name, said=message), remedy, system=part.system)
