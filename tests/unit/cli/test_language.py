"""One language a command: that of ``--lang``, of the group's where the command says none, else of the locale; never that of the command before."""

from collections.abc import Iterator

import click
import pytest

from orchestrator import texts
from orchestrator.cli.main import COMMANDS, cli
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
