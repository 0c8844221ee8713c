"""What stood at a tree's place on the target before we came: kept by the copy, put back by the undo, however often each is run again."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.steps import files
from orchestrator.steps.base import Observed


class Target:
    """A host's disk: where the tree goes, where its former contents and the quarantine are."""

    def __init__(self, folder: Path) -> None:
        self.path, self.former, self.quarantine = folder / "etc/app", folder / "home/former/etc-app", folder / "home/quarantine/etc_app"
        self.path.parent.mkdir(parents=True)

    def keep(self) -> None:
        subprocess.run(["sh", "-euc", files._KEEP_FORMER, "keep", self.former, self.path], check=True)

    def put_back(self) -> None:
        subprocess.run(["sh", "-euc", files._PUT_FORMER_BACK, "put", self.former, self.path, self.quarantine], check=True)

    def copy(self, text: str) -> None:
        self.path.mkdir(exist_ok=True)
        (self.path / "app.conf").write_text(text)


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path)


def test_an_undo_that_is_run_again_leaves_what_it_put_back(target: Target) -> None:
    target.copy("the package's own")
    target.keep()
    target.copy("ours")
    target.keep()  # a retry of the copy
    target.put_back()
    target.put_back()
    assert (target.path / "app.conf").read_text() == "the package's own"
    assert (target.quarantine / "app.conf").read_text() == "ours"
    assert not target.former.exists()


def test_an_undo_that_was_killed_while_it_put_back_ends_with_the_whole(target: Target) -> None:
    target.copy("the package's own")
    target.keep()
    target.copy("ours")
    target.put_back()
    target.former.with_name("etc-app.back").unlink()
    target.former.mkdir()  # as before its last two acts: half of it at its place, the former contents still kept
    (target.former / "app.conf").write_text("the package's own")
    target.copy("the pack")
    target.put_back()
    assert (target.path / "app.conf").read_text() == "the package's own"
    assert sorted(file.read_text() for file in target.quarantine.parent.rglob("app.conf")) == ["ours", "the pack"]


def test_where_nothing_stood_nothing_stands_after_an_undo(target: Target) -> None:
    target.keep()
    target.copy("ours")
    target.put_back()
    target.put_back()
    assert not target.path.exists()
    target.keep()  # and forward once more
    target.copy("ours again")
    target.put_back()
    assert not target.path.exists()


def test_folders_that_the_copy_made_go_with_it_and_those_that_stood_there_stay(tmp_path: Path) -> None:
    stood = tmp_path / "srv"
    stood.mkdir()
    first, second = Target(tmp_path / "unused"), Target(tmp_path / "unused2")
    first.path, second.path = stood / "office/data/a", stood / "office/data/b"
    for tree in (first, second):
        tree.keep()
        tree.path.mkdir(parents=True)
        tree.copy("ours")
    assert first.former.with_name("etc-app.made").read_text().splitlines() == [str(stood / "office/data"), str(stood / "office")]
    for tree in (second, first):  # the last one first
        tree.put_back()
        tree.put_back()
    assert list(stood.iterdir()) == []


def test_a_folder_in_which_somebody_else_has_something_by_now_stays(tmp_path: Path) -> None:
    target = Target(tmp_path)
    target.path = tmp_path / "srv/office/data"
    target.keep()
    target.path.mkdir(parents=True)
    target.copy("ours")
    (tmp_path / "srv/somebody").write_text("else")
    target.put_back()
    assert [path.name for path in (tmp_path / "srv").iterdir()] == ["somebody"]


def test_an_empty_folder_that_stood_there_before_stays(tmp_path: Path) -> None:
    target = Target(tmp_path)
    (tmp_path / "srv/office").mkdir(parents=True)
    target.path = tmp_path / "srv/office/data"
    target.keep()
    target.copy("ours")
    target.put_back()
    assert list((tmp_path / "srv/office").iterdir()) == []


class Disk:
    """A host that is this machine's disk, as a step sees it."""

    def run(self, argv: list[str], **_: Any) -> Any:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return SimpleNamespace(code=done.returncode, stdout=done.stdout)


def seen_by_the_step(tmp_path: Path, *paths: Path) -> Any:
    host = SimpleNamespace(name="app-new")
    world = SimpleNamespace(
        targets={"app": host}, target=lambda _: host, source=lambda _: host, path=lambda path, *_: path, ssh=lambda _: Disk(),
        home=lambda _, *parts: str(tmp_path.joinpath("orchestrator", *parts)), folder=tmp_path / "controller",
    )  # fmt: skip
    world.folder.mkdir()
    trees = [SimpleNamespace(host="app", path=str(path)) for path in paths]
    return SimpleNamespace(world=world, system=SimpleNamespace(file_trees=trees), migration="desk-1")


@pytest.mark.parametrize("base_is_kept", [True, False])
@pytest.mark.parametrize("stood", [True, False])
def test_what_was_put_back_is_no_copy_of_ours(tmp_path: Path, *, stood: bool, base_is_kept: bool) -> None:
    package, own = tmp_path / "srv/app/wp-content", tmp_path / "srv/own"
    ctx = seen_by_the_step(tmp_path, package, own)
    for path in (package, own) if stood else ():
        path.mkdir(parents=True)
        (path / "index.php").write_text("the package's own")
    for _ in range(2):  # and forward once more
        assert files.observe(ctx) is Observed.NOT_DONE, "what a package put there is not ours"
        files.undo(ctx)  # nothing was copied yet
        assert package.exists() == stood
        for tree, path in zip(ctx.system.file_trees, (package, own), strict=True):
            files._keep_former(ctx, tree)
            path.mkdir(parents=True, exist_ok=True)
            (path / "index.php").write_text("ours")
            if base_is_kept:
                files.keep_base(ctx, tree, "forward", {})
        assert files.observe(ctx) is Observed.DONE
        files.undo(ctx)
        assert files.observe(ctx) is Observed.NOT_DONE
        assert package.exists() == stood
        files.undo(ctx)
        assert [path.name for path in (tmp_path / "orchestrator").iterdir()] == ["quarantine"], "nothing of ours but what was copied"
        assert not stood or (package / "index.php").read_text() == "the package's own"


def test_what_an_older_engine_copied_is_seen_by_its_base(tmp_path: Path) -> None:
    own = tmp_path / "srv/own"
    ctx = seen_by_the_step(tmp_path, own)
    own.mkdir(parents=True)
    files.keep_base(ctx, ctx.system.file_trees[0], "forward", {})
    assert files.observe(ctx) is Observed.DONE
    files.undo(ctx)
    assert files.observe(ctx) is Observed.NOT_DONE
    assert not own.exists()
