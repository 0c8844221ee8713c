"""Tells one case of ``cases/*.yaml`` to a service manager: the same words for systemd on a booted host and for plain processes.

A case has ``service`` (fields of ``Placed``; ``kind`` chooses the program) and ``story``, a list of words, each of which is an act
of the contract or one of the surroundings (``start_foreign``, ``try_by_hand``, ``restart_host``), or an expectation.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import yaml

from orchestrator.errors import OrchestratorError
from orchestrator.hosts.services import Placed, ServiceManager

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
PROGRAM = """
import http.server, os, sys, time
print("starting as", os.environ.get("GREETING", "nobody"), flush=True)
time.sleep(float(os.environ.get("COLD_START", "0")))
if "FAIL" in os.environ: sys.exit("the licence has expired")
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ.get("GREETING", "").encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
if len(sys.argv) > 1: http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), Hello).serve_forever()
while True: time.sleep(0.2)
"""


class Surroundings(Protocol):
    """The host around a manager, as a case needs it."""

    address: str
    kind: str
    """``systemd`` or ``processes``."""

    def manager(self) -> ServiceManager: ...
    def argv(self, *arguments: str) -> tuple[str, ...]: ...
    def free_port(self) -> int: ...
    def get(self, port: int) -> str: ...
    def start_foreign(self, service: Placed) -> None: ...
    def try_by_hand(self, service: Placed) -> None: ...
    def restart_host(self) -> None: ...
    def photograph(self) -> str: ...


def load(case: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(case.read_text(encoding="utf-8")))


def tell(case: Path, host: Surroundings) -> None:
    """One case from its beginning to its end. Raises AssertionError where the manager does not do as the contract says."""
    document = load(case)
    described = dict(document["service"])
    listens = described.pop("listens", True)
    port = host.free_port() if listens else 0
    arguments = (host.address, str(port)) if listens else ()
    service = Placed(name=case.stem, argv=host.argv(*arguments), address=host.address, port=port, **described)
    photographs = {"at the beginning": host.photograph()}
    for step in document["story"]:
        word, detail = next(iter(step.items())) if isinstance(step, dict) else (step, None)
        if word == "with":
            service = dataclasses.replace(service, environment={**service.environment, **detail})
        elif word == "photograph":
            photographs[detail] = host.photograph()
        elif word == "same as":
            assert host.photograph() == photographs[detail], f"the host is not as {detail}"
        elif word == "refused":
            _expect_refusal(host, service, detail)
        elif word == "expect":
            _expect(host, service, detail)
        else:
            _act(host, service, word)


def _act(host: Surroundings, service: Placed, word: str) -> None:
    around: dict[str, Callable[..., object]] = {
        "start_foreign": host.start_foreign, "try_by_hand": host.try_by_hand,
    }  # fmt: skip
    if word == "restart_host":
        host.restart_host()
    elif word in around:
        around[word](service)
    else:
        getattr(host.manager(), word)(service)


def _expect_refusal(host: Surroundings, service: Placed, detail: dict[str, str]) -> None:
    ((word, words),) = detail.items()
    try:
        _act(host, service, word)
    except OrchestratorError as error:
        assert words in str(error), f"{word} was refused, and says: {error}"
        assert error.remedy
        return
    raise AssertionError(f"{word} was not refused")


def _expect(host: Surroundings, service: Placed, detail: dict[str, Any]) -> None:
    state = host.manager().state(service)
    for name, wanted in detail.items():
        if name == "greeting":
            assert host.get(service.port) == wanted
        elif name == "enabled":
            assert host.kind == "processes" or state.enabled == wanted, state
        elif name == "says":
            assert wanted in _patiently(lambda: host.manager().last_words(service), wanted)
        else:
            assert getattr(state, name) == wanted, f"{name} should be {wanted}: {state}"


def _patiently(ask: Callable[[], str], wanted: str) -> str:
    deadline = time.monotonic() + 10
    while wanted not in (said := ask()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return said
