"""Options that several commands have, each the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from orchestrator import texts

Command = Callable[..., Any]


def speaking(command: click.Command) -> click.Command:
    """The command, and every command of the group, with ``--lang``: the one language that it speaks, said before the command or behind it. One
    that has an option of that name has it for what it writes (a form, a report) and speaks what was said before it, else that of the locale."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            speaking(inner)
    if not any(parameter.name in ("lang", _LANGUAGE) for parameter in command.params):
        command.params.append(
            click.Option(
                ["--lang", _LANGUAGE], type=click.Choice(texts.LANGUAGES), callback=_choose, expose_value=False, is_eager=True,
                help="Language of what is said (default: by the locale).",
            )
        )
    return command


_LANGUAGE = "spoken_language"


def _choose(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    """What was said of the whole group holds for its command, unless the command says otherwise."""
    if value is not None:
        ctx.meta[_LANGUAGE] = value
    texts.use(ctx.meta.get(_LANGUAGE))


def shows(command: Command) -> Command:
    """``--log``: how a run is shown."""
    return click.option(
        "--log",
        type=click.Choice(["auto", "lines", "json"]),
        default="auto",
        show_default=True,
        help="Bars on a terminal and lines elsewhere; lines always; or JSON lines for a pipeline.",
    )(command)
