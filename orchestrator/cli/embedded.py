"""embedded up, down, status: the demo city on loopback."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orchestrator.errors import Exit
from orchestrator.texts import say, text

_FOLDER = click.option("--folder", type=click.Path(path_type=Path), help="The city's folder (default: .city of the checkout).")


@click.group()
def embedded() -> None:
    """The demo city: real sshd, PostgreSQL, MariaDB, PgBouncer and HAProxy on loopback, no root needed."""


@embedded.command()
@_FOLDER
def up(folder: Path | None) -> int:
    """Bring the city up and leave it running; writes the settings that lead other commands to it."""
    from orchestrator.embedded.city import City

    city = City(folder)
    city.up()
    file = Path("orchestrator.toml")
    settings = city.settings()
    inputs = settings.pop("cloud")["inputs"]
    lines = [f"{name} = {json.dumps(str(value))}" for name, value in settings.items()]
    lines += ["", "[cloud.inputs]", *(f"{name} = {json.dumps(value)}" for name, value in inputs.items())]
    if not file.exists() or file.read_text(encoding="utf-8").startswith("# written by `orchestrator embedded up`"):
        file.write_text("# written by `orchestrator embedded up`\n" + "\n".join(lines) + "\n", encoding="utf-8")
        click.echo(text("cli.city_up", file=str(file)))
    else:
        click.echo(text("cli.city_up_alone") + "\n" + "\n".join(lines))
    return int(Exit.DONE)


@embedded.command()
@_FOLDER
def down(folder: Path | None) -> int:
    """End everything that the city started."""
    from orchestrator.cli.settings import load_settings
    from orchestrator.embedded.city import City
    from orchestrator.tools import prefect_server as server

    City(folder).down()
    server.stop(load_settings())
    file = Path("orchestrator.toml")
    if file.exists() and file.read_text(encoding="utf-8").startswith("# written by `orchestrator embedded up`"):
        file.unlink()
    click.echo(text("cli.city_down"))
    return int(Exit.DONE)


@embedded.command()
@_FOLDER
@click.option("--json", "as_json", is_flag=True)
def status(folder: Path | None, *, as_json: bool) -> int:
    """What of the city is alive."""
    from orchestrator.embedded.city import City

    seen = City(folder).status()
    if as_json:
        click.echo(json.dumps(seen, default=str))
    else:
        click.echo(text("cli.city_stands" if seen["up"] else "cli.city_not_up", alive=len(seen["alive"])))
        if seen["dead"]:
            click.echo(say("cli.city_dead", names=tuple(seen["dead"])))
    return int(Exit.DONE)
