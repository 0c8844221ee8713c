"""A replication channel of ours: one follows the source on the target, one the target on the source.

Positions are GTIDs. Each server writes in a domain of its own, and neither writes down again what came from the other,
so that a server's own domain holds exactly what was committed there.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pymysql

from orchestrator.errors import StepFailed
from orchestrator.movers.contract import Part
from orchestrator.movers.mariadb.connections import Connection
from orchestrator.movers.names import Names
from orchestrator.texts import Words, say

WORKERS = 4
"""A replica with one was seen 7 s behind under 300 transactions a second (field notes)."""
_NO_SUCH_CHANNEL = 1617


def own_position(connection: Connection) -> str:
    """The last GTID of the server's own domain; empty when it has written none."""
    domain, text = connection.execute("SELECT @@GLOBAL.gtid_domain_id, @@GLOBAL.gtid_binlog_pos")[0]
    own = [gtid for gtid in str(text).split(",") if gtid.split("-")[0] == str(domain)]
    return own[0] if own else ""


def has_come_to(follower: Connection, position: str) -> bool:
    """Whether a GTID of another server's own domain has been committed here, and with it all before it."""
    if not position:
        return True
    domain, _, number = position.split("-")
    here = [gtid.split("-") for gtid in str(follower.scalar("SELECT @@GLOBAL.gtid_slave_pos")).split(",") if gtid]
    return any(each[0] == domain and int(each[2]) >= int(number) for each in here)


def subscribe(follower: Connection, part: Part, side: str, channel: str, position: str) -> None:
    """Makes the channel on ``follower``, from a position of the server on ``side``; nothing flows yet. One of that name is made anew."""
    unsubscribe(follower, channel)
    place = part.place(side)
    follower.execute("SET GLOBAL slave_parallel_threads = %s", WORKERS)
    # a strict server takes no position that says nothing of what it has written itself, and nothing of that comes back to it
    own = own_position(follower)
    domain = str(follower.scalar("SELECT @@GLOBAL.gtid_domain_id"))
    others = [gtid for gtid in position.split(",") if gtid and gtid.split("-")[0] != domain]
    follower.execute("SET GLOBAL gtid_slave_pos = %s", ",".join([*others, *([own] if own else [])]))
    follower.execute(
        "CHANGE MASTER %s TO MASTER_HOST = %s, MASTER_PORT = %s, MASTER_USER = %s, MASTER_PASSWORD = %s, MASTER_CONNECT_RETRY = 1,"
        " MASTER_HEARTBEAT_PERIOD = 2, MASTER_USE_GTID = slave_pos",
        channel, place.address, place.port, part.admin, part.password,
    )  # fmt: skip


def put_back_position(follower: Connection, position: str) -> None:
    """As it was before we followed anything here. Where the server does not take it (it has written since, and is strict), what
    we left stays: nobody follows by it, and whoever does later sets a position of his own."""
    if str(follower.scalar("SELECT @@GLOBAL.gtid_slave_pos")) != position:
        with contextlib.suppress(pymysql.err.Error):
            follower.execute("SET GLOBAL gtid_slave_pos = %s", position)


def follow(follower: Connection, channel: str) -> None:
    """What is committed on the other side flows in. Again is fine."""
    follower.execute("START SLAVE %s", channel)


def stop(follower: Connection, channel: str) -> None:
    """Nothing flows in any more; no such channel is fine."""
    try:
        follower.execute("STOP SLAVE %s", channel)
    except pymysql.err.Error as error:
        if error.args[0] != _NO_SUCH_CHANNEL:
            raise


def unsubscribe(follower: Connection, channel: str) -> None:
    """Takes the channel away; none there is fine."""
    stop(follower, channel)
    try:
        follower.execute("RESET SLAVE %s ALL", channel)
    except pymysql.err.Error as error:
        if error.args[0] != _NO_SUCH_CHANNEL:
            raise


def read_channel(connection: Connection, channel: str) -> dict[str, Any] | None:
    """What the server says of it; None: there is none of that name."""
    for row in connection.read("SHOW ALL SLAVES STATUS"):
        if row.get("Connection_name") == channel:
            return row
    return None


def find_problem(connection: Connection, channel: str) -> Words:
    """Why it does not follow, in words; empty when it does, or is just connecting."""
    row = read_channel(connection, channel)
    if row is None:
        return say("mariadb.no_channel", channel=channel)
    said = str(row.get("Last_SQL_Error") or row.get("Last_IO_Error") or "").strip()
    if row["Slave_SQL_Running"] != "Yes" or row["Slave_IO_Running"] == "No":
        return say("mariadb.stopped_said", channel=channel, said=said) if said else say("mariadb.stopped", channel=channel)
    return ""


def is_following(connection: Connection, channel: str) -> bool:
    """Connected and applying."""
    row = read_channel(connection, channel)
    return row is not None and row["Slave_SQL_Running"] == "Yes" and row["Slave_IO_Running"] == "Yes"


def wait_following(connection: Connection, channel: str, *, limit: float) -> None:
    """Raises StepFailed with the server's words when it does not come up, or fails."""
    until = time.monotonic() + limit
    while not is_following(connection, channel):
        row = read_channel(connection, channel) or {}
        failed = find_problem(connection, channel) if row.get("Last_SQL_Errno") or row.get("Last_IO_Errno") else ""
        if failed or time.monotonic() > until:
            why = failed or find_problem(connection, channel) or say("mariadb.io_state", state=str(row.get("Slave_IO_State")))
            raise StepFailed(
                say("mariadb.not_up", why=why), where=channel, remedy=say("mariadb.mend_server")
            )
        time.sleep(0.05)


def other_channels(connection: Connection, names: Names) -> list[str]:
    """Somebody else's."""
    rows = connection.read("SHOW ALL SLAVES STATUS")
    return [str(row["Connection_name"] or "the default one") for row in rows if row["Connection_name"] not in (names.forward, names.back)]
