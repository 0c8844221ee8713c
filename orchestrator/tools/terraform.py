"""What exists on the cloud for one system: plan to a file, look at it, apply that file, and only that.

One directory and one state per system. Terraform's state holds values in clear, so the directory has mode 0700, its files 0600,
and the plan file is removed once it was applied or discarded.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from python_terraform import IsFlagged

from orchestrator.errors import Finding, Refused, ToolError
from orchestrator.private import make_private
from orchestrator.texts import say
from orchestrator.tools.locks import is_locked
from orchestrator.tools.process import Register, Stopped
from orchestrator.tools.terraform_cli import CHANGES, NO_CHANGES, Terraform, TerraformEvent
from orchestrator.tools.terraform_module import read_providers
from orchestrator.tools.terraform_servers import Server, read_servers
from orchestrator.tools.terraform_state import KnownResource, StateCopies, read_known, state_serial, write_private

__all__ = ["Change", "Check", "KnownResource", "Server", "SystemTerraform", "TerraformEvent", "TerraformPlan"]

SYSTEM_ID = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
VARIABLE = re.compile(r"[a-z][a-z0-9_]{0,62}")
PLAN_SECONDS = 180.0
STOP_SECONDS = 300.0
"""How long an apply that is asked to stop may go on until what it began on the cloud is in its state."""
ALONE_SECONDS = 60.0
"""How long somebody else who works in the same folder is waited for."""
PROTECTED = "Instance cannot be destroyed"
"""What Terraform says when a plan would destroy what the module protects."""


@dataclass(frozen=True, order=True)
class Change:
    """``action``: create, update, delete, replace, read, or move (another address in the state, nothing on the cloud)."""

    address: str
    action: str


@dataclass(frozen=True)
class TerraformPlan:
    """What an apply would do. ``digest`` depends on changes, values and module text only: the same world gives the same digest."""

    system: str
    changes: tuple[Change, ...]
    resources: int
    """How many there are after the apply."""
    digest: str
    file: Path
    variables: Mapping[str, object] = field(repr=False)
    shown: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The plan as ``terraform show -json`` gives it: what is judged before it is applied. Holds values in clear."""
    blocked: tuple[str, ...] = ()
    """Why it could not be applied even if it were allowed: the module protects what it would destroy."""

    @property
    def empty(self) -> bool:
        return not self.changes


Check = Callable[[TerraformPlan], None]
"""Raises Refused for a plan that must not run."""


def only_creates(plan: TerraformPlan) -> None:
    """What may run when nobody who knows better has judged it: a plan that takes nothing away."""
    taken = [change for change in plan.changes if change.action not in ("create", "update", "read", "move")]
    if taken:
        findings = [
            Finding(
                "plan-takes-away",
                "error",
                say("tools.would_be", address=change.address, action=change.action),
                say("tools.plan_again"),
                system=plan.system,
            )
            for change in taken
        ]
        raise Refused(say("tools.not_judged"), findings=findings, where=plan.system)


class SystemTerraform:
    """Terraform for one system. Methods raise ToolError (with Terraform's own errors), Stopped, Refused."""

    def __init__(
        self,
        module_dir: Path,
        workdir: Path,
        system_id: str,
        *,
        on_event: Callable[[TerraformEvent], None] | None = None,
        register: Register | None = None,
        cancelled: Callable[[], bool] | None = None,
        limit: float = 1800,
        stop_seconds: float = STOP_SECONDS,
        check: Check = only_creates,
    ) -> None:
        """``workdir`` is the folder of all systems; this one's is below it. ``limit``: seconds that an apply may take.

        ``check`` judges every plan before it is applied, one that was made again in place of a stale one included.
        """
        if not SYSTEM_ID.fullmatch(system_id):
            raise Refused(say("tools.no_system_id", id=system_id[:80]), remedy=say("tools.form_is", pattern=SYSTEM_ID.pattern))
        self.module_dir = module_dir.resolve()
        self.folder = workdir.absolute() / system_id
        self.system_id = system_id
        self.limit = limit
        self._copies = StateCopies(workdir.absolute().with_name(workdir.name + "-copies") / system_id)
        self.check = check
        self._stop_seconds = stop_seconds
        self.reported: list[str] = []
        """Errors of the last plan, one entry each, as Terraform said them."""
        self._cancelled = cancelled
        self._is_alone = False
        self._handlers = {"on_event": on_event, "register": register, "cancelled": cancelled}

    @contextmanager
    def alone(self, seconds: float = ALONE_SECONDS) -> Iterator[None]:
        """Nobody else works on this system's servers from this folder meanwhile, whatever journal he writes. Within it, again is fine.

        Terraform's own lock lasts for one command: between a listing and the apply that follows from it another run could make
        what this one then takes for a leftover. Ends with its process, however that ends. Raises Refused when somebody else works
        there and has not ended within so many seconds; Stopped.
        """
        if self._is_alone:
            yield
            return
        make_private(self.folder)
        with os.fdopen(os.open(self.folder / "alone.lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
            until = time.monotonic() + seconds
            while not is_locked(lock):
                if time.monotonic() > until:
                    raise Refused(say("tools.worked_on", system=self.system_id), where=str(self.folder), remedy=say("tools.wait_for_other"))
                self.pause(0.2)
            self._is_alone = True
            try:
                yield
            finally:
                self._is_alone = False

    def plan(self, variables: Mapping[str, object], *, imports: Mapping[str, str] | None = None) -> TerraformPlan:
        """Plan to a file. ``variables`` are the module's inputs (``system_id`` is added). Changes nothing on the cloud.

        ``imports``: address → the cloud's id, of what is there and the state does not know.
        """
        inputs = {**variables, "system_id": self.system_id}
        self._prepare(inputs)
        blocks = [{"to": address, "id": ident} for address, ident in sorted((imports or {}).items())]
        file = self.folder / "imports.tf.json"
        if blocks:
            write_private(file, json.dumps({"import": blocks}))
        else:
            file.unlink(missing_ok=True)
        return self._plan(inputs)

    def apply(self, plan: TerraformPlan, *, approved_digest: str | None = None) -> dict[str, Server]:
        """Apply exactly this plan and return the servers.

        When its file is gone or stale, it is planned again and applied only if the digest is the same; Refused otherwise.
        ``approved_digest``: the digest that a person approved, when it was not this very object.
        """
        expected = approved_digest or plan.digest
        if plan.digest != expected or not plan.file.is_file():
            plan = self._again(plan, expected)
        try:
            self._allow(plan)
            terraform = self._terraform(self.limit)
            result = self._apply(terraform, plan)
            if result[0] != 0 and "stale" in "; ".join(terraform.reported):
                plan = self._again(plan, expected)
                self._allow(plan)
                terraform = self._terraform(self.limit)
                result = self._apply(terraform, plan)
        finally:
            self.discard(plan)
        terraform.must(result, what="apply")
        if "value" in terraform.given.get("servers", {}):  # what a module calls sensitive is told only to whoever asks for it
            return read_servers(terraform.given, str(self.module_dir))
        return self.outputs()

    def _allow(self, plan: TerraformPlan) -> None:
        self.check(plan)
        if plan.blocked:
            raise ToolError(say("tools.plan_blocked", blocked=tuple(plan.blocked)), where=self.system_id, remedy=say("tools.set_back"))

    def pause(self, seconds: float) -> None:
        """Waits. Raises Stopped when it is asked to end meanwhile."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._cancelled is not None and self._cancelled():
                raise Stopped(say("tools.stopped"), where=self.system_id, remedy=say("tools.observe_then"), retryable=True)
            time.sleep(min(0.2, seconds))

    def discard(self, plan: TerraformPlan) -> None:
        """Remove the plan's file; it may hold values in clear."""
        plan.file.unlink(missing_ok=True)
        self._close()

    def outputs(self) -> dict[str, Server]:
        """Server name → where it answers; empty before the first apply. Raises ToolError for what cannot be worked with."""
        if not self.has_state:
            return {}
        terraform = self._terraform(PLAN_SECONDS)
        text = terraform.must(terraform.cmd("output", json=IsFlagged), what="output")
        return read_servers(json.loads(text), str(self.module_dir))

    def resources(self) -> tuple[str, ...]:
        """Addresses that the state knows."""
        if not self.has_state:
            return ()
        terraform = self._terraform(PLAN_SECONDS)
        return tuple(sorted(terraform.must(terraform.cmd("state list"), what="state list").splitlines()))

    def forget(self, addresses: Sequence[str]) -> None:
        """Take resources out of the state; on the cloud they stay as they are. A copy of the state is kept first."""
        if not addresses:
            return
        self.keep_copy()
        terraform = self._terraform(PLAN_SECONDS)
        terraform.must(terraform.cmd("state rm", *addresses, lock_timeout="60s"), what="state rm")
        self._close()

    def known(self) -> tuple[KnownResource, ...]:
        """What the state holds, with ids and marks; nothing on the cloud is asked. Empty without a state that can be read."""
        if not self.has_state:
            return ()
        terraform = self._terraform(PLAN_SECONDS)
        shown = json.loads(terraform.must(terraform.show_cmd(json=IsFlagged), what="show"))
        return read_known(shown)

    @property
    def has_state(self) -> bool:
        """Whether there is a state that can be read as one."""
        return state_serial(self._state()) is not None

    @property
    def is_behind(self) -> bool:
        """Whether the state is an old one, put where the last one was: it does not know what was made since."""
        return self._copies.is_ahead(self._state())

    def keep_copy(self) -> None:
        """A copy of the state, beside the folder of all systems: whoever loses the one has the other."""
        self._copies.keep(self._state())

    def restore_copy(self) -> Path | None:
        """Put the newest kept copy in the place of a state that is lost, cannot be read or is behind. None when there is no copy.

        What could not be read stays beside it as ``terraform.unreadable``: also where no copy takes its place.
        """
        make_private(self.folder)
        return self._copies.restore(self._state())

    def last_inputs(self) -> dict[str, Any]:
        """The inputs of the last plan; empty when there was none."""
        return dict(json.loads(self._inputs().read_text(encoding="utf-8"))) if self._inputs().is_file() else {}

    def destroy(self, variables: Mapping[str, object] | None = None) -> None:
        """Remove everything that the state knows from the cloud. Nothing to do is fine. ``variables``: default those of the last plan."""
        if not self.resources():
            return
        self.keep_copy()
        self._prepare({**variables, "system_id": self.system_id} if variables else None)
        terraform = self._terraform(self.limit)
        options: dict[str, Any] = {"force": None, "var": None, "target": None, "auto_approve": True, "json": IsFlagged}
        try:
            result = terraform.destroy(var_file=str(self._inputs()), lock_timeout="60s", **options)
        finally:
            self._close()
            self.keep_copy()
        terraform.must(result, what="destroy")

    # ------------------------------------------------------------------ inside

    def _terraform(self, limit: float) -> Terraform:
        return Terraform(self.folder, limit=limit, stop_seconds=self._stop_seconds, **self._handlers)  # type: ignore[arg-type]  # a dict of the three handlers

    def _state(self) -> Path:
        return self.folder / "terraform.tfstate"

    def _inputs(self) -> Path:
        return self.folder / "inputs.json"

    def _prepare(self, inputs: Mapping[str, object] | None) -> None:
        """Write root module and inputs; ``terraform init`` when the root changed. ``None``: the inputs of the last plan."""
        make_private(self.folder)
        self.folder.chmod(0o700)
        if inputs is not None:
            for name in inputs:
                if not VARIABLE.fullmatch(name):
                    raise Refused(
                        say("tools.no_variable_name", name=name[:80]),
                        where=self.system_id,
                        remedy=say("tools.form_is", pattern=VARIABLE.pattern),
                    )
            write_private(self._inputs(), json.dumps(inputs, sort_keys=True))
        names = sorted(json.loads(self._inputs().read_text()))
        root = json.dumps(root_module(self.module_dir, names), indent=2)
        path = self.folder / "main.tf.json"
        if not (self.folder / ".terraform").is_dir() or not path.is_file() or path.read_text() != root:
            shutil.rmtree(self.folder / ".terraform", ignore_errors=True)
            write_private(path, root)
            terraform = self._terraform(PLAN_SECONDS)
            terraform.must(terraform.init(no_color=IsFlagged, reconfigure=None, backend=None), what="init")

    def _plan(self, inputs: Mapping[str, object]) -> TerraformPlan:
        file = self.folder / "plan.bin"
        file.unlink(missing_ok=True)
        terraform = self._terraform(PLAN_SECONDS)
        result = terraform.plan(out=file.name, var=None, target=None, var_file=str(self._inputs()), json=IsFlagged, lock_timeout="60s")
        self._close()
        self.reported = list(terraform.reported)
        blocked = self.reported and file.is_file() and all(said.startswith(PROTECTED) for said in self.reported)
        if not blocked:
            terraform.must(result, what="plan", accepted=(NO_CHANGES, CHANGES))
        shown = json.loads(terraform.must(terraform.show_cmd(file.name, json=IsFlagged), what="show"))
        changed = [item for item in shown.get("resource_changes", []) if item["change"]["actions"] != ["no-op"] or _is_moved(item)]
        return TerraformPlan(
            system=self.system_id,
            changes=tuple(sorted(Change(item["address"], _action(item)) for item in changed)),
            resources=_count(shown.get("planned_values", {}).get("root_module", {})),
            digest=self._digest(changed, inputs),
            file=file,
            variables=inputs,
            shown=shown,
            blocked=tuple(self.reported) if blocked else (),
        )

    def _again(self, plan: TerraformPlan, expected: str) -> TerraformPlan:
        fresh = self.plan({name: value for name, value in plan.variables.items() if name != "system_id"})
        if fresh.digest != expected:
            self.discard(fresh)
            raise Refused(
                say("tools.plan_stale"),
                where=self.system_id,
                remedy=say("tools.approve_new"),
            )
        return fresh

    def _apply(self, terraform: Terraform, plan: TerraformPlan) -> tuple[int, str, str]:
        try:
            code, out, err = terraform.apply(plan.file.name, var=None, target=None, json=IsFlagged, lock_timeout="60s")
        finally:
            self._close()
            self.keep_copy()  # also of an apply that failed or was stopped: it knows what was made
        return code, out, err

    def _digest(self, changed: list[dict[str, Any]], inputs: Mapping[str, object]) -> str:
        module = {path.name: path.read_text() for path in sorted(self.module_dir.glob("*.tf"))}
        changes = [
            [item["address"], item["change"]["actions"], item["change"].get("before"), item["change"].get("after")] for item in changed
        ]
        text = json.dumps([sorted(changes, key=lambda change: str(change[0])), inputs, module], sort_keys=True)
        if run := str(inputs.get("run") or ""):
            text = text.replace(run, "")  # the mark of a run is another one each time, and changes nothing
        return hashlib.sha256(text.encode()).hexdigest()

    def _close(self) -> None:
        """Terraform creates its files by the umask; the umask of its children (machines of the embedded cloud) is not ours to narrow."""
        for path in self.folder.iterdir():
            if path.is_file() and not path.is_symlink():
                path.chmod(0o600)


def root_module(module_dir: Path, names: list[str]) -> dict[str, object]:
    """The root: one typed-by-the-module variable per input, handed through to the module, or to its provider where the module says
    that it is the provider's. No value is written into it, so none is evaluated."""
    providers = read_providers(module_dir)
    of_providers = {name for provider in providers.values() for name in provider.settings.values()}
    handed = {name: f"${{var.{name}}}" for name in names if name not in of_providers}
    source = str(module_dir).replace("${", "$${").replace("%{", "%%{")
    root: dict[str, object] = {
        "variable": {name: {"type": "any"} for name in names},
        "module": {"system": {"source": source, **handed}},
        "output": {"servers": {"value": "${module.system.servers}"}},
    }
    if of_providers.isdisjoint(names):
        return root
    settings = {
        local: {key: f"${{var.{name}}}" for key, name in provider.settings.items() if name in names} for local, provider in providers.items()
    }
    required = {local: {"source": provider.source} for local, provider in providers.items()}
    return root | {"terraform": {"required_providers": required}, "provider": settings}


def _is_moved(item: Mapping[str, Any]) -> bool:
    """A ``moved`` block gives it another address in the state; until that is applied every later plan depends on the block."""
    return bool(item.get("previous_address", item["address"]) != item["address"])


def _action(item: Mapping[str, Any]) -> str:
    actions = item["change"]["actions"]
    if actions == ["no-op"]:
        return "move"
    return "replace" if sorted(actions) == ["create", "delete"] else str(actions[0])


def _count(module: Mapping[str, Any]) -> int:
    own = sum(1 for item in module.get("resources", ()) if item.get("mode") == "managed")
    return own + sum(_count(child) for child in module.get("child_modules", ()))
