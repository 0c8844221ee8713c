"""Secrets are references; this is the only place that turns one into its value, and the one that hides values in texts."""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Iterable
from pathlib import Path

from orchestrator.errors import ToolError
from orchestrator.texts import say

SHORTEST_MASKED = 4
"""Values shorter than this are not masked: they would turn ordinary text into stars."""


class Masker:
    """Replaces known secret values with ``***`` in any text. Thread-safe; values can be added while it is in use."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()
        for value in values:
            self.add(value)

    def add(self, value: str) -> None:
        """Hide ``value`` from now on; each line of a multi-line value (a key, a certificate) by itself, because logs come in lines."""
        wanted = {part.strip() for part in (value, *value.splitlines())}
        with self._lock:
            self._values |= {part for part in wanted if len(part) >= SHORTEST_MASKED}
            longest_first = sorted(self._values, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        pattern = self._pattern
        return pattern.sub("***", text) if pattern else text


MASKER = Masker()
"""Holds every value that ``resolve`` returned in this process; the edges mask with it by default."""


def resolve(ref: str) -> str:
    """The value behind ``env:NAME``, ``file:/path``, ``vault:/path#key`` or ``prefect:block``.

    One trailing newline is dropped. The value is known to ``MASKER`` from then on. Raises ToolError whose text holds the
    reference, never the value.
    """
    scheme, _, rest = ref.partition(":")
    readers = {"env": _from_env, "file": _from_file, "vault": _from_vault, "prefect": _from_prefect}
    if scheme not in readers or not rest:
        raise ToolError(say("tools.no_reference"), where="secret", remedy=say("tools.write_reference"))
    value = readers[scheme](rest)
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise ToolError(say("tools.secret_empty"), where=ref, remedy=say("tools.fill_in"))
    MASKER.add(value)
    return value


def _from_env(name: str) -> str:
    if (value := os.environ.get(name)) is None:
        raise ToolError(say("tools.no_variable", name=name), where=f"env:{name}", remedy=say("tools.export_first", name=name))
    return value


def _private(path: Path, ref: str) -> str:
    """The text of a file that only its owner can read."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise ToolError(say("tools.no_file"), where=ref, remedy=say("tools.point_to_file"))
        if stat.S_IMODE(mode) & 0o077:
            raise ToolError(say("tools.others_reach", mode=stat.S_IMODE(mode)), where=ref, remedy=say("tools.chmod", path=str(path)))
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ToolError(
            say("tools.secret_unread", strerror=error.strerror or str(error)),
            where=ref,
            remedy=say("tools.create_file"),
        ) from None
    except UnicodeDecodeError:
        raise ToolError(say("tools.not_utf8"), where=ref, remedy=say("tools.store_text")) from None


def _from_file(path: str) -> str:
    return _private(Path(path), f"file:{path}")


def _from_vault(rest: str) -> str:
    """A key of a YAML mapping in an ansible-vault file; the password's file is named by ANSIBLE_VAULT_PASSWORD_FILE."""
    path, _, key = rest.rpartition("#")
    ref = f"vault:{rest}"
    if not path or not key:
        raise ToolError(say("tools.vault_no_key"), where=ref, remedy=say("tools.write_vault"))
    password_file = os.environ.get("ANSIBLE_VAULT_PASSWORD_FILE")
    if not password_file:
        raise ToolError(say("tools.no_vault_password"), where=ref, remedy=say("tools.export_vault"))
    password = _private(Path(password_file), f"file:{password_file}").strip()
    import yaml
    from ansible.errors import AnsibleError
    from ansible.parsing.vault import VaultLib, VaultSecret

    try:
        text = VaultLib([("default", VaultSecret(password.encode()))]).decrypt(_private(Path(path), ref).encode())
    except AnsibleError:
        raise ToolError(
            say("tools.vault_locked"),
            where=ref,
            remedy=say("tools.check_vault"),
        ) from None
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:  # its message would quote the content
        content = None
    if not isinstance(content, dict) or not isinstance(content.get(key), str | int):
        raise ToolError(say("tools.vault_no_text", key=key), where=ref, remedy=say("tools.vault_edit"))
    return str(content[key])


def _from_prefect(name: str) -> str:
    """A Prefect Secret block."""
    from prefect.blocks.system import Secret

    try:
        block = Secret.load(name)
        return str(block.get())  # type: ignore[union-attr]  # sync here; the type also covers async callers
    except ValueError:
        raise ToolError(say("tools.no_block"), where=f"prefect:{name}", remedy=say("tools.make_block", name=name)) from None
