"""What we write on a host goes without a trace: files, and the folders that were made for them; what stood there before stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.hosts import former
from orchestrator.hosts.cron import Cron
from orchestrator.hosts.services import CarriedFile, Placed
from tests.support.local_host import LocalConnection


def photograph(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() if path.is_file() else "/" for path in folder.rglob("*")}


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A host's disk: a folder with a file, an empty one."""
    disk = tmp_path / "disk"
    (disk / "etc/app").mkdir(parents=True)
    (disk / "etc/empty").mkdir()
    (disk / "etc/app/own.conf").write_text("the package's own")
    return disk


WRITTEN = ["etc/app/own.conf", "etc/app/ours.conf", "etc/empty/ours.conf", "opt/office/conf/deep/ours.conf", "opt/office/other.conf"]


def test_files_and_the_folders_that_were_made_for_them_are_taken_away(disk: Path, tmp_path: Path) -> None:
    before, paths = photograph(disk), [str(disk / name) for name in WRITTEN]
    made = former.save(LocalConnection(), str(tmp_path / "kept"), paths)
    assert set(made) == {str(disk / name) for name in ("opt", "opt/office", "opt/office/conf", "opt/office/conf/deep")}
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("ours")
    for _ in range(2):  # an undo that is run again
        former.put_back(LocalConnection(), str(tmp_path / "kept"), paths, made)
        assert photograph(disk) == before


def test_a_folder_in_which_others_have_something_by_then_stays(disk: Path, tmp_path: Path) -> None:
    path = disk / "opt/office/conf/ours.conf"
    made = former.save(LocalConnection(), str(tmp_path / "kept"), [str(path)])
    path.parent.mkdir(parents=True)
    (disk / "opt/somebody").write_text("else")
    former.put_back(LocalConnection(), str(tmp_path / "kept"), [str(path)], made)
    assert [found.name for found in (disk / "opt").iterdir()] == ["somebody"]


def test_what_a_job_of_cron_brought_along_goes_with_it(disk: Path, tmp_path: Path) -> None:
    """Its configuration too, in which a password may stand."""
    before, owner = photograph(disk), str(os.getuid())
    job = CarriedFile(str(disk / "etc/cron.d/office"), b"0 1 * * * root true\n", owner=owner, group=str(os.getgid()))
    settings = CarriedFile(str(disk / "opt/office/settings.ini"), b"password = top-secret\n", 0o600, owner, str(os.getgid()))
    service = Placed("nightly", cron=job.path, files=(job, settings))
    cron = Cron(LocalConnection(), str(tmp_path / "services"))
    cron.place(service)
    cron.start(service)
    assert Path(job.path).exists() and Path(settings.path).exists()
    cron.restore(service)
    assert photograph(disk) == before


def test_what_was_ours_goes_with_the_folders_that_it_leaves_empty_and_no_further(tmp_path: Path) -> None:
    home = tmp_path / "var/lib/orchestrator"
    for name in ("services/web/former/0", "services/job/held", "secrets/web/x"):
        (home / name).parent.mkdir(parents=True)
        (home / name).touch()
    former.remove_ours(LocalConnection(), str(home / "services/web"), str(home / "never/there"))
    assert sorted(path.name for path in home.iterdir()) == ["secrets", "services"]
    former.remove_ours(LocalConnection(), str(home / "services/job"), str(home / "secrets/web"))
    assert list(home.iterdir()) == [], "our own folder stays: services read in it"
