"""The last pass of the files, on real trees: what changed since a moment arrives on the other side as it is, and nothing else is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.movers import decision
from orchestrator.movers.files import side as files
from orchestrator.movers.files.changes import ChangesHost, NotTaken
from orchestrator.movers.files.side import FilesSide

ODD = ["with blank", "new\nline", "-dash", "a'b\"c", "[x]*?", "市政府", "\\back", "# remark", " ", os.fsdecode("公告".encode("gb18030"))]


class Pair:
    """Two copies of a tree, each with its side; the live one is watched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.live, self.other = folder / "live/tree", folder / "other/tree"
        for name in ("a/b", "c", "empty", "moved/in it"):
            (self.live / name).mkdir(parents=True)
        for number in range(5):
            (self.live / f"a/b/file-{number}").write_text(f"content {number}")
        (self.live / "moved/in it/deep").write_text("deep")
        (self.live / "link").symlink_to("a/b/file-1")
        os.link(self.live / "a/b/file-0", self.live / "c/second name")
        old = time.time() - 1000
        self.other.parent.mkdir()
        subprocess.run(["cp", "-a", self.live, self.other], check=True)
        for path in (*self.live.rglob("*"), *self.other.rglob("*")):
            os.utime(path, (old, old), follow_symlinks=False)
        self.sides: list[FilesSide] = []
        self.passes = 0

    def watch(self, since: float | None = None, only: list[str] | None = None) -> tuple[FilesSide, FilesSide]:
        """Both sides, as a guard opens them."""
        moment = time.time() + 3 if since is None else since
        live, other = self._side(self.live, "source", moment, only), self._side(self.other, "target", None, only)
        for role, side in (("live", live), ("other", other)):
            assert side.obstacles(role) == []  # type: ignore[arg-type]
        self.sides += [live, other]
        return live, other

    def _side(self, path: Path, place: str, since: float | None, only: list[str] | None) -> FilesSide:
        row = decision.specify(folder=self.folder, migration="m1", system="web", place=place, is_open=place == "source")
        spec = files.specify(
            decision=row, channel=["sh"], trees=[{"path": str(path), "only": only, "own": ["own"]}], bases=[str(self.folder / "base")],
            spool=self.folder / "spool", quarantine=str(self.folder / f"quarantine-{place}"), since=since,
        )  # fmt: skip
        return FilesSide(**{name: value for name, value in spec.items() if name != "kind"})

    def pass_over(self, live: FilesSide, other: FilesSide) -> None:
        """As the guard does it."""
        self.passes += 1
        live.mark(f"attempt-{self.passes}")
        assert other.marked(f"attempt-{self.passes}")
        assert other.marked(f"attempt-{self.passes}"), "again is fine"

    def quarantined(self) -> list[str]:
        place = self.folder / "quarantine-target/0"
        return sorted(str(path.relative_to(place)) for path in place.rglob("*") if not path.is_dir()) if place.exists() else []


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    one = Pair(tmp_path)
    yield one
    for side in one.sides:
        side.disconnect()


def _photograph(tree: Path) -> dict[str, Any]:
    """By other means than the program's own: every entry with kind, mode, owner, time, content, links, attributes."""
    found: dict[str, Any] = {}
    inodes: dict[int, str] = {}
    for path in [tree, *sorted(tree.rglob("*"))]:
        status = path.lstat()
        name = str(path.relative_to(tree))
        content: Any = None
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = (path.read_bytes(), inodes.setdefault(status.st_ino, name), status.st_mtime_ns)
        attributes = {} if path.is_symlink() else {key: os.getxattr(path, key) for key in os.listxattr(path) if key.startswith("user.")}
        found[name] = (status.st_mode, status.st_uid, status.st_gid, content, attributes)
    return found


def _grow(tree: Path) -> None:
    (tree / "c/new").write_bytes(os.urandom(5000))
    (tree / "x/y/z").mkdir(parents=True)
    (tree / "x/y/z/deepest").write_text("deepest")


def _odd_names(tree: Path) -> None:
    for name in ODD:
        (tree / "c" / name).write_text(name, errors="surrogateescape")
        (tree / f"folder {name}").mkdir()
        (tree / f"folder {name}" / name).write_text("inside")


def _delete(tree: Path) -> None:
    (tree / "a/b/file-2").unlink()
    shutil.rmtree(tree / "moved")
    (tree / "empty").rmdir()


def _rename(tree: Path) -> None:
    (tree / "moved").rename(tree / "c/renamed")
    (tree / "c/renamed/in it/after").write_text("written by its new name")
    (tree / "a/b/file-3").rename(tree / "file-3")


def _change_in_place(tree: Path) -> None:
    """Same size, same time: only reading it, or having been told, shows it."""
    path = tree / "a/b/file-1"
    before = path.stat()
    path.write_text("CONTENT 1")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _change_rights(tree: Path) -> None:
    (tree / "a/b/file-1").chmod(0o600)
    (tree / "empty").chmod(0o1777)
    os.setxattr(tree / "a/b/file-4", "user.note", b"\0bytes\xff")


def _change_kinds(tree: Path) -> None:
    (tree / "a/b/file-1").unlink()
    (tree / "a/b/file-1").mkdir()
    (tree / "a/b/file-1/now a folder").write_text("x")
    shutil.rmtree(tree / "moved")
    (tree / "moved").write_text("now a file")
    (tree / "link").unlink()
    (tree / "link").symlink_to("/nowhere")


def _link(tree: Path) -> None:
    """A third name, a change by a name that is not the first, and a new pair."""
    os.link(tree / "a/b/file-0", tree / "third name")
    (tree / "c/second name").write_text("changed by its second name")
    (tree / "one").write_text("pair")
    os.link(tree / "one", tree / "two")
    os.link(tree / "a/b/file-2", tree / "c/file-2 too")


def _sparse(tree: Path) -> None:
    with (tree / "c/sparse").open("wb") as file:
        file.truncate(50_000_000)
        file.seek(40_000_000)
        file.write(b"here")


def _come_and_go(tree: Path) -> None:
    for number in range(200):
        (tree / f"temporary-{number}").write_text("soon gone")
        (tree / f"temporary-{number}").unlink()
    (tree / "stays").write_text("stays")


CHANGES: list[Callable[[Path], None]] = [
    _grow, _odd_names, _delete, _rename, _change_in_place, _change_rights, _change_kinds, _link, _sparse, _come_and_go,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_what_changed_arrives_as_it_is(pair: Pair, change: Callable[[Path], None]) -> None:
    live, other = pair.watch()
    change(pair.live)
    pair.pass_over(live, other)
    assert _photograph(pair.other) == _photograph(pair.live)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_what_changed_before_it_was_watched_is_found_by_its_time(pair: Pair, change: Callable[[Path], None]) -> None:
    """Between the engine's pass over everything and the guard's first look."""
    names = {str(path.relative_to(pair.live)) for path in pair.live.rglob("*")}
    base = {name: ["f", "644", "u", "g", 0, "", "", "", [], []] for name in names}
    import json

    (pair.folder / "base").write_text(json.dumps(base))
    since = time.time()
    change(pair.live)
    live, other = pair.watch(since=since)
    pair.pass_over(live, other)
    assert _photograph(pair.other) == _photograph(pair.live)


def test_changes_one_after_the_other_need_only_what_is_new(pair: Pair) -> None:
    live, other = pair.watch()
    for change in (_grow, _odd_names, _rename, _link):
        change(pair.live)
        pair.pass_over(live, other)
        assert _photograph(pair.other) == _photograph(pair.live)
    live.mark("nothing")
    assert '"archive": ""' in (pair.folder / "spool/nothing.pass").read_text()


def test_what_is_taken_away_or_overwritten_is_kept(pair: Pair) -> None:
    live, other = pair.watch()
    _delete(pair.live)
    (pair.live / "a/b/file-1").write_text("again")
    pair.pass_over(live, other)
    assert pair.quarantined() == ["a/b/file-1", "a/b/file-2", "moved/in it/deep"]
    assert (pair.folder / "quarantine-target/0/a/b/file-1").read_text() == "content 1"


def test_what_the_other_side_made_itself_stays(pair: Pair) -> None:
    since = time.time()
    (pair.other / "c/a job's").write_text("made there")
    (pair.other / "own").write_text("each side's own")
    (pair.live / "c/new").write_text("new")
    (pair.live / "own").write_text("not this one")
    live, other = pair.watch(since=since)
    pair.pass_over(live, other)
    assert ((pair.other / "c/a job's").read_text(), (pair.other / "own").read_text()) == ("made there", "each side's own")
    assert (pair.other / "c/new").read_text() == "new"


def test_a_tree_that_is_reached_by_a_link_is_the_folder_behind_it(pair: Pair) -> None:
    real = pair.folder / "live/elsewhere"
    pair.live.rename(real)
    pair.live.symlink_to(real)
    live, other = pair.watch(since=time.time())
    (pair.live / "new").write_text("new")
    real.chmod(0o750)
    pair.pass_over(live, other)
    assert _photograph(pair.other) == _photograph(real)


def test_a_single_file_is_watched_alone(pair: Pair) -> None:
    (pair.live / "settings.ini").write_text("a = 1")
    live, other = pair.watch(only=["settings.ini"])
    (pair.live / "settings.ini").write_text("a = 2")
    (pair.live / "beside it").write_text("not ours")
    pair.pass_over(live, other)
    assert (pair.other / "settings.ini").read_text() == "a = 2"
    assert not (pair.other / "beside it").exists()


def test_more_than_fits_is_refused_by_name_and_stays_noted(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    live, other = pair.watch()
    (pair.live / "big").write_bytes(bytes(range(256)) * 40_000)
    with monkeypatch.context() as context:
        context.setattr(files, "MOST_BYTES", 1_000_000)
        with pytest.raises(NotTaken, match="1000000"):
            live.mark("too much")
    pair.pass_over(live, other)
    assert (pair.other / "big").read_bytes() == (pair.live / "big").read_bytes()


def test_a_host_without_python_is_named(pair: Pair) -> None:
    live = pair._side(pair.live, "source", time.time(), None)
    live._channel = ["env", "-i", "PATH=/nowhere", "/bin/sh"]
    pair.sides.append(live)
    said = live.obstacles("live")
    assert [getattr(one, "code", "") for one in said] == ["movers.no_python"]


def test_a_folder_that_is_not_there_is_named(pair: Pair) -> None:
    shutil.rmtree(pair.live)
    live = pair._side(pair.live, "source", time.time(), None)
    pair.sides.append(live)
    assert "tree" in str(live.obstacles("live")[0])


def test_the_base_of_the_merge_is_what_both_held_at_the_fence(pair: Pair) -> None:
    live, other = pair.watch()
    _grow(pair.live)
    _delete(pair.live)
    pair.pass_over(live, other)
    base = files.with_passed({"moved/in it/deep": None, "stays": None}, files.passed_file(pair.folder / "spool", 0))  # type: ignore[dict-item]
    assert base is not None
    assert "c/new" in base
    assert "moved/in it/deep" not in base
    assert "stays" in base


def test_the_programs_time_does_not_grow_with_the_tree(tmp_path: Path) -> None:
    """Counted by what it looks at: nothing but what changed is named or packed."""
    for number in range(2000):
        folder = tmp_path / f"tree/{number // 100}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / str(number)).touch()
    host = ChangesHost(["sh"], {"trees": [{"path": str(tmp_path / "tree")}], "since": time.time() + 3, "quarantine": str(tmp_path / "q")}, "host")
    (tmp_path / "tree/3/new").write_text("new")
    taken = host.ask("take", seconds=60, bytes=100_000)
    host.close()
    assert sorted(taken["trees"][0]["entries"]) == ["3", "3/new"]
