"""Every secret that a later step uses is tried by preflight and named by reference, account and host; its value is never said."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator import texts
from orchestrator.errors import NotMadeYet, ToolError
from orchestrator.models import Database
from orchestrator.movers.postgresql import verifiers
from orchestrator.steps import credentials
from tests.unit.steps.test_preflight import portal

VALUE = "correct horse"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    texts.use("en")
    yield
    texts.use(None)


class Mover:
    """``passwords``: of the application, by side. ``gateway``: what the way in says; empty: it lets in whoever has the source's."""

    def __init__(self, passwords: dict[str, str | None], gateway: str = "") -> None:
        self.passwords, self.gateway, self.logged_in = passwords, gateway, 0

    def accepts(self, _part: Any, password: str, side: str = "source") -> bool | None:
        known = self.passwords.get(side)
        return None if known is None else known == password

    def log_in(self, _part: Any, _way_in: Any, password: str) -> None:
        self.logged_in += 1
        if self.gateway or password != (self.passwords["source"] or password):
            raise ConnectionError(self.gateway or f"password authentication failed for {password}")


def context(monkeypatch: pytest.MonkeyPatch, mover: Mover, *, secrets: dict[str, str], is_made: bool = True) -> Any:
    database = Database(name="permits", engine="postgresql", host="db", role="permits_app", secret="env:APP", admin_secret="env:ADMIN")
    monkeypatch.setattr(credentials, "parts", lambda _ctx: [(mover, SimpleNamespace(role="permits_app", name="permits"))])

    def secret(reference: str | None) -> str:
        if reference not in secrets:
            raise ToolError("no such variable", where=str(reference), remedy="export it")
        return secrets[reference]

    def ssh(host: Any) -> None:
        if not is_made:
            raise NotMadeYet("not made", host=host.name, remedy="")

    world: Any = SimpleNamespace(
        movable_databases=[database], secret=secret, ssh=ssh, room=None, targets={"db": SimpleNamespace(name="db-new")},
        target=lambda name: world.targets[name], host=lambda name, side: SimpleNamespace(name=name if side == "source" else "db-new"),
        way_in=lambda *_: ("10.1.1.5", 6432),
    )  # fmt: skip
    pooler = SimpleNamespace(secret="env:CONSOLE", admin_role="pooler", host="gw-room")
    return SimpleNamespace(
        system=portal(databases=(database,)), world=world, verdict=SimpleNamespace(strategy="cloud_deployment", no_source=False), facts={},
        sites=SimpleNamespace(sites=[SimpleNamespace(pgbouncer=pooler)]),
    )  # fmt: skip


ALL = {"env:APP": VALUE, "env:ADMIN": "a", "env:CONSOLE": "c"}


def test_what_cannot_be_read_is_named_each_with_whose_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    found = credentials.find_unread(context(monkeypatch, Mover({}), secrets={}))
    assert [finding.code for finding in found] == ["secret-unread"] * 3
    for finding, words in zip(found, [("env:ADMIN", "db"), ("env:APP", "permits_app", "db"), ("env:CONSOLE", "pooler", "gw-room")], strict=True):
        assert all(word in finding.message for word in words)
    assert credentials.find_unread(context(monkeypatch, Mover({}), secrets=ALL)) == []


def test_a_secret_that_nobody_named_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = context(monkeypatch, Mover({}), secrets=ALL)
    databases = [database.model_copy(update={"secret": None}) for database in ctx.system.databases]
    ctx.system, ctx.world.movable_databases = portal(databases=tuple(databases)), databases
    (found,) = credentials.find_unread(ctx)
    assert (found.code, "permits_app" in found.message) == ("secret-missing", True)


@pytest.mark.parametrize(("mover", "is_made", "named"), [
    (Mover({"source": VALUE}), True, ()),
    (Mover({"source": "other"}), True, ("env:APP", "permits_app", "db", "source")),
    (Mover({"source": VALUE, "target": "other"}), True, ("env:APP", "permits_app", "db-new", "target")),
    (Mover({"source": VALUE, "target": "other"}), False, ()),
    (Mover({"source": None}), True, ()),
    (Mover({"source": VALUE}, "no such user"), True, ("env:APP", "permits_app", "10.1.1.5:6432", "no such user")),
])  # fmt: skip
def test_a_secret_of_another_account_is_named_where_it_is_refused(
    mover: Mover, is_made: bool, named: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = credentials.find_refused(context(monkeypatch, mover, secrets=ALL, is_made=is_made))
    assert len(found) == bool(named)
    assert all(word in finding.message for finding in found for word in named)
    assert all(finding.code == "secret-refused" and VALUE not in finding.message for finding in found)


def test_where_nobody_can_come_in_the_password_is_not_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    mover = Mover({"source": VALUE}, "connection refused")
    assert credentials.find_refused(context(monkeypatch, mover, secrets=ALL), ways_in=False) == []
    assert mover.logged_in == 0


def scram(password: str, salt: bytes = b"salt and pepper!", rounds: int = 4096) -> str:
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${rounds}:{parts[0]}${parts[1]}:{parts[2]}"


@pytest.mark.parametrize(("verifier", "password", "is_it"), [
    (scram("x y"), "x y", True), (scram("x y"), "xy", False), ("md5" + hashlib.md5(b"abrole", usedforsecurity=False).hexdigest(), "ab", True),
    ("md5" + hashlib.md5(b"abrole", usedforsecurity=False).hexdigest(), "b", False), ("", "x", None), ("SCRAM-SHA-256$nonsense", "x", None), (scram("é"), "é", None),
])  # fmt: skip
def test_a_verifier_tells_whose_password_it_is(verifier: str, password: str, is_it: bool | None) -> None:
    assert verifiers.matches(verifier, "role", password) is is_it
