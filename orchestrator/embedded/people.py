"""The simulated people of the embedded city: they decide at gates and do human tasks, and are named as simulated everywhere."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from orchestrator.embedded.city import City
from orchestrator.engine.session import Session
from orchestrator.errors import OrchestratorError
from orchestrator.journal.actors import Actor, simulated

OPERATOR = simulated("运维值班员（模拟）")
DECIDE = {
    "initial_acceptance": simulated("初验专家组（模拟）"),
    "approve_cutover": simulated("智慧城市办审批人（模拟）"),
    "approve_retirement": simulated("智慧城市办审批人（模拟）"),
    "final_acceptance": simulated("终验专家组（模拟）"),
}
COURIER = simulated("搬运承运人（模拟）")
BUILDER = simulated("建设单位项目经理（模拟）")
ENGINEER = simulated("系统工程师（模拟）")


class People:
    """A thread that looks at the journal as people look at their screens. ``may_accept`` is asked before final acceptance;
    ``give_up`` is called when one of them falls over."""

    def __init__(self, session: Session, city: City, may_accept: Callable[[str], bool], give_up: Callable[[], None]) -> None:
        self._session, self._city, self._may_accept = session, city, may_accept
        self._give_up = give_up
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live, name="people", daemon=True)
        self.problems: list[str] = []

    def __enter__(self) -> People:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _live(self) -> None:
        while not self._stop.wait(0.2):
            for migration in self._session.journal.migrations():
                if migration.state == "ended":
                    continue
                try:
                    self._decide(migration)
                    self._work(migration)
                except OrchestratorError as error:
                    self.problems.append(str(error))
                except Exception as error:  # noqa: BLE001 - a person who falls over ends the demo, and is named in its result
                    self.problems.append(f"{type(error).__name__}: {error}")
                    self._give_up()

    def _decide(self, migration: Any) -> None:
        for gate in self._session.decisions.gates(migration.id):
            if gate.state != "open" or (gate.gate == "final_acceptance" and not self._may_accept(migration.system)):
                continue
            self._session.decide(
                migration.id,
                gate.gate,
                approve=True,
                actor=DECIDE[gate.gate],
                digest=gate.digest,
                reason="embedded demo: simulated decision",
            )

    def _work(self, migration: Any) -> None:
        for task in self._session.decisions.tasks(migration.id, state="open"):
            evidence, who = self._do(task)
            with contextlib.suppress(OrchestratorError):  # someone else was quicker
                self._session.decisions.finish_task(task.id, actor=who, evidence=evidence)

    def _do(self, task: Any) -> tuple[str, Actor]:
        detail = task.detail or {}
        if task.step == "carry_device":
            return self._carry_device(task.name, detail), COURIER
        if task.step == "carry_machines":
            return self._carry_machines(task.name, detail), COURIER
        return "simulated: handed in for the embedded demo", BUILDER

    def _carry_device(self, name: str, detail: dict[str, Any]) -> str:
        for device, address in zip(detail["devices"], detail["to"], strict=True):
            if name.startswith("power_off"):
                self._city.power_off_device(device)
            elif name.startswith("power_on"):
                self._city.move_device(device, address)
        return f"simulated courier: {name} of {', '.join(detail['devices'])}"

    def _carry_machines(self, name: str, detail: dict[str, Any]) -> str:
        for machine, address in zip(detail["machines"], detail["to"], strict=True):
            if name.startswith("power_off"):
                self._city.power_off(machine)
            elif name.startswith("transport"):
                self._city.transport(machine, address)
            elif name.startswith("power_on"):
                self._city.power_on(machine)
        return f"simulated courier: {name} of {', '.join(detail['machines'])}"
