"""The one tree of errors: what happened, where, and what to do about it.

Every error that can reach a user carries a remedy, says whether trying again can help, and maps to one exit code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from orchestrator import texts
from orchestrator.texts import Sentence, Words, say

MEND_FINDINGS = say("error.mend_findings")


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    BUG = 1
    USAGE = 2
    REFUSED = 3
    ROLLED_BACK = 4
    NEEDS_A_PERSON = 5
    WAITING = 6

    @classmethod
    def worst(cls, codes: Sequence[Exit]) -> Exit:
        """The code of a run over several systems: a bug of ours first, then the highest of 5, 4, 3, 2, 6, 0, in this order."""
        for code in (cls.BUG, cls.NEEDS_A_PERSON, cls.ROLLED_BACK, cls.REFUSED, cls.USAGE, cls.WAITING):
            if code in codes:
                return code
        return cls.DONE


class OrchestratorError(Exception):
    """What happened, where, and what to do. ``retryable``: the same call may succeed later without a change."""

    exit_code: Exit = Exit.NEEDS_A_PERSON

    def __init__(self, what: Words, *, where: Words = "", remedy: Words, retryable: bool = False) -> None:
        super().__init__(what)
        self.says = what
        self.mend = remedy
        self.place = where
        self.retryable = retryable

    @property
    def what(self) -> str:
        """What happened, in the language of this process."""
        return str(self.says)

    @property
    def where(self) -> str:
        """Where it happened, in the language of this process."""
        return str(self.place)

    @property
    def remedy(self) -> str:
        """What to do, in the language of this process."""
        return str(self.mend)

    def __str__(self) -> str:
        return str(words_of(self))


@dataclass(frozen=True)
class Finding:
    """One reason for a refusal, or a warning, with its place. Checks are data: all run, none changes anything.

    ``says`` and ``mend`` are what was found and what to do, as sentences of the catalogue with their values; ``message`` and ``remedy`` are the
    two in the language of this process, asked for where they are shown.
    """

    code: str
    severity: str  # "error" | "warning"
    says: Words
    mend: Words
    file: str = ""
    sheet: str = ""
    cell: str = ""
    system: str = ""

    @property
    def message(self) -> str:
        """What was found, in the language of this process."""
        return str(self.says)

    @property
    def remedy(self) -> str:
        """What to do, in the language of this process."""
        return str(self.mend)

    def place(self) -> str:
        """``file › sheet › cell`` as far as known, else the system."""
        return " › ".join(part for part in (self.file, self.sheet, self.cell) if part) or self.system

    def reworded(self, reword: Callable[[str], str]) -> Finding:
        """The same finding, every text in it that is not ours put through ``reword``; its cell and its system stay."""
        says, mend = texts.reworded(self.says, reword), texts.reworded(self.mend, reword)
        return replace(self, says=says, mend=mend, file=reword(self.file), sheet=reword(self.sheet))

    def as_json(self) -> dict[str, Any]:
        """For people's programs: the sentences in the language of this process, and what they are said of."""
        found = {"code": self.code, "severity": self.severity, "message": self.message, "remedy": self.remedy}
        place = {"file": self.file, "sheet": self.sheet, "cell": self.cell, "system": self.system}
        return {**found, **place, "parameters": texts.parameters(self.says, self.mend)}

    def pack(self) -> dict[str, Any]:
        """As JSON that ``unpack`` reads again, in whatever language that is then shown."""
        return {**self.__dict__, "says": texts.pack(self.says), "mend": texts.pack(self.mend)}

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> Finding:
        """What ``pack`` made. Raises TypeError or KeyError for what an older release made otherwise."""
        return cls(**{**packed, "says": texts.unpack(packed["says"]), "mend": texts.unpack(packed["mend"])})


class Unfit(ValueError):
    """What a schema's own rule says against a value, in words of the catalogue."""

    def __init__(self, says: Words) -> None:
        super().__init__(says)
        self.says = says


class UsageError(OrchestratorError):
    """The command line is wrong; nothing was changed."""

    exit_code = Exit.USAGE


class Refused(OrchestratorError):
    """Input or circumstances do not allow the action. Carries *every* finding; nothing was changed."""

    exit_code = Exit.REFUSED

    def __init__(self, what: Words, *, findings: Sequence[Finding] = (), where: Words = "", remedy: Words = MEND_FINDINGS) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.findings = tuple(findings)


class Unanswered(Refused):
    """Input with errors, some of which are questions: they are told with it."""

    def __init__(self, what: Words, *, questions: Sequence[Any], findings: Sequence[Finding] = (), where: Words = "", remedy: Words = MEND_FINDINGS) -> None:
        super().__init__(what, findings=findings, where=where, remedy=remedy)
        self.questions = tuple(questions)


def words_of(error: BaseException) -> Words:
    """What any exception says: a sentence of ours where it was raised with one, else its own text, never empty. Reads no catalogue."""
    if isinstance(error, OrchestratorError):
        return say("error.whole", what=say("error.at", what=error.says, where=error.place) if error.place else error.says, mend=error.mend)
    said = error.args[0] if len(error.args) == 1 else None
    return said if isinstance(said, Sentence) else str(error).strip() or type(error).__name__


def findings_of(error: OrchestratorError, code: str, system: str = "") -> tuple[Finding, ...]:
    """An error as findings: its own where it carries them, else one with its place and remedy."""
    if isinstance(error, Refused) and error.findings:
        return error.findings
    if isinstance(error, Unasked):
        return error.findings(system)
    says = say("error.at", what=error.says, where=error.place) if error.place else error.says
    return (Finding(code, "error", says, error.mend, system=system),)


def each_once(findings: Sequence[Finding]) -> list[Finding]:
    """Findings that several questions came to, said once, where the first stood."""
    kept: list[Finding] = []
    for finding in findings:
        if finding not in kept:
            kept.append(finding)
    return kept


class ToolError(OrchestratorError):
    """An outside tool (Ansible, Terraform, SSH, a database) failed."""

    exit_code = Exit.ROLLED_BACK


class Unasked(ToolError):
    """A host could not be asked. What stands there is not known, and is never said to be missing: whoever meets it makes of it
    ``findings_of``, which is the same for each, and ``each_once`` leaves one of them."""

    def __init__(self, what: Words, *, host: str, where: Words = "", remedy: Words, retryable: bool = False) -> None:
        super().__init__(what, where=where, remedy=remedy, retryable=retryable)
        self.host = host

    def findings(self, system: str = "") -> tuple[Finding, ...]:
        """One, whatever was to be asked."""
        says = say("error.at", what=self.says, where=self.place) if self.place else self.says
        return (Finding("host-unusable", "error", say("error.not_asked", host=self.host, said=says), self.mend, system=system),)


class NotMadeYet(Unasked):
    """A server that a migration makes: there is nobody to ask, and nothing is wrong with that."""

    def findings(self, system: str = "") -> tuple[Finding, ...]:  # noqa: ARG002 - the contract's signature
        """None."""
        return ()


class ToolMissing(OrchestratorError):
    """A program that the work needs is not on this machine."""

    exit_code = Exit.REFUSED


class StepFailed(OrchestratorError):
    """A step ran and did not reach what it promises."""

    exit_code = Exit.ROLLED_BACK


class CutoverAborted(StepFailed):
    """The fence was given up before the switch; the source was reopened and observed open."""


class NeedsPerson(OrchestratorError):
    """No automatic way on is safe. Says what was observed and which commands lead out."""

    exit_code = Exit.NEEDS_A_PERSON


class TurnedBack(OrchestratorError):
    """A person asked for cancel or rollback, and the step that ran was left. Not a failure of the step."""

    exit_code = Exit.ROLLED_BACK

    def __init__(self, *, where: Words = "") -> None:
        super().__init__(say("error.turned_back"), where=where, remedy=say("error.goes_back"))


class StaleLease(OrchestratorError):
    """This process lost its lease on the migration to a newer one; it must stop without touching anything."""

    exit_code = Exit.NEEDS_A_PERSON


class JournalAway(StaleLease):
    """The journal's database was lost, and what was on its way may or may not be kept. Whoever writes stops as if killed: the next one
    finds its step running, and looks at the world."""


class LeaseHeld(OrchestratorError):
    """Another live process works on this migration."""

    exit_code = Exit.REFUSED


class IllegalTransition(OrchestratorError):
    """A state change that the table of transitions does not contain: always a bug of ours."""

    exit_code = Exit.BUG


class Waiting(OrchestratorError):
    """The migration stands at a gate, a window or a human task. Not a failure."""

    exit_code = Exit.WAITING
