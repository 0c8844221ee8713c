"""File trees between two real hosts."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import OrchestratorError, Refused, ToolError
from orchestrator.models import Host
from orchestrator.movers.files.trees import CopyReport, tree_hashes
from orchestrator.progress import Progress

pytestmark = pytest.mark.servers
NUMBERS = itertools.count()


class Trees:
    """A source tree with hostile names on one host, and an empty place on another."""

    def __init__(self, lab: Any, old: Host, new: Host) -> None:
        self.lab, self.old, self.new = lab, old, new
        number = next(NUMBERS)
        self.source = lab.root(old) / f"srv {number}" / "$(touch pwned)"
        self.target = lab.root(new) / f"srv {number}" / "`touch pwned`;x"
        self.quarantine = lab.root(new) / f"quarantine {number}"
        self.source.mkdir(parents=True)
        (self.source / "uploads").mkdir()
        for name in ("a", "uploads/with blank", "uploads/公文.pdf", "-rf", "uploads/$(touch pwned)"):
            (self.source / name).write_text(f"content of {name}")
        (self.source / "link").symlink_to("a")
        (self.source / "a").chmod(0o640)

    def copy(self, **options: Any) -> CopyReport:
        report: CopyReport = self.lab.rsync().copy_tree(
            self.old, str(self.source), self.new, str(self.target), delete_to=str(self.quarantine), **options
        )
        return report

    def hashes(self) -> tuple[dict[str, str], dict[str, str]]:
        with self.lab.connect(self.old) as old, self.lab.connect(self.new) as new:
            return tree_hashes(old, str(self.source)), tree_hashes(new, str(self.target))


@pytest.fixture
def trees(lab: Any, host: Host, other: Host) -> Trees:
    return Trees(lab, host, other)


def test_a_copy_is_complete_and_a_second_pass_changes_nothing(trees: Trees) -> None:
    report = trees.copy()
    assert set(report.changed) == {"a", "link", "-rf", "uploads/with blank", "uploads/公文.pdf", "uploads/$(touch pwned)"}
    assert report.files == 6
    assert report.bytes == sum(path.stat().st_size for path in trees.source.rglob("*") if path.is_file() and not path.is_symlink())
    source, target = trees.hashes()
    assert source == target
    assert target["link"] == "link:a"
    assert len(target["a"]) == 64
    assert (trees.target / "a").stat().st_mode & 0o777 == 0o640
    again = trees.copy()
    assert (again.files, again.bytes, again.changed, again.deleted) == (0, 0, (), ())


def test_no_name_or_path_is_read_by_a_shell(trees: Trees) -> None:
    trees.copy()
    trees.hashes()
    trees.copy(checksum=True)
    assert not list(trees.lab.folder.rglob("pwned"))
    assert not Path("pwned").exists()


def test_nothing_is_deleted_or_overwritten_without_a_copy_in_quarantine(trees: Trees) -> None:
    trees.copy()
    (trees.source / "uploads" / "with blank").unlink()
    (trees.source / "a").write_text("a newer content")
    report = trees.copy()
    assert report.deleted == ("uploads/with blank",)
    assert report.changed == ("a",)
    assert not (trees.target / "uploads" / "with blank").exists()
    assert (trees.quarantine / "uploads" / "with blank").read_text() == "content of uploads/with blank"
    assert (trees.quarantine / "a").read_text() == "content of a"


def test_only_a_checksum_pass_sees_a_change_that_keeps_size_and_time(trees: Trees) -> None:
    trees.copy()
    path = trees.source / "a"
    before = path.stat()
    path.write_text("CONTENT of a")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert trees.copy().changed == ()
    source, target = trees.hashes()
    assert source["a"] != target["a"]
    assert trees.copy(checksum=True).changed == ("a",)
    source, target = trees.hashes()
    assert source == target


def test_a_pass_over_some_paths_leaves_the_others_and_what_vanished_meanwhile(trees: Trees) -> None:
    trees.copy()
    (trees.source / "a").write_text("newer")
    (trees.source / "-rf").write_text("newer")
    (trees.source / "uploads" / "with blank").unlink()
    report = trees.copy(only=["a", "uploads/with blank"])
    assert report.changed == ("a",)
    assert (trees.target / "-rf").read_text() == "content of -rf"
    assert (trees.target / "uploads" / "with blank").exists()


def test_a_dry_run_writes_nothing_and_tells_what_would_move(trees: Trees) -> None:
    report = trees.copy(dry_run=True)
    assert report.files == 6
    assert not trees.target.exists()


def test_excluded_names_are_left_alone_on_both_sides(trees: Trees) -> None:
    (trees.source / "run.pid").write_text("1")
    trees.copy(exclude=["run.pid"])
    assert not (trees.target / "run.pid").exists()
    (trees.target / "run.pid").write_text("2")
    assert trees.copy(exclude=["run.pid"]).deleted == ()
    assert (trees.target / "run.pid").read_text() == "2"


def test_a_folder_goes_to_and_from_the_controller(trees: Trees, tmp_path: Path) -> None:
    rsync = trees.lab.rsync()
    assert rsync.fetch(trees.old, str(trees.source), tmp_path / "copy").files == 6
    assert rsync.send(tmp_path / "copy", trees.new, str(trees.target)).files == 6
    source, target = trees.hashes()
    assert source == target


@pytest.mark.parametrize(
    "bad",
    [
        {"source_path": "relative"},
        {"source_path": "/srv/../etc"},
        {"target_path": "/"},
        {"target_path": "/x\ny"},
        {"only": ["../etc/passwd"]},
        {"only": ["/etc/passwd"]},
        {"owner": "root; touch pwned"},
    ],
)
def test_paths_that_could_lead_elsewhere_are_refused(trees: Trees, bad: dict[str, Any]) -> None:
    given = {"source_path": str(trees.source), "target_path": str(trees.target), "delete_to": str(trees.quarantine), **bad}
    with pytest.raises(Refused):
        trees.lab.rsync().copy_tree(trees.old, given.pop("source_path"), trees.new, given.pop("target_path"), **given)


def test_a_quarantine_inside_of_the_tree_is_refused(trees: Trees) -> None:
    with pytest.raises(Refused, match="outside"):
        trees.lab.rsync().copy_tree(trees.old, str(trees.source), trees.new, str(trees.target), delete_to=f"{trees.target}/q")


def test_an_unknown_host_key_stops_a_copy(trees: Trees, make_host: Callable[[str], Host]) -> None:
    stranger = make_host(f"stranger-{next(NUMBERS)}")
    lines = trees.lab.known_hosts.read_text().splitlines(keepends=True)
    trees.lab.known_hosts.write_text("".join(line for line in lines if stranger.address not in line))
    with pytest.raises(ToolError) as failure:
        trees.lab.rsync().copy_tree(trees.old, str(trees.source), stranger, str(trees.target), delete_to=str(trees.quarantine))
    assert "hosts trust" in failure.value.remedy


def test_a_missing_source_is_an_error(trees: Trees) -> None:
    with pytest.raises(OrchestratorError):
        trees.lab.rsync().copy_tree(trees.old, "/nowhere/at/all", trees.new, str(trees.target), delete_to=str(trees.quarantine))


def test_a_pass_tells_how_much_was_sent(trees: Trees) -> None:
    for number in range(40):
        (trees.source / f"{number}.bin").write_bytes(os.urandom(50_000))
    told: list[Progress] = []
    copier = dataclasses.replace(trees.lab.rsync(), progress=told.append, tell_every=0.0)
    report = copier.copy_tree(trees.old, str(trees.source), trees.new, str(trees.target), delete_to=str(trees.quarantine))
    pulled, pushed = ([one for one in told if one.what.startswith(word)] for word in ("pull ", "push "))
    assert pulled[-1].done == pushed[-1].done == report.bytes > 2_000_000
    assert [one.done for one in pushed] == sorted(one.done for one in pushed)
    assert {one.total for one in pulled} == {None} and {one.total for one in pushed} == {report.bytes}
