"""Settings and sessions for commands: loaded once, errors in the operator's words."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError
from orchestrator.texts import say

if TYPE_CHECKING:
    from orchestrator.engine.session import Session
    from orchestrator.settings import Settings
    from orchestrator.workspace import Workspace

FILE = "orchestrator.toml"


def load_settings() -> Settings:
    """From orchestrator.toml and the environment. Raises UsageError with every bad field."""
    import pydantic

    from orchestrator.settings import Settings

    try:
        return Settings()
    except tomllib.TOMLDecodeError as error:
        raise UsageError(say("cli.no_toml", fault=str(error)), where=FILE, remedy=say("cli.mend_line")) from error
    except UnicodeDecodeError as error:
        raise UsageError(say("cli.settings_no_utf8"), where=FILE, remedy=say("cli.save_settings")) from error
    except pydantic.ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False, include_url=False))
        raise UsageError(problems, where=say("cli.settings_or_environment"), remedy=say("cli.correct_settings")) from error


def open_workspace(paths: Sequence[Path] = (), policy_file: Path | None = None) -> Workspace:
    """What is known; ``paths``: of these files and folders instead of the configured inventory."""
    from orchestrator.workspace import Workspace

    return Workspace(load_settings(), paths=tuple(paths), policy_file=policy_file)


def open_session() -> Session:
    """A session of the current account."""
    from orchestrator.engine.session import Session

    return Session.open(load_settings())
