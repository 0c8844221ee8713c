"""Settings and sessions for commands: loaded once, errors in the operator's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import OrchestratorError, UsageError

if TYPE_CHECKING:
    from orchestrator.engine.session import Session
    from orchestrator.settings import Settings


def load_settings() -> Settings:
    """From orchestrator.toml and the environment. Raises UsageError with every bad field."""
    import pydantic

    from orchestrator.settings import Settings

    try:
        return Settings()
    except pydantic.ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False, include_url=False))
        raise UsageError(problems, where="orchestrator.toml or ORCHESTRATOR_*", remedy="correct these settings") from error


def open_session() -> Session:
    """A session of the current account."""
    from orchestrator.engine.session import Session

    return Session.open(load_settings())


def expected_problem(error: Exception) -> OrchestratorError | None:
    """Errors of the file system are the user's world, not bugs of ours."""
    if isinstance(error, PermissionError | FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return UsageError(f"{error.strerror}: {error.filename}", remedy="check the path and its permissions")
    if isinstance(error, OSError) and error.errno == 28:
        return UsageError("the disk is full", where=str(error.filename or ""), remedy="free some space and run it again")
    return None
