"""Human tasks: what a person carries, switches or signs; done when somebody says so with evidence."""

from __future__ import annotations

from typing import Any

from orchestrator.errors import Refused, Waiting
from orchestrator.models import Device, Host
from orchestrator.steps.base import Context, Facts


def ask(ctx: Context, step: str, tasks: list[tuple[str, str, str]], detail: dict[str, Any]) -> Facts:
    """Opens the tasks (name, Chinese, English) one after the other. Raises Waiting at the first that is not done."""
    done: Facts = {}
    for name, zh, en in tasks:
        row = ctx.records.task(step, name, zh=zh, en=en, detail=detail)
        if row["state"] != "done":
            raise Waiting(
                f"human task {row['id']}: {en}",
                where=ctx.system.id,
                remedy=f"`orchestrator task done {row['id']} --evidence …` when it is done",
            )
        done[name] = {"actor": row["actor"], "evidence": row["evidence"], "opened": row["opened"], "done": row["done"]}
    return done


def new_address(thing: Host | Device) -> str:
    """Where a machine or device answers at the cloud centre. Raises Refused: nobody can guess it."""
    if thing.new_address is None:
        raise Refused(
            f"{thing.name} has no address at the cloud centre", where=thing.address, remedy="give it as new_address in the inventory"
        )
    return thing.new_address
