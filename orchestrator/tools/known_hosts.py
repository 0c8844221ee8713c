"""The file of known host keys (OpenSSH's format): read and added to, whole or not at all."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def _name(address: str, port: int) -> str:
    return address if port == 22 else f"[{address}]:{port}"


def remembered(file: Path, address: str, port: int) -> list[tuple[str, str]]:
    """(type, base64 key) on record for a host."""
    if not file.exists():
        return []
    lines = [line.split() for line in file.read_text("utf-8", "replace").splitlines() if line and not line.startswith(("#", "|", "@"))]
    return [(parts[1], parts[2]) for parts in lines if len(parts) >= 3 and _name(address, port) in parts[0].split(",")]


def remember(file: Path, address: str, port: int, kind: str, key: str) -> None:
    """Put a host's key on record; other keys of the same host and port go."""
    _replace(file, _name(address, port), [f"{_name(address, port)} {kind} {key}"])


def forget(file: Path, address: str, port: int) -> bool:
    """Take a host off the record, since it is gone: the next one at its address has another key. Whether it was there."""
    known = bool(remembered(file, address, port))
    if known:
        _replace(file, _name(address, port), [])
    return known


def _replace(file: Path, name: str, lines: list[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(f".{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = file.read_text("utf-8", "replace").splitlines() if file.exists() else []
        kept = [line for line in before if name not in line.split(" ", 1)[0].split(",")]
        staged = file.with_name(f".{file.name}.new")
        with staged.open("w", encoding="utf-8") as out:
            out.write("".join(f"{line}\n" for line in [*kept, *lines]))
            out.flush()
            os.fsync(out.fileno())
        staged.replace(file)
