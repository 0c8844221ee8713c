"""Errors that the world makes and no command expected where it ran: a file system, a database, a file that is no text. No bugs of ours."""

from __future__ import annotations

import errno
import sqlite3
import sys
import zipfile
from typing import TYPE_CHECKING

from orchestrator.errors import NeedsPerson, OrchestratorError, UsageError
from orchestrator.texts import say

if TYPE_CHECKING:
    from sqlalchemy.exc import SQLAlchemyError

REMEDIES = {
    errno.ENOSPC: "cli.free_space",
    errno.EDQUOT: "cli.free_quota",
    errno.EROFS: "cli.read_only_disk",
    errno.ENAMETOOLONG: "cli.shorter_name",
    errno.EMFILE: "cli.too_many_files",
    errno.ELOOP: "cli.chain_of_links",
    errno.EIO: "cli.disk_errors",
}


KNOWN: tuple[tuple[type[BaseException], type[OrchestratorError], str, str], ...] = (
    # error, what it becomes, what happened, what to do
    (sqlite3.Error, NeedsPerson, "cli.journal_fails", "cli.check_journal_file"),
    (UnicodeDecodeError, UsageError, "cli.no_utf8", "cli.save_as_utf8"),
    (UnicodeEncodeError, UsageError, "cli.name_is_no_text", "cli.rename"),
    (zipfile.BadZipFile, UsageError, "cli.workbook_damaged", "cli.save_anew"),
    (RecursionError, UsageError, "cli.too_deep", "cli.checks_name_it"),
    (MemoryError, NeedsPerson, "cli.no_memory", "cli.more_memory"),
)


def expected_problem(error: BaseException) -> OrchestratorError | None:
    """The error in the operator's words, with what to do; None for what can only be a bug of ours."""
    if isinstance(error, OSError):
        return _of_the_system(error)
    for kind, becomes, what, remedy in KNOWN:
        if isinstance(error, kind):
            return becomes(say(what), remedy=say(remedy))
    return _of_the_database(error)


def _of_the_system(error: OSError) -> OrchestratorError:
    place = str(error.filename or "")
    words = error.strerror or type(error).__name__
    remedy = say(REMEDIES.get(error.errno or 0, "cli.check_path" if place else "cli.check_machine"))
    what = say("cli.system_error", words=words, place=place) if place else words
    return UsageError(what, remedy=remedy) if place or error.errno in REMEDIES else NeedsPerson(what, remedy=remedy, retryable=True)


def _of_the_database(error: BaseException) -> OrchestratorError | None:
    """Of SQLAlchemy, where it was loaded at all: a database that is away, full, locked or not writable."""
    module = sys.modules.get("sqlalchemy.exc")
    if module is None or not isinstance(error, module.DBAPIError):
        return None
    failed: SQLAlchemyError = error
    cause = str(getattr(failed, "orig", "") or failed).splitlines()[0][:200]
    return NeedsPerson(
        say("cli.journal_fails_with", cause=cause), remedy=say("cli.check_journal"), retryable=True,
    )  # fmt: skip
