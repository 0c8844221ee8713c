"""python-terraform with our process runner underneath: minded, time-limited, cancellable, its ``-json`` lines as events.

python-terraform builds the argv; everything that runs goes through ``cmd``.
One object per call: its variable files are not safe to share.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import python_terraform

from orchestrator.errors import ToolError
from orchestrator.texts import Words, say
from orchestrator.tools import process, programs
from orchestrator.tools.process import Register
from orchestrator.tools.secrets import MASKER

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
ESCAPED = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
"""Letters beyond ASCII as a cloud's JSON writes them: it is quoted within what Terraform says."""
NO_CHANGES, CHANGES = 0, 2
"""Exit codes of ``plan -detailed-exitcode``: both are success."""


@dataclass(frozen=True)
class TerraformEvent:
    """One line of Terraform's own log: its ``type`` (``apply_start``, ``apply_complete``, ``diagnostic``…) and message, masked."""

    kind: str
    message: str
    address: str = ""
    level: str = "info"


class Terraform(python_terraform.Terraform):  # type: ignore[misc]  # the package has no types
    """One command, or a few, in one directory."""

    def __init__(
        self,
        working_dir: Path,
        *,
        limit: float,
        stop_seconds: float = 20,
        on_event: Callable[[TerraformEvent], None] | None = None,
        register: Register | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        super().__init__(working_dir=str(working_dir), terraform_bin_path=str(programs.find("terraform")))
        self.limit = limit
        self.stop_seconds = stop_seconds
        self.on_event = on_event
        self.register = register
        self.cancelled = cancelled
        self.errors: list[str] = []
        self.reported: list[str] = []
        """Errors of the last command, from its ``-json`` lines."""
        self.given: dict[str, Any] = {}
        """Outputs of the last apply, from its ``-json`` lines: what `terraform output` would say, without asking."""

    def read_state_file(self, file_path: str | None = None) -> None:
        """Nothing: the package would read the state in its constructor, and fail on the empty file that a killed Terraform leaves."""

    def cmd(self, cmd: str, *args: str, **kwargs: Any) -> tuple[int, str, str]:
        """Run a command. Returns (code, stdout, stderr). Raises Stopped (limit or cancel); a code other than 0 is the caller's to judge."""
        for name in ("capture_output", "raise_on_error", "synchronous"):
            kwargs.pop(name, None)
        self.reported, self.given = [], {}
        try:
            done = process.run(
                self.generate_cmd_string(cmd, *args, **kwargs),
                label=f"terraform {cmd} {Path(self.working_dir).name}",
                limit=self.limit,
                env=environment(),
                cwd=Path(self.working_dir),
                on_line=self._line,
                max_output=50_000_000,
                check=False,
                register=self.register,
                cancelled=self.cancelled,
                daemons="spare",  # a provisioner of the embedded cloud starts machines, which stay
                first="INT",  # asked gently, Terraform saves its state
                grace=self.stop_seconds,
            )
        finally:
            self.temp_var_files.clean_up()
        return done.code, done.stdout, done.stderr

    def must(self, result: tuple[int, str, str], *, what: str, accepted: tuple[int, ...] = (0,)) -> str:
        """The stdout of a command that ended as expected; ToolError with Terraform's own errors otherwise."""
        code, out, err = result
        if code in accepted:
            return out
        said = "; ".join(self.reported) or COLOURS.sub("", err).strip()[-2000:] or COLOURS.sub("", out).strip()[-2000:]
        raise ToolError(
            say("tools.terraform_ended", what=what, code=code, said=said), where=str(self.working_dir), remedy=_remedy(said), retryable=True
        )

    def _line(self, stream: str, text: str) -> None:
        if stream != "stdout" or not text.startswith('{"@'):
            return
        try:
            line = json.loads(text)
        except ValueError:
            return
        if line.get("type") == "outputs":
            self.given = dict(line.get("outputs") or {})
        hook = line.get("hook") or {}
        diagnostic = line.get("diagnostic") or {}
        if diagnostic.get("severity") == "error":
            said = ": ".join(part for part in (diagnostic.get("summary"), diagnostic.get("detail")) if part)
            where = diagnostic.get("address")  # without it "Your query returned no results" is nobody's
            self.reported.append(MASKER(make_readable(f"{said} [{where}]" if where else said)))
        if self.on_event:
            address = (hook.get("resource") or {}).get("addr") or diagnostic.get("address") or ""
            message = MASKER(str(line.get("@message", "")))
            self.on_event(TerraformEvent(str(line.get("type", "log")), message, str(address), str(line.get("@level", "info"))))


def make_readable(text: str) -> str:
    """``no volume type \\u91d1\\u76d8`` with its letters. What is no letter (a terminal's commands) stays escaped."""

    def letters(found: re.Match[str]) -> str:
        try:
            plain = json.loads(f'"{found[0]}"')
            plain.encode()
        except ValueError:
            return found[0]
        return str(plain) if plain.isprintable() else found[0]

    return ESCAPED.sub(letters, text)


def environment() -> dict[str, str]:
    """Ours (credentials of the cloud come this way), less what would change a command behind our back."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TF_CLI_ARGS", "TF_VAR_", "TF_LOG"))}
    for name in ("TF_DATA_DIR", "TF_WORKSPACE"):
        kept.pop(name, None)
    if not Path(kept.get("TF_CLI_CONFIG_FILE", "")).is_file():
        kept["TF_CLI_CONFIG_FILE"] = os.devnull
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"  # provisioners find this Python first
    return {**kept, "PATH": path, "TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}


def _remedy(said: str) -> Words:
    known = {
        # before the lock: where it cannot be read, Terraform says that it could not be locked
        "Unsupported state file format": say("tools.newer_terraform"),
        "state lock": say("tools.other_run"),
        "stale": say("tools.plan_approve"),
        "Invalid value for variable": say("tools.mend_form"),
        "registry.": say("tools.no_mirror"),
    }
    return next((remedy for sign, remedy in known.items() if sign in said), say("tools.mend_terraform"))
