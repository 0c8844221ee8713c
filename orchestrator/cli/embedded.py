"""embedded up, down, status: the demo city on loopback."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orchestrator.errors import Exit

_FOLDER = click.option("--folder", type=click.Path(path_type=Path), help="The city's folder (default: .city of the checkout).")


@click.group()
def embedded() -> None:
    """The demo city: real sshd, PostgreSQL, PgBouncer and HAProxy on loopback, no root needed."""


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
        click.echo(f"the city is up; {file} leads `orchestrator plan`, `migrate`, … to it")
    else:
        click.echo("the city is up; your orchestrator.toml was left alone. Its settings:\n" + "\n".join(lines))
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
    click.echo("the city is down")
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
        click.echo(
            f"{'up' if seen['up'] else 'not up'}: {len(seen['alive'])} processes alive{', dead: ' + ', '.join(seen['dead']) if seen['dead'] else ''}"
        )
    return int(Exit.DONE)
