"""A damaged file keeps its size and time: only its content tells."""

import pytest

from orchestrator.embedded import judge, sabotage


def test_one_byte_changes_and_nothing_that_a_quick_look_sees(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 100)
    before, content = path.stat(), judge.tree(tmp_path)
    sabotage.file(tmp_path)
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert judge.tree(tmp_path) != content


def test_an_empty_folder_has_nothing_to_damage(tmp_path):
    with pytest.raises(ValueError, match="no file"):
        sabotage.file(tmp_path)
