"""One language a command: that of ``--lang``, of the group's where the command says none, else of the locale; never that of the command before."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from orchestrator import texts
from orchestrator.cli.main import COMMANDS, cli, main
from orchestrator.cli.options import speaking


@pytest.fixture(autouse=True)
def english_locale(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    yield
    texts.use(None)


@click.group(invoke_without_command=True)
@click.pass_context
def office(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(texts.text("ending.accepted"))


@office.command()
def inner() -> None:
    click.echo(texts.text("ending.accepted"))


@pytest.mark.parametrize(
    ("typed", "language"),
    [
        ([], "en"), (["--lang", "zh"], "zh"), (["inner"], "en"), (["inner", "--lang", "zh"], "zh"), (["--lang", "zh", "inner"], "zh"),
        (["--lang", "zh", "inner", "--lang", "en"], "en"),
    ],
)  # fmt: skip
def test_the_command_speaks_the_language_that_was_typed_last(typed: list[str], language: str, capsys: pytest.CaptureFixture[str]) -> None:
    texts.use("zh")  # what a former command of this process spoke
    speaking(office).main(typed, standalone_mode=False)
    assert capsys.readouterr().out.strip() == texts.both("ending.accepted")[0 if language == "zh" else 1]


@pytest.mark.parametrize("typed", ["--lang zh inventory check", "inventory --lang zh check", "inventory check --lang zh"])
def test_the_language_may_stand_before_the_command_and_behind_it(typed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    form = tmp_path / "a.csv"
    form.write_text("系统名称,单位名称,类别,是否涉密,建设状态\n甲系统,市水务局,应用系统,否,已建\n", encoding="utf-8")
    assert main([*typed.split(), str(form)]) == 3
    assert capsys.readouterr().out.startswith("读取 1 行")


def test_settings_that_are_wrong_are_said_in_one_language_also_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orchestrator.toml").write_text("report_hour = 99\n", encoding="utf-8")
    assert main(["task", "list", "--json", "--lang", "zh"]) == 3
    told = capsys.readouterr()
    (finding,) = json.loads(told.out)["findings"]
    assert (finding["cell"], finding["message"]) == ("L1 report_hour", "不得大于 23")
    assert "更正这些设置" in told.err


def test_every_command_can_be_told_its_language() -> None:
    def commands(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        inner = command.commands if isinstance(command, click.Group) else {}
        if not inner or command.params:
            yield name, command
        for word, one in inner.items():
            yield from commands(f"{name} {word}", one)

    context = click.Context(cli)
    silent = [
        whole
        for name in COMMANDS
        if (found := cli.get_command(context, name)) is not None
        for whole, command in commands(name, found)
        if not any("--lang" in parameter.opts for parameter in command.params)
    ]
    assert silent == []
