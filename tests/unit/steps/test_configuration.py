"""Preflight's word on declared edits: which find their key, which would add one, which were misspelt. Values are never said."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator import texts
from orchestrator.errors import StepFailed, Unasked
from orchestrator.models import ConfigFile, Service
from orchestrator.steps import configuration
from tests.unit.hosts.test_configuration import FILES


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    texts.use("en")
    yield
    texts.use(None)


class Connection:
    """A host with one file."""

    name = "app"

    def __init__(self, text: str) -> None:
        self.text = text

    def run(self, _argv: list[str], **_more: object) -> Any:
        return SimpleNamespace(stdout="640 root app", code=0)

    def read_file(self, _path: str, **_more: object) -> bytes:
        return self.text.encode()


def context(connection: Any, **edits: Any) -> Any:
    file = ConfigFile(path="/etc/app.conf", **edits)
    service = Service(name="web", host="app", unit="web.service", singleton=False, files=(file,))

    def ssh(_host: Any) -> Any:
        if isinstance(connection, Exception):
            raise connection
        return connection

    world = SimpleNamespace(ssh=ssh, source=lambda name: SimpleNamespace(name=name, manager="systemd"), reference_table=lambda *_: {})
    return SimpleNamespace(world=world, system=SimpleNamespace(id="s", services=(service,), databases=(), devices=()))


@pytest.mark.parametrize("form", FILES)
def test_a_key_that_the_file_has_not_is_refused_by_name_with_the_nearest(form: str) -> None:
    text, keys, misspelt, meant = FILES[form]
    ctx = context(Connection(text), format=form, set={**dict.fromkeys(keys, "top-secret"), misspelt: "top-secret", "zzzzzzzz": "top-secret"})
    found = configuration.find_problems(ctx)
    assert [finding.severity for finding in found] == ["error", "error"]
    assert misspelt in found[0].message and meant in found[0].message and "/etc/app.conf" in found[0].message
    assert "zzzzzzzz" in found[1].message and keys[0] in found[1].message
    assert all("add" in finding.remedy and "top-secret" not in finding.message for finding in found)
    with pytest.raises(StepFailed, match="add"):  # the file may have changed since
        configuration.edited_files(ctx, ctx.system.services[0], None, {})


@pytest.mark.parametrize("form", [form for form in FILES if form != "php"])
def test_what_is_declared_to_be_added_is_and_a_dry_run_says_which(form: str) -> None:
    text, keys, new, _ = FILES[form]
    ctx = context(Connection(text), format=form, set={keys[0]: "7"}, add={new: "8", keys[1]: "9"})
    assert configuration.find_problems(ctx) == []
    (told,) = map(str, configuration.describe_edits(ctx))
    there, _, added = told.partition("would be added")
    assert keys[0] in there and keys[1] in there and new in added
    (file,) = configuration.edited_files(ctx, ctx.system.services[0], None, {})
    assert all(value in file.content.decode() for value in "789")


def test_of_a_host_that_cannot_be_asked_nothing_is_said_to_be_missing() -> None:
    away = Unasked("no route", host="app", remedy="see")
    found = configuration.find_problems(context(away, format="ini", set={"a.b": "1"}))
    assert [finding.code for finding in found] == ["host-unusable"]
    assert configuration.describe_edits(context(away, format="ini", set={"a.b": "1"})) == []
