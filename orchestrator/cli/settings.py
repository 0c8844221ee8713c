"""Settings and sessions for commands: loaded once, errors in the operator's words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import Finding, Refused
from orchestrator.texts import say

if TYPE_CHECKING:
    from pydantic import ValidationError

    from orchestrator.engine.session import Session
    from orchestrator.settings import Settings
    from orchestrator.workspace import Workspace

FILE = "orchestrator.toml"


def load_settings() -> Settings:
    """From orchestrator.toml and the environment. Raises Refused with every bad field, each at its line or its variable."""
    import pydantic

    from orchestrator.settings import Settings

    try:
        return Settings()
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+), column (\d+)", str(error))
        place, says = (f"L{at[1]}", say("cli.no_toml", column=at[2])) if at else ("", say("cli.toml_ends"))
        findings = [Finding("bad-toml", "error", says, say("cli.mend_line"), file=FILE, cell=place)]
    except UnicodeDecodeError:
        findings = [Finding("bad-encoding", "error", say("cli.settings_no_utf8"), say("cli.save_settings"), file=FILE)]
    except pydantic.ValidationError as error:
        findings = list(_faults(error))
    raise Refused(say("cli.settings_unfit"), findings=findings, where=FILE, remedy=say("cli.correct_settings"))


def _faults(error: ValidationError) -> Iterator[Finding]:
    """What the environment says is told by its variable, all else by the file's line."""
    from orchestrator.inventory import schema
    from orchestrator.inventory.toml_in import read_toml
    from orchestrator.settings import PREFIX, Settings, read_environment

    file = Path(FILE)
    written = read_toml(file.read_text("utf-8") if file.is_file() else "")
    faults = error.errors(include_url=False)
    try:
        set_there = read_environment()
    except ValueError:  # no JSON: its name is all that is told of it
        set_there = {}
    for fault, place in schema.placed(faults, written):
        top = str(fault["loc"][0])
        variable = top if top.startswith(PREFIX) else f"{PREFIX}{top.upper()}" if schema.holds(set_there, fault["loc"]) else ""
        says, mend = schema.worded(fault, Settings), schema.advised(fault, Settings, place.key)
        if variable:
            yield Finding("bad-setting", "error", says, mend, cell=" ".join(dict.fromkeys((variable, place.key))))
        else:
            yield Finding("bad-setting", "error", says, mend, file=FILE, cell=str(place))


def open_workspace(paths: Sequence[Path] = (), policy_file: Path | None = None) -> Workspace:
    """What is known; ``paths``: of these files and folders instead of the configured inventory."""
    from orchestrator.workspace import Workspace

    return Workspace(load_settings(), paths=tuple(paths), policy_file=policy_file)


def open_session() -> Session:
    """A session of the current account."""
    from orchestrator.engine.session import Session

    return Session.open(load_settings())
