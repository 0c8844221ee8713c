"""Which class stands behind a kind of side, holder or citizen: the one table of the guard and the probe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.gateways import haproxy_entry, http_citizen, http_hold, pgbouncer, tcp_hold
from orchestrator.gateways.holder import DatabaseHolder, Holder
from orchestrator.movers import decision
from orchestrator.movers.citizen import Citizen
from orchestrator.movers.files import side as files
from orchestrator.movers.mariadb import citizen as mariadb_citizen
from orchestrator.movers.mariadb import side as mariadb
from orchestrator.movers.postgresql import citizen as postgresql_citizen
from orchestrator.movers.postgresql import side as postgresql
from orchestrator.movers.side import Side

SIDES: dict[str, Callable[..., Side]] = {
    postgresql.KIND: postgresql.PostgresSide,
    mariadb.KIND: mariadb.MariadbSide,
    decision.KIND: decision.DecisionSide,
    files.KIND: files.FilesSide,
}
DATABASE_HOLDERS: dict[str, Callable[..., DatabaseHolder]] = {
    pgbouncer.KIND: pgbouncer.PgBouncer,
    tcp_hold.KIND: tcp_hold.TcpHold,
}
HOLDERS: dict[str, Callable[..., Holder]] = {
    **DATABASE_HOLDERS,
    haproxy_entry.KIND: haproxy_entry.HaproxyEntry,
    http_hold.KIND: http_hold.HttpHold,
}
CITIZENS: dict[str, Callable[..., Citizen]] = {
    postgresql_citizen.KIND: postgresql_citizen.PostgresCitizen,
    mariadb_citizen.KIND: mariadb_citizen.MariadbCitizen,
    http_citizen.KIND: http_citizen.HttpCitizen,
}


def make_side(spec: Mapping[str, Any]) -> Side:
    """Opens a side. Raises Lost when it does not answer, LookupError for a kind that nobody knows."""
    return SIDES[spec["kind"]](**_without_kind(spec))


def make_holder(spec: Mapping[str, Any]) -> Holder:
    """Opens a holder. Raises OSError or the driver's error when it does not answer, LookupError as above."""
    return HOLDERS[spec["kind"]](**_without_kind(spec))


def stands_first(spec: Mapping[str, Any]) -> bool:
    """Whether a holder's clients go through the other holders: they are held and seen gone before those are."""
    return bool(spec["kind"] == http_hold.KIND)


def make_database_holder(spec: Mapping[str, Any]) -> DatabaseHolder:
    """The same for one before databases. Raises as above."""
    return DATABASE_HOLDERS[spec["kind"]](**_without_kind(spec))


def passes_itself(spec: Mapping[str, Any]) -> bool:
    """Whether a part flows by markers alone: what was written since the one before waits for the next."""
    return bool(spec["kind"] == files.KIND)


def make_citizen(spec: Mapping[str, Any], number: int) -> Citizen:
    """One client; ``number`` tells those of one probe apart. Raises as above."""
    return CITIZENS[spec["kind"]](**_without_kind(spec), number=number)


def _without_kind(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key != "kind"}
