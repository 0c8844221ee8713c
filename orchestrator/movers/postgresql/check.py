"""Everything that any later step needs, asked on both sides; each finding names its object. Reads only."""

from __future__ import annotations

from orchestrator.errors import Finding
from orchestrator.movers.contract import Moment, Part
from orchestrator.movers.postgresql import drift, following
from orchestrator.movers.postgresql import target as target_side
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.questions import SOURCE, Question
from orchestrator.movers.postgresql.reach import connect, names_of


def findings(part: Part, moment: Moment) -> list[Finding]:
    """All findings at once. A side that does not answer is a finding, too."""
    found: list[Finding] = []
    names = names_of(part)
    try:
        with connect(part, "source") as source:
            for question in SOURCE:
                found += _ask(source, question, part, names)
            found += following.refusals(part, source)
    except Exception as error:  # noqa: BLE001 - any refusal of the server is one finding
        found.append(_unreachable(part, "source", error))
    if moment is Moment.PREFLIGHT or part.target is None:
        return found
    try:
        with connect(part, "target", database="postgres") as target:
            if moment is Moment.COPY:
                with connect(part, "source") as source:
                    found += target_side.refusals(part, source, target)
        if moment is Moment.GATE:
            with connect(part, "source") as source, connect(part, "target") as target:
                found += drift.findings(part, source, target)
    except Exception as error:  # noqa: BLE001 - as above
        found.append(_unreachable(part, "target", error))
    return found


def _ask(connection: Connection, question: Question, part: Part, names: Names) -> list[Finding]:
    values = {"ours": names.schema, "role": part.role}
    rows = connection.execute(question.query, values).fetchall()
    return [Finding(question.code, question.severity, f"{part.name}: {row[0]}", question.remedy, system=part.system) for row in rows]


def _unreachable(part: Part, side: str, error: Exception) -> Finding:
    place = part.place(side)
    return Finding(
        "database-unreachable",
        "error",
        f"{part.name}: the {side} at {place.address}:{place.port} refuses us: {str(error).strip()}",
        "check address, role, secret reference and pg_hba.conf",
        system=part.system,
    )
