"""What systemd says of a unit, and the texts of units and environment files that we write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.tools.ssh import SshConnection

PROPERTIES = (
    *("Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "Type", "RemainAfterExit", "NRestarts", "ControlGroup", "MainPID"),
    *("FragmentPath", "DropInPaths", "EnvironmentFiles", "User", "Group", "Triggers", "CanReload", "WorkingDirectory"),
)


@dataclass(frozen=True)
class UnitFacts:
    """One unit, by the properties that systemd shows."""

    unit: str
    present: bool
    active: bool
    word: str
    """``active (running)``: as a person sees it."""
    enabled: str
    kind: str
    """Type= of a service."""
    remains: bool
    restarts: int
    main_pid: int
    control_group: str
    """Where its processes are, also those that outlived it; empty when there are none."""
    fragment: str
    dropins: tuple[str, ...]
    environment_files: tuple[str, ...]
    user: str
    group: str
    triggers: tuple[str, ...]
    can_reload: bool

    @property
    def starting(self) -> bool:
        return self.word.startswith(("activating", "reloading"))

    @property
    def failed(self) -> bool:
        return self.word.startswith("failed")

    @property
    def runs_once(self) -> bool:
        """A job that comes to an end by itself, and is inactive then."""
        return self.kind == "oneshot" and not self.remains


def read_unit(connection: SshConnection, unit: str) -> UnitFacts:
    """What the host's systemd says. Raises ToolError when it does not answer."""
    argv = ["systemctl", "show", "--no-pager", f"--property={','.join(PROPERTIES)}", "--", unit]
    return parse_unit(unit, connection.run(argv, timeout=30, check=True).stdout)


def parse_unit(unit: str, text: str) -> UnitFacts:
    """``Name=value`` lines, as `systemctl show` writes them; EnvironmentFiles may come several times."""
    values: dict[str, str] = {}
    files: list[str] = []
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name == "EnvironmentFiles" and value:
            files.append(value.rpartition(" (ignore_errors=")[0] or value)
        else:
            values[name] = value
    active = values.get("ActiveState", "")
    return UnitFacts(
        unit=unit,
        present=values.get("LoadState") in ("loaded", "masked"),
        active=active in ("active", "activating", "reloading", "deactivating"),
        word=f"{active} ({values.get('SubState', '')})",
        enabled=values.get("UnitFileState", ""),
        kind=values.get("Type", ""),
        remains=values.get("RemainAfterExit") == "yes",
        restarts=_number(values.get("NRestarts")),
        main_pid=_number(values.get("MainPID")),
        control_group=values.get("ControlGroup", ""),
        fragment=values.get("FragmentPath", ""),
        dropins=tuple(values.get("DropInPaths", "").split()),
        environment_files=tuple(files),
        user=values.get("User", ""),
        group=values.get("Group", ""),
        triggers=tuple(values.get("Triggers", "").split()),
        can_reload=values.get("CanReload") == "yes",
    )


def _number(text: str | None) -> int:
    """0 for what is not set; systemd also writes the largest number of 64 bits for it."""
    return int(text) if text is not None and text.isdigit() and len(text) < 12 else 0


def environment_file(environment: Mapping[str, str]) -> str:
    """A file that ``EnvironmentFile=`` reads: each value quoted, line breaks made blanks."""
    lines = []
    for name, value in sorted(environment.items()):
        quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`").replace("\n", " ")
        lines.append(f'{name}="{quoted}"\n')
    return "".join(lines)


def unit_text(name: str, argv: Sequence[str], account: str) -> str:
    """The unit of a service that has none of its own."""
    command = " ".join(_word(part) for part in argv)
    return f"""[Unit]
Description={name} (placed by the orchestrator)
After=network-online.target
Wants=network-online.target

[Service]
User={account or "root"}
ExecStart={command}
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""


def _word(part: str) -> str:
    """In a unit, % begins a specifier and $ a variable; quotes keep blanks."""
    escaped = part.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$").replace("\n", " ")
    return f'"{escaped}"'
