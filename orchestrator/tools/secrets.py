"""Secrets are references; this is the only place that turns one into its value, and the one that hides values in texts."""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Iterable
from pathlib import Path

from orchestrator.errors import ToolError

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
        raise ToolError(
            "not a reference to a secret", where="secret", remedy="write env:NAME, file:/path, vault:/path#key or prefect:block-name"
        )
    value = readers[scheme](rest)
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise ToolError("the secret is empty", where=ref, remedy="fill it in at its source")
    MASKER.add(value)
    return value


def _from_env(name: str) -> str:
    if (value := os.environ.get(name)) is None:
        raise ToolError(
            f"environment variable {name} is not set", where=f"env:{name}", remedy=f"export {name} before starting orchestrator"
        )
    return value


def _private(path: Path, ref: str) -> str:
    """The text of a file that only its owner can read."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise ToolError("the secret is not a regular file", where=ref, remedy="point the reference to a file of mode 0600")
        if stat.S_IMODE(mode) & 0o077:
            raise ToolError(
                f"others than its owner can reach the secret (mode {stat.S_IMODE(mode):04o})", where=ref, remedy=f"chmod 600 {path}"
            )
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ToolError(
            f"the secret cannot be read: {error.strerror}",
            where=ref,
            remedy="create the file with mode 0600, owned by who runs orchestrator",
        ) from None
    except UnicodeDecodeError:
        raise ToolError("the secret is not UTF-8 text", where=ref, remedy="store it as text") from None


def _from_file(path: str) -> str:
    return _private(Path(path), f"file:{path}")


def _from_vault(rest: str) -> str:
    """A key of a YAML mapping in an ansible-vault file; the password's file is named by ANSIBLE_VAULT_PASSWORD_FILE."""
    path, _, key = rest.rpartition("#")
    ref = f"vault:{rest}"
    if not path or not key:
        raise ToolError("the vault reference has no key", where=ref, remedy="write vault:/path/to/file.yml#key")
    password_file = os.environ.get("ANSIBLE_VAULT_PASSWORD_FILE")
    if not password_file:
        raise ToolError(
            "no vault password", where=ref, remedy="export ANSIBLE_VAULT_PASSWORD_FILE=/path/to/a/file of mode 0600 that holds the password"
        )
    password = _private(Path(password_file), f"file:{password_file}").strip()
    import yaml
    from ansible.errors import AnsibleError
    from ansible.parsing.vault import VaultLib, VaultSecret

    try:
        text = VaultLib([("default", VaultSecret(password.encode()))]).decrypt(_private(Path(path), ref).encode())
    except AnsibleError:
        raise ToolError(
            "the vault file cannot be decrypted",
            where=ref,
            remedy="check ANSIBLE_VAULT_PASSWORD_FILE, or encrypt with `ansible-vault encrypt`",
        ) from None
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:  # its message would quote the content
        content = None
    if not isinstance(content, dict) or not isinstance(content.get(key), str | int):
        raise ToolError(f"the vault file has no text under the key {key}", where=ref, remedy="add the key with `ansible-vault edit`")
    return str(content[key])


def _from_prefect(name: str) -> str:
    """A Prefect Secret block."""
    from prefect.blocks.system import Secret

    try:
        block = Secret.load(name)
        return str(block.get())  # type: ignore[union-attr]  # sync here; the type also covers async callers
    except ValueError:
        raise ToolError(
            "no such Secret block", where=f"prefect:{name}", remedy=f"create a Secret block named {name} on the Prefect server"
        ) from None
