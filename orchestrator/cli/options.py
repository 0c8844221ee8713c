"""Options that several commands have, each the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from orchestrator import texts

Command = Callable[..., Any]


def speaks(command: Command) -> Command:
    """``--lang``: the one language that this command speaks."""

    def choose(_ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
        texts.use(value)

    return click.option(
        "--lang",
        type=click.Choice(texts.LANGUAGES),
        callback=choose,
        expose_value=False,
        is_eager=True,
        help="Language of what is said (default: by the locale).",
    )(command)


def shows(command: Command) -> Command:
    """``--log``: how a run is shown."""
    return click.option(
        "--log",
        type=click.Choice(["auto", "lines", "json"]),
        default="auto",
        show_default=True,
        help="Bars on a terminal and lines elsewhere; lines always; or JSON lines for a pipeline.",
    )(command)
