"""Errors that the world makes and no command expected where it ran: a file system, a database, a file that is no text. No bugs of ours."""

from __future__ import annotations

import errno
import sqlite3
import sys
import zipfile
from typing import TYPE_CHECKING

from orchestrator.errors import NeedsPerson, OrchestratorError, UsageError

if TYPE_CHECKING:
    from sqlalchemy.exc import SQLAlchemyError

REMEDIES = {
    errno.ENOSPC: "free some space and run it again",
    errno.EDQUOT: "free some space of this account's quota and run it again",
    errno.EROFS: "the file system is read-only: name another folder, or make it writable",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.EMFILE: "too many files are open: raise the limit (ulimit -n)",
    errno.ELOOP: "a chain of links leads nowhere: name the file itself",
    errno.EIO: "the disk gives errors: check it, and the backup",
}


KNOWN: tuple[tuple[type[BaseException], type[OrchestratorError], str, str], ...] = (
    # error, what it becomes, what happened, what to do
    (sqlite3.Error, NeedsPerson, "the journal cannot be read or written", "check its file, the disk and who may write there"),
    (UnicodeDecodeError, UsageError, "a file is not text in UTF-8", "save it as UTF-8; forms are read as .xlsx or .csv"),
    (UnicodeEncodeError, UsageError, "a name holds bytes that are no text", "rename the file or folder"),
    (zipfile.BadZipFile, UsageError, "a workbook is damaged", "open it in the office program and save it anew"),
    (RecursionError, UsageError, "a file is nested too deeply", "`orchestrator inventory check` and `policy check` name it"),
    (MemoryError, NeedsPerson, "this machine has not enough memory for it", "give it more, or split the input"),
)


def expected_problem(error: BaseException) -> OrchestratorError | None:
    """The error in the operator's words, with what to do; None for what can only be a bug of ours."""
    if isinstance(error, OSError):
        return _of_the_system(error)
    for kind, becomes, what, remedy in KNOWN:
        if isinstance(error, kind):
            return becomes(what, remedy=remedy)
    return _of_the_database(error)


def _of_the_system(error: OSError) -> OrchestratorError:
    place = str(error.filename or "")
    words = error.strerror or type(error).__name__
    remedy = REMEDIES.get(error.errno or 0, "check the path and its permissions" if place else "check the machine, then run it again")
    what = f"{words}: {place}" if place else words
    return UsageError(what, remedy=remedy) if place or error.errno in REMEDIES else NeedsPerson(what, remedy=remedy, retryable=True)


def _of_the_database(error: BaseException) -> OrchestratorError | None:
    """Of SQLAlchemy, where it was loaded at all: a database that is away, full, locked or not writable."""
    module = sys.modules.get("sqlalchemy.exc")
    if module is None or not isinstance(error, module.DBAPIError):
        return None
    failed: SQLAlchemyError = error
    cause = str(getattr(failed, "orig", "") or failed).splitlines()[0][:200]
    return NeedsPerson(
        f"the journal cannot be read or written: {cause}",
        remedy="check `journal` and `state` in orchestrator.toml, who may write there, and the disk", retryable=True,
    )  # fmt: skip
