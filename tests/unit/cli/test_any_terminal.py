"""Whatever the terminal, the file names and the folder's rights: no command ends as a bug of ours (exit code 1), and each says what to do."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.cli.main import COMMANDS, main
from orchestrator.settings import HOME

SYSTEM = "weather-bulletin"
DIGEST = "0" * 64
LOOKS = [
    ["--help"], ["assess"], ["assess", SYSTEM], ["assess", "--json"], ["explain", SYSTEM], ["inventory", "check"], ["inventory", "check", "--json"],
    ["inventory", "show"], ["policy", "check"], ["policy", "show"], ["plan"], ["plan", "--json"], ["plan", "--reasons"], ["plan", "show"],
    ["plan", "what-if", "--wave", "1"], ["baseline", "show"], ["status"], ["status", "--json"], ["task", "list"], ["audit", "verify"], ["report", "--json"],
    ["resume"], ["discover", "--hosts", "!"], ["hosts", "trust", "!"], ["embedded", "status"],
]  # fmt: skip
ACTS = [
    ["inventory", "template", "t.xlsx"], ["inventory", "import", "inventory", "--into", "new", "--yes"], ["plan", "approve", DIGEST],
    ["workplan", "--department", "市气象局", "--format", "html"], ["workplan", "--department", "市气象局"], ["baseline", "freeze", "--reason", "文件"],
    ["baseline", "change", SYSTEM, "--what", "moved", "--reason", "x"], ["override", SYSTEM, "--strategy", "hosting", "--reason", "省局"],
    ["report"], ["approve", SYSTEM, "--digest", DIGEST], ["rollback", SYSTEM, "--reason", "x"], ["hold", "--reason", "x"], ["init", "city"],
    ["purge", "nothing", "--reason", "x", "--yes"], ["plan", "--out", "plan.json"],
]  # fmt: skip
SAID = {0, 2, 3, 5, 6}
"""Exit codes that say something: done, wrong use, refused, a person, waiting."""


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(HOME / "inventories" / "demo", tmp_path / "inventory")
    monkeypatch.chdir(tmp_path)
    return tmp_path


SHOWN = {"ascii": "utf-8"}
"""click takes an ASCII terminal for one that was not set up, and writes UTF-8."""


def on_a_terminal(encoding: str, command: list[str]) -> tuple[int, bytes, str]:
    """Exit code, the bytes that the terminal got, and what was told beside them; streams as the interpreter makes them, strict."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(command)
    return code, out.buffer.getvalue(), err.buffer.getvalue().decode(SHOWN.get(encoding, encoding))  # type: ignore[attr-defined]


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize("encoding", ["gbk", "ascii", "utf-8"])
def test_every_command_answers_in_every_encoding(encoding: str) -> None:
    for command in LOOKS + ACTS:
        code, printed, told = on_a_terminal(encoding, command)
        assert code in SAID, (command, told)
        assert "a bug of ours" not in told, command
        printed.decode(SHOWN.get(encoding, encoding))
    assert "气象公告数据库" in on_a_terminal(encoding, ["assess"])[1].decode(SHOWN.get(encoding, encoding))


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize("encoding", ["gbk", "ascii"])
def test_json_loses_nothing_whatever_the_encoding(encoding: str) -> None:
    code, printed, _ = on_a_terminal(encoding, ["explain", SYSTEM, "--json"])
    assert code == 0
    assert "气象公告数据库" in json.loads(printed.decode(encoding))["zh"]


@pytest.mark.usefixtures("city")
def test_a_minus_stays_a_minus() -> None:
    assert "−".encode("gbk", "replace") == b"?"
    assert "成熟度 -15" in on_a_terminal("gbk", ["explain", "social-insurance", "--lang", "zh"])[1].decode("gbk")


def test_every_command_is_tried_here() -> None:
    left = {"demo", "dry-run", "doctor", "migrate", "cancel", "accept", "refuse", "stay", "target-lost", "cloud"}
    left |= {"clean", "prepare-source", "retire", "serve", "deploy", "reconcile", "journal"}
    """These start servers, ask programs of the machine, or are the twins of one that is tried."""
    assert {command[0] for command in LOOKS + ACTS if command[0] in COMMANDS} | left >= set(COMMANDS)


# ---------------------------------------------------------------- the world around


def run(*argv: str, cwd: Path, stdout: int = subprocess.PIPE, **env: str) -> subprocess.CompletedProcess[bytes]:
    """The command line as a process of its own; as an ordinary account where the test runs as root, for whom no file is unreadable."""
    python = [sys.executable, "-m", "orchestrator.cli.main"]
    if os.geteuid() == 0:
        python = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", *python]
    environment = {**os.environ, "PYTHONPATH": str(HOME), "HOME": str(cwd), "PYTHONDONTWRITEBYTECODE": "1", **env}
    return subprocess.run([*python, *argv], cwd=cwd, env=environment, stdout=stdout, stderr=subprocess.PIPE, timeout=250, check=False)


@pytest.fixture
def open_city() -> Iterator[Path]:
    """The demo's inventory where an ordinary account may go: pytest's own folders are for one account."""
    with tempfile.TemporaryDirectory(prefix="open-city-", ignore_cleanup_errors=True) as name:
        city = Path(name)
        shutil.copytree(HOME / "inventories" / "demo", city / "inventory")
        for path in [city, *city.rglob("*")]:
            path.chmod(0o777)
        yield city
        for path in [city, *city.rglob("*")]:
            path.chmod(0o777)


@pytest.mark.parametrize("variables", [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "gbk"}])
def test_the_real_thing_in_a_poor_locale(variables: dict[str, str], open_city: Path) -> None:
    ran = run("explain", "气象公告数据库", cwd=open_city, **variables)
    assert (ran.returncode, ran.stderr.decode()) == (0, "")


def test_a_reader_that_goes_away_ends_nothing_in_the_middle(open_city: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    ran = run("inventory", "check", cwd=open_city, stdout=write)
    os.close(write)
    assert (ran.returncode, ran.stderr.decode()) == (0, "")


def test_a_full_disk_is_said(open_city: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = run("assess", cwd=open_city, stdout=full.fileno())
    assert ran.returncode == 2
    assert b"free some space" in ran.stderr


@pytest.mark.parametrize(
    "argv",
    [
        ("baseline", "freeze", "--reason", "x"), ("plan",), ("report",), ("override", SYSTEM, "--strategy", "hosting", "--reason", "x"),
        ("inventory", "template", "t.xlsx"), ("inventory", "import", "inventory", "--into", "new", "--yes"), ("init", "city"),
        ("workplan", "--department", "meteorology"), ("hold", "--reason", "x"), ("status",),
    ],
)  # fmt: skip
def test_a_folder_that_cannot_be_written_is_said_with_what_to_do(argv: tuple[str, ...], open_city: Path) -> None:
    open_city.chmod(0o555)
    ran = run(*argv, cwd=open_city)
    told = ran.stderr.decode()
    assert ran.returncode in SAID, told
    assert ran.returncode == 0 or "→" in told
    assert "a bug of ours" not in told
    assert "Traceback" not in told


@pytest.mark.parametrize("file", ["inventory/meteorology.yaml", "inventory/program.yaml", "inventory", "orchestrator.toml", ".orchestrator/journal.sqlite"])
@pytest.mark.parametrize("argv", [("assess",), ("plan",), ("status",)])
def test_what_cannot_be_read_is_said_with_what_to_do(file: str, argv: tuple[str, ...], open_city: Path) -> None:
    (open_city / "orchestrator.toml").write_text('inventory = "inventory"\n')
    (open_city / ".orchestrator").mkdir(mode=0o777)
    (open_city / ".orchestrator" / "journal.sqlite").write_bytes(b"")
    (open_city / file).chmod(0)
    ran = run(*argv, cwd=open_city)
    told = ran.stderr.decode()
    assert ran.returncode in SAID, told
    assert ran.returncode == 0 or "→" in told
    assert "a bug of ours" not in told


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("orchestrator.toml", b"inventory = [\n"), ("orchestrator.toml", b"\xff\xfe\x00"), ("orchestrator.toml", b"no_such_setting = 1\n"),
        ("inventory/program.yaml", b"\xff\xfe\x00"), ("inventory/policy.yaml", b"\xff\xfe\x00"), ("inventory/policy.yaml", b"- a\n- b\n"),
        ("inventory/meteorology.yaml", b"\x80\x81"), (".orchestrator/journal.sqlite", b"this is no database" * 100),
        ("inventory/answers.yaml", b"\xff"), ("inventory/headers.yaml", b"[1, 2"), ("inventory/form.xlsx", b"PK\x03\x04nothing"),
    ],
)  # fmt: skip
def test_files_that_are_not_what_they_are_called(name: str, content: bytes, city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (city / name).parent.mkdir(exist_ok=True)
    (city / name).write_bytes(content)
    for command in (["assess"], ["plan"], ["inventory", "check"], ["status"], ["report", "--json"], ["baseline", "show"]):
        code = main(command)
        told = capsys.readouterr().err
        assert code in SAID, (command, told)
        assert "a bug of ours" not in told, command


@pytest.mark.parametrize("name", [b"\xff\xfe-gbk-\xb1\xed.csv".decode(errors="surrogateescape"), "长" * 80 + ".csv", "a b'\"$(x);.csv", "-rf.csv", "\x1b[31m.csv"])
def test_odd_file_names(name: str, city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (city / "forms").mkdir()
    try:
        (city / "forms" / name).write_text("单位名称,系统名称,类别,是否涉密,建设状态\n市局,甲系统,应用系统,否,已建\n", encoding="utf-8")
    except (OSError, UnicodeEncodeError) as error:
        pytest.skip(f"this file system takes no such name: {error}")
    for command in (["inventory", "check", "forms"], ["inventory", "check", "--json", "forms"], ["inventory", "import", "forms", "--into", "new", "--yes"]):
        code = main(command)
        printed = capsys.readouterr()
        assert code in SAID, printed.err
        assert "\x1b" not in printed.out + printed.err


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize("argv", [["assess"], ["plan"], ["inventory", "check"], ["report"], ["status"], ["baseline", "freeze", "--reason", "x"]])
def test_without_any_configuration(argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    code = main(argv)
    told = capsys.readouterr().err
    assert code in SAID - {0} or argv == ["status"], told
    assert code == 0 or "→" in told


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize("path", ["x" * 300, "x/" * 3000 + "y", "no/such/folder/file", "inventory/program.yaml/deeper"])
def test_paths_that_cannot_be(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    commands = [
        ["inventory", "check", path], ["plan", "--out", path], ["inventory", "template", f"{path}.xlsx"], ["init", path], ["report", "--out", path],
        ["workplan", "--department", "meteorology", "--out", path], ["policy", "check", path], ["assess", "--inventory", path],
    ]  # fmt: skip
    for command in commands:
        if command[0] in ("init", "report") and path == "no/such/folder/file":
            continue  # a folder that can be made
        code = main(command)
        told = capsys.readouterr().err
        assert code in {2, 3, 5}, (command[:2], code, told[-500:])


def test_questions_of_files_that_cannot_be_read_are_no_empty_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.xlsx").write_bytes(b"PK\x03\x04xxxx")
    for name in ("bad.xlsx", "nowhere.xlsx"):
        assert main(["inventory", "ask", "questions.xlsx", name]) == 3
        assert name in capsys.readouterr().err
    assert not (tmp_path / "questions.xlsx").exists()


@pytest.mark.usefixtures("city")
def test_the_plan_tells_its_windows_in_the_readers_language(capsys: pytest.CaptureFixture[str]) -> None:
    main(["plan", "--lang", "zh"])
    said = capsys.readouterr().out
    assert "周末" in said or "工作日" in said or "每天" in said
    assert not {"weekend", "workday", "daily"} & set(said.replace("(", " ").split())
