"""What belongs to one account is made so, whatever its umask; the doctor tells what others may change or read, and nothing that is not so."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.cli.main import main
from orchestrator.private import make_private
from orchestrator.settings import HOME


@pytest.fixture(params=[0o007, 0o002, 0o000], ids=oct)
def city(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A city begun by ``init`` under an open umask."""
    former = os.umask(request.param)
    monkeypatch.chdir(tmp_path)
    try:
        assert main(["init", "city"]) == 0
        monkeypatch.chdir(tmp_path / "city")
        for file in (HOME / "inventories/demo").glob("*.yaml"):
            shutil.copy(file, "inventory")
            (Path("inventory") / file.name).chmod(0o644)
        yield tmp_path / "city"
    finally:
        os.umask(former)


def reached_by_others(folder: Path) -> list[str]:
    return [str(path) for path in (folder, *folder.rglob("*")) if stat.S_IMODE(path.stat().st_mode) & 0o077]


def doctors(capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    main(["doctor", "--json"])
    found = json.loads(capsys.readouterr().out)["findings"]
    return [finding["remedy"] for finding in found if finding["code"] == "open-to-others"]


def test_what_init_makes_is_for_this_account_alone(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in (HOME / "inventories/demo").glob("*.yaml"):
        (city / "inventory" / file.name).unlink()
    assert reached_by_others(city) == []
    assert doctors(capsys) == []


@pytest.mark.parametrize("first", [["plan"], ["dry-run", "--system", "county-service-hall"], ["policy", "check"]], ids=lambda first: first[0])
@pytest.mark.usefixtures("city")
def test_the_state_folder_is_closed_whichever_command_comes_first(first: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(first)
    state = Path(".orchestrator")
    assert not state.exists() or stat.S_IMODE(state.stat().st_mode) == 0o700
    assert doctors(capsys) == []


def test_what_others_may_change_or_read_is_told_with_the_command_that_ends_it(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = city / "secret"
    secret.write_text("x\n", "utf-8")
    secret.chmod(0o644)
    sites = city / "inventory/sites.yaml"
    sites.write_text(sites.read_text("utf-8").replace("file:/secrets/pgbouncer_admin", f"file:{secret}"), "utf-8")
    sites.chmod(0o666)
    Path(".orchestrator").mkdir()
    Path(".orchestrator").chmod(0o770)
    told = " ".join(doctors(capsys))
    assert f"chmod o-w {sites}" in told and f"chmod 700 {city / '.orchestrator'}" in told and f"chmod 600 {secret}" in told
    sites.chmod(0o644)
    secret.chmod(0o600)
    Path(".orchestrator").chmod(0o2770)  # made for a group, as docs/first-migration.md says
    assert doctors(capsys) == []


def test_every_missing_folder_above_is_private_too(tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        make_private(tmp_path / "a/b/c")
    finally:
        os.umask(former)
    assert [stat.S_IMODE((tmp_path / path).stat().st_mode) for path in ("a", "a/b", "a/b/c")] == [0o700] * 3


def test_an_import_keeps_a_files_mode_and_lets_nobody_else_write_a_new_one(tmp_path: Path) -> None:
    from orchestrator.inventory.folder.write import write_whole

    former = os.umask(0)
    try:
        write_whole(tmp_path / "new.yaml", "a")
        (tmp_path / "old.yaml").write_text("a", "utf-8")
        (tmp_path / "old.yaml").chmod(0o640)
        write_whole(tmp_path / "old.yaml", "b")
    finally:
        os.umask(former)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("new.yaml", "old.yaml")] == [0o644, 0o640]
