"""Settings and sessions for commands: loaded once, errors in the operator's words."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.engine.session import Session
    from orchestrator.settings import Settings

FILE = "orchestrator.toml"
FIRST = "`orchestrator init DIR` writes one to begin with"


def load_settings() -> Settings:
    """From orchestrator.toml and the environment. Raises UsageError with every bad field."""
    import pydantic

    from orchestrator.settings import Settings

    try:
        return Settings()
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"it is not TOML: {error}", where=FILE, remedy=f"mend that line; {FIRST}") from error
    except UnicodeDecodeError as error:
        raise UsageError("it is not text in UTF-8", where=FILE, remedy=f"save it as UTF-8; {FIRST}") from error
    except pydantic.ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False, include_url=False))
        raise UsageError(problems, where="orchestrator.toml or ORCHESTRATOR_*", remedy="correct these settings") from error


def open_session() -> Session:
    """A session of the current account."""
    from orchestrator.engine.session import Session

    return Session.open(load_settings())
