"""The source without its target: two people declared the live side lost.

What the target committed and had not sent is gone with it. What can be known is until when everything is here: the last
marker that flowed back. Every counter leaps: a gap in the numbers harms nobody, a number that was issued already would be given twice.
"""

from __future__ import annotations

from orchestrator.movers.contract import Facts, Part
from orchestrator.movers.mariadb import channel, fence, numbers
from orchestrator.movers.mariadb.connections import Connection, connect, fill, names_of
from orchestrator.movers.names import Names

LEAP = 10_000
"""How many numbers are left out beyond the last one that is known: more than anybody draws between two looks."""


def open_alone(part: Part, attempt: str, token: int) -> Facts:
    """Opens the source; the target is neither asked nor waited for. Again is fine. Raises Fenced on an older token."""
    names = names_of(part)
    with connect(part, "source") as row_keeper, connect(part, "source") as acting:
        channel.unsubscribe(acting, names.back)
        if not fence.control(acting, names).open:
            _leap(acting, names)
        fence.open_row(row_keeper, names, attempt, token)
        fence.settle(row_keeper, acting, names, part.admin)
        return {"kept_until": _kept_until(acting, names)}


def _kept_until(source: Connection, names: Names) -> str:
    query = fill("SELECT date_format(max(at), '%%Y-%%m-%%dT%%H:%%i:%%s.%%f+00:00') FROM {} WHERE id REGEXP '-(armed|watch)-[0-9]+$'",
                 [names.schema, "marker"])  # fmt: skip
    at = source.scalar(query)
    return str(at) if at is not None else ""


def _leap(source: Connection, names: Names) -> None:
    known = numbers.read_numbers(source, names)
    steps = {}
    for name, _, _ in known["sequences"]:
        row = source.execute(fill("SELECT increment, minimum_value, maximum_value FROM {}", [names.database, name]))[0]
        steps[name] = tuple(int(value) for value in row)
    tables = [(name, number + LEAP) for name, number in known["tables"]]
    sequences = []
    for name, value, cycle in known["sequences"]:
        step, least, most = steps[name]
        sequences.append((name, min(max(value + (step or 1) * LEAP, least), most), cycle))
    numbers.set_numbers(source, names, {"tables": tables, "sequences": sequences})
