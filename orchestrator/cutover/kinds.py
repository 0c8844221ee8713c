"""Which class stands behind a kind of side or holder: the one table of the guard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.gateways import haproxy_entry, pgbouncer
from orchestrator.gateways.holder import Holder
from orchestrator.movers import decision
from orchestrator.movers.postgresql import side as postgresql
from orchestrator.movers.side import Side

SIDES: dict[str, Callable[..., Side]] = {postgresql.KIND: postgresql.PostgresSide, decision.KIND: decision.DecisionSide}
HOLDERS: dict[str, Callable[..., Holder]] = {pgbouncer.KIND: pgbouncer.PgBouncer, haproxy_entry.KIND: haproxy_entry.HaproxyEntry}


def make_side(spec: Mapping[str, Any]) -> Side:
    """Opens a side. Raises Lost when it does not answer, LookupError for a kind that nobody knows."""
    return SIDES[spec["kind"]](**{key: value for key, value in spec.items() if key != "kind"})


def make_holder(spec: Mapping[str, Any]) -> Holder:
    """Opens a holder. Raises OSError or the driver's error when it does not answer, LookupError as above."""
    return HOLDERS[spec["kind"]](**{key: value for key, value in spec.items() if key != "kind"})
