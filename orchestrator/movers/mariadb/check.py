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
_HAND = say("mariadb.by_hand")


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
        return [*found, _finding(part, "no-answer", say("mariadb.both_not_asked", said=words_of(error)), say("mariadb.try_again"))]


def refuse(part: Part, hands: Hands) -> None:
    """Raises Refused with every reason, before anything is touched: somebody else may use the target."""
    found = [finding for finding in findings(part, Moment.COPY, hands) if finding.severity == "error"]
    if found:
        raise Refused(say("mariadb.reasons_against", count=len(found), name=part.name), findings=found, where=part.name)


def _of_side(part: Part, side: str, moment: Moment) -> list[Finding]:
    try:
        with connect(part, side) as connection:
            return _ask_side(part, connection, side, moment)
    except (Lost, LookupError, pymysql.err.Error) as error:
        said = words_of(error)
        return [_finding(part, "no-answer", say("mariadb.side_not_asked", side=side_name(side), said=said), say("mariadb.start_or_account"))]


def _ask_side(part: Part, connection: Connection, side: str, moment: Moment) -> list[Finding]:
    found = _ask(part, connection, VERSION, side) or _find_missing_rights(part, connection)
    if found:
        return found
    names = names_of(part)
    questions = EITHER_SIDE + (SOURCE if side == "source" else TARGET)
    for question in questions:
        found += _ask(part, connection, question, side)
    found += [_finding(part, "standing-transaction", text, say("mariadb.commit_or_roll_back")) for text in find_standing_transactions(connection)]
    for other in channel.other_channels(connection, names):
        message: Words = say("mariadb.follows_other", side=side_name(side), other=other)
        found.append(_finding(part, "inbound-replication", message, say("mariadb.end_replication")))
    if records.is_ours(connection, names) is False:
        message = say("mariadb.not_ours", schema=names.schema, side=side_name(side))
        found.append(_finding(part, "our-name-taken", message, say("mariadb.rename_or_drop")))
    if side == "source":
        found += _find_account_problems(part, connection)
    elif moment is Moment.COPY:
        found += [
            _finding(part, "target-account", say("mariadb.account_there", account=str(known.account)), say("mariadb.target_empty"))
            for known in accounts.read_accounts(connection, part.admin)
            if not _was_made_by_us(connection, names, known.account)
        ]
    return found


def _find_missing_rights(part: Part, connection: Connection) -> list[Finding]:
    grants = [str(row[0]) for row in connection.execute("SHOW GRANTS")]
    if any(grant.startswith("GRANT ALL PRIVILEGES ON *.* TO") and "WITH GRANT OPTION" in grant for grant in grants):
        return []
    message = say("mariadb.lacks_rights", admin=part.admin)
    return [_finding(part, "engine-rights", message, say("mariadb.own_account"))]


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
        message = say("mariadb.question_not_asked", side=side_name(side), code=question.code, said=words_of(error))
        return [_finding(part, question.code, message, question.mend)]
    return [
        Finding(question.code, question.severity, say("error.of", name=part.name, said=question.says(*map(_text, row))), question.mend, system=part.system)
        for row in rows
    ]


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _find_account_problems(part: Part, connection: Connection) -> list[Finding]:
    found = []
    known = accounts.read_accounts(connection, part.admin)
    own = [each for each in known if each.account.user == part.role]
    if part.role in accounts.SYSTEM or part.role == part.admin:
        message = say("mariadb.is_administrator", role=part.role)
        found.append(_finding(part, "superuser-application", message, say("mariadb.ordinary_account")))
    elif part.role and not own:
        message = say("mariadb.no_account", role=part.role)
        found.append(_finding(part, "role-missing", message, say("mariadb.correct_role")))
    for each in own:
        if each.account.host != "%":
            message = say("mariadb.account_host", account=str(each.account), host=each.account.host)
            remedy = say("mariadb.account_host_remedy", role=part.role)
            found.append(_finding(part, "account-host", message, remedy))
    for account, powers in accounts.find_powerful(connection, part.admin):
        message = say("mariadb.powers", account=str(account), powers=tuple(powers))
        found.append(_finding(part, "superuser-application", message, say("mariadb.revoke")))
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
        for variable, why in (("server_id", say("mariadb.why_server_id")), ("gtid_domain_id", say("mariadb.why_domain_id"))):
            values = [connection.scalar(f"SELECT @@GLOBAL.{variable}") for connection in (source, target)]
            if values[0] == values[1]:
                message = say("mariadb.same_number", variable=variable, number=values[0], why=why)
                found.append(_finding(part, "same-number", message, say("mariadb.own_number", variable=variable)))
        if moment is Moment.COPY:
            found += _compare_settings(part, source, target)
            return found
        for side, connection in (("source", source), ("target", target)):
            for changed in find_changes(connection, names, part.admin):
                found.append(_finding(part, "changed", say("mariadb.changed_on", side=side_name(side), change=changed), _HAND))
        before = definitions.take(source, names, part.admin)
        after = definitions.take(target, names, part.admin)
    for change in definitions.changes(before, after):
        found.append(_finding(part, "sides-differ", say("mariadb.sides_differ", change=change), _HAND))
    return found


def _compare_settings(part: Part, source: Connection, target: Connection) -> list[Finding]:
    found = []
    here, there = definitions.take_settings(source), definitions.take_settings(target)
    for name in sorted({*here, *there}):
        if here.get(name) != there.get(name):
            message = say("mariadb.setting_differs", name=name, here=str(here.get(name)), there=str(there.get(name)))
            found.append(_finding(part, "setting-differs", message, say("mariadb.write_setting")))
    for name in ("max_allowed_packet", "max_connections"):
        room, needed = (connection.scalar(f"SELECT @@GLOBAL.{name}") for connection in (target, source))
        if room < needed:
            message = say("mariadb.setting_small", name=name, room=room, needed=needed)
            found.append(_finding(part, "setting-differs", message, say("mariadb.make_large")))
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
