"""Exactly the city's processes end."""

import os
import subprocess
import sys
import time

import psutil

from orchestrator.embedded.processes import Book, Record

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_process_on_record_ends_with_its_children(tmp_path):
    book = Book(tmp_path)
    code = f"import subprocess, time; subprocess.Popen({SLEEP!r}); time.sleep(60)"
    record = book.start("parent", [sys.executable, "-c", code], cwd=tmp_path, log=tmp_path / "log")
    deadline = time.monotonic() + 10
    while not (children := psutil.Process(record.pid).children()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert book.alive(record)
    book.stop([record])
    assert not book.alive(record)
    assert not children[0].is_running() or children[0].status() == psutil.STATUS_ZOMBIE
    assert book.records() == []


def test_a_pid_that_another_process_has_by_now_is_left_alone(tmp_path):
    stranger = subprocess.Popen(SLEEP)
    try:
        record = Record("old", stranger.pid, started=1, host="")
        assert not Book(tmp_path).alive(record)
        Book(tmp_path).stop([record])
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_strays_of_a_host_are_found_by_mark_and_by_folder_and_no_others(tmp_path):
    for name in ("a", "ab"):
        (tmp_path / "hosts" / name).mkdir(parents=True)
    marked = subprocess.Popen(SLEEP, env={**os.environ, "EMBEDDED_HOST": str(tmp_path / "hosts/a")}, start_new_session=True)
    standing = subprocess.Popen(SLEEP, cwd=tmp_path / "hosts/a", start_new_session=True)
    neighbour = subprocess.Popen(SLEEP, env={**os.environ, "EMBEDDED_HOST": str(tmp_path / "hosts/ab")}, start_new_session=True)
    stranger = subprocess.Popen(SLEEP, start_new_session=True)
    everyone = [marked, standing, neighbour, stranger]
    try:
        assert {process.pid for process in Book(tmp_path).strays("a")} == {marked.pid, standing.pid}
        assert {process.pid for process in Book(tmp_path).strays()} == {marked.pid, standing.pid, neighbour.pid}
    finally:
        for process in everyone:
            process.kill()
            process.wait()
