"""What of ours is left on a server after its migration, found by our names and marks alone."""

from __future__ import annotations

import pymysql

from orchestrator.errors import StepFailed, ToolError
from orchestrator.movers.contract import Part
from orchestrator.movers.mariadb import accounts, channel, records
from orchestrator.movers.mariadb.connections import Connection, connect, fill, names_of, words_of
from orchestrator.movers.side import Lost
from orchestrator.texts import say

_SIZE = "SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema = %s"
_THERE = "SELECT 1 FROM information_schema.schemata WHERE schema_name = %s"


def find(part: Part, side: str) -> list[tuple[str, str, int]]:
    """Everything of ours on one side: kind, name, bytes. Raises ToolError when the server does not answer."""
    names = names_of(part)
    try:
        with connect(part, side) as server:
            found = [
                (kind, name, int(server.scalar(_SIZE, name) or 0))
                for kind, name, there in (
                    ("database", names.schema, records.is_ours(server, names)),
                    ("rehearsal database", names.rehearsal, server.scalar(_THERE, names.rehearsal)),
                )
                if there
            ]
            channels = [("channel", name, 0) for name in (names.forward, names.back) if channel.read_channel(server, name) is not None]
            role = server.scalar("SELECT 1 FROM mysql.global_priv WHERE user = %s", names.rehearsal)
            return [*found, *channels, *([("rehearsal account", names.rehearsal, 0)] if role else [])]
    except (Lost, pymysql.err.Error) as error:
        raise ToolError(words_of(error), where=f"{part.name} ({side})", remedy=say("mariadb.look_again")) from error


def remove(part: Part) -> None:
    """Takes ours off the old side. It is closed before, and closed after: what keeps it closed are the accounts' own locks. Raises
    StepFailed where one is open: then somebody uses it."""
    names = names_of(part)
    with connect(part, "source") as source:
        _insist_closed(part, source)
        for name in (names.forward, names.back):
            channel.unsubscribe(source, name)
        records.revoke_probe(source, names)
        records.drop(source, names)
        source.execute(fill("DROP DATABASE IF EXISTS {}", names.rehearsal))
        source.execute("DROP USER IF EXISTS %s@'%%'", names.rehearsal)
        _insist_closed(part, source)


def _insist_closed(part: Part, source: Connection) -> None:
    if unlocked := accounts.find_unlocked(source, part.admin):
        raise StepFailed(
            say("mariadb.old_open", name=part.name, accounts=tuple(map(str, unlocked))), where=part.name, remedy=say("mariadb.who_opened")
        )
