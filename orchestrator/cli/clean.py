"""clean: what migrations left behind. No logic: see ``orchestrator.engine.cleaning``."""

from __future__ import annotations

import json

import click

from orchestrator import texts
from orchestrator.cli.listing import safe
from orchestrator.cli.output import writes_unicode
from orchestrator.cli.settings import open_session
from orchestrator.errors import Exit, UsageError


@click.command()
@click.argument("system", required=False)
@click.option("--remove", is_flag=True, help="Remove what may go. Needs SYSTEM and --digest.")
@click.option("--digest", default="", metavar="SHA256", help="Of the list that you read (8 characters or more).")
@click.option("--erase", is_flag=True, help="Ask people to erase the old disks of SYSTEM and hand in the certificate.")
@click.option("--json", "as_json", is_flag=True)
def clean(system: str | None, digest: str, *, remove: bool, erase: bool, as_json: bool) -> int:
    """List what migrations left (quarantine, relays, backups, our own things in databases), with sizes and until when each is kept.

    Nothing goes before final acceptance and the delay of the settings (`clean_after_days`, `keep_backups_days`), and never the only copy.
    Old databases, files and machines are not ours: people erase them (--erase).
    """
    from orchestrator.engine.cleaning import Cleaning, digest_of, systems_with_leftovers

    if (remove or erase) and not system:
        raise UsageError(texts.say("cli.name_system_to_clean"), remedy=texts.say("cli.clean_lists"))
    session = open_session()
    if erase and system:
        with Cleaning(session, system) as cleaning:
            number = cleaning.ask_to_erase()
        click.echo(texts.text("clean.erase", number=number))
        return int(Exit.WAITING)
    if remove and system:
        with Cleaning(session, system) as cleaning:
            gone = cleaning.remove(digest)
        for each in gone:
            click.echo(safe(texts.text("clean.removed", what=each.what, place=each.place, path=each.path, size=_size(each.bytes))))
        return int(Exit.DONE)
    found = []
    for name in [session.system(system).id] if system else systems_with_leftovers(session):
        with Cleaning(session, name) as cleaning:
            found.append((name, cleaning.find()))
    if as_json:
        rows = [{"system": name, "digest": digest_of(left), "left": [each.as_json() for each in left]} for name, left in found]
        click.echo(json.dumps(rows, ensure_ascii=not writes_unicode()))
        return int(Exit.DONE)
    for name, left in found:
        going = [each for each in left if not each.kept]
        click.echo(safe(texts.text("clean.head", system=name, count=len(left), size=_size(sum(each.bytes for each in left)))))
        for each in left:
            until = texts.text("clean.kept", why=each.kept) if each.kept else texts.text("clean.may_go")
            click.echo(safe(f"  {_size(each.bytes):>9}  {each.place}  {each.path}  {each.what}: {until}"))
        if going:
            click.echo(texts.text("status.type", command=f"orchestrator clean {name} --remove --digest {digest_of(left)[:12]}"))
    if not any(left for _, left in found):
        click.echo(texts.text("clean.nothing"))
    return int(Exit.DONE)


def _size(count: int) -> str:
    """Bytes as people read them."""
    size, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.0f} {units[0]}" if units[0] == "B" else f"{size:.1f} {units[0]}"
