"""Hostile YAML in, plain values with line numbers out.

Built on libyaml's *events*, not on its composer: the composer recurses in C and can be made to overflow the stack, and aliases are cheap to
write and dear to expand. Here depth, size and what aliases would expand to are counted while reading. Scalars follow the YAML 1.2 core schema
(``08:30`` and ``no`` stay text; ``true``/``false``, numbers and null are what they look like); no tag constructs anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from orchestrator.errors import Finding
from orchestrator.inventory.build.listed import Findings
from orchestrator.texts import Words, say

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 40
MAX_NODES = 4_000_000
"""A mapping or list counts as four."""
MAX_ITEMS = 20_000
"""Systems (or departments, or rooms) in one file: a city's forms have fewer, and each of them is checked by itself."""
MAX_ALIASED = 100_000
"""Nodes that aliases may add over a whole file, counted as if expanded."""

_INT = re.compile(r"[-+]?[0-9]{1,18}$")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?$")
_CONSTANTS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def plain_scalar(text: str) -> Any:
    """What an unquoted scalar means: the YAML 1.2 core schema, decimal numbers only."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    return text


class Map(dict[str, Any]):
    """A mapping that remembers the line (1-based) where it and each of its keys stood."""

    __slots__ = ("line", "lines", "repeated", "size")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}
        self.size = 1
        self.repeated: frozenset[str] = frozenset()
        """Keys that stood there more than once: the last value counts, if any does."""


class Seq(list[Any]):
    """A sequence that remembers the line (1-based) of each of its items."""

    __slots__ = ("line", "lines", "size")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []
        self.size = 1


class BadYaml(Exception):
    """The file cannot be read as YAML within the limits. ``line`` is 0 where no place is known."""

    def __init__(self, code: str, says: Words, mend: Words, line: int = 0) -> None:
        super().__init__(says)
        self.code, self.says, self.mend, self.line = code, says, mend, line


def read_yaml(path: Path, name: str) -> tuple[list[Any], list[Finding]]:
    """All documents of a file. What cannot be read is one finding named after ``name``; never raises for the content of a file."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadYaml(
                "file-too-large", say("inventory.file_too_large", megabytes=MAX_BYTES // 2**20), say("inventory.split_by_department")
            )
        text = _decode(path.read_bytes())
        repeated = Findings()
        documents = list(_documents(text, name, repeated))
    except BadYaml as bad:
        return [], [Finding(bad.code, "error", bad.says, bad.mend, file=name, cell=f"L{bad.line}" if bad.line else "")]
    except OSError as error:
        return [], [
            Finding(
                "unreadable",
                "error",
                say("inventory.cannot_open", why=str(error.strerror)),
                say("inventory.check_file"),
                file=name,
            )
        ]
    return documents, repeated


def documents_of(text: str, name: str) -> list[Any]:
    """All documents of a text of our own. Raises ``BadYaml``."""
    return list(_documents(text, name, []))


def _decode(data: bytes) -> str:
    if b"\x00" in data[:4] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadYaml("not-text", say("inventory.not_text"), say("inventory.give_utf8_yaml"))
    for encoding in ("utf-16",) if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadYaml("bad-encoding", say("inventory.encoding_unknown"), say("inventory.save_as_utf8"))


def _documents(text: str, name: str, findings: list[Finding]) -> Iterator[Any]:
    composer = _Composer(name, findings)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if composer.feed(event):
                yield composer.take()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "unreadable character"
        line = mark.line + 1 if mark else 0
        raise BadYaml(
            "bad-yaml",
            say("inventory.bad_yaml", problem=problem),
            say("inventory.check_yaml_line"),
            line,
        ) from None
    except RecursionError:
        raise BadYaml("yaml-depth", say("inventory.yaml_too_deep"), say("inventory.remove_nesting")) from None


class _Composer:
    """Events → values, without recursion."""

    def __init__(self, name: str, findings: list[Finding]) -> None:
        self.name = name
        self.findings = findings
        self.stack: list[tuple[Map | Seq, list[Any]]] = []
        """Open collections; for a mapping the list holds the pending key, if any."""
        self.anchors: dict[str, Any] = {}
        self.open_anchors: dict[int, str] = {}
        self.root: Any = None
        self.nodes = 0
        self.aliased = 0

    def take(self) -> Any:
        root, self.root, self.anchors = self.root, None, {}
        return root

    def feed(self, event: Any) -> bool:
        """True when a document is complete."""
        line = event.start_mark.line + 1
        if isinstance(event, yaml.ScalarEvent):
            value = self.scalar(event)
            if event.anchor:
                self.anchors[event.anchor] = value
            self._add(value, line)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            node: Map | Seq = Map(line) if isinstance(event, yaml.MappingStartEvent) else Seq(line)
            if len(self.stack) >= MAX_DEPTH:
                raise BadYaml(
                    "yaml-depth",
                    say("inventory.yaml_depth", depth=MAX_DEPTH),
                    say("inventory.remove_nesting"),
                    line,
                )
            if event.anchor:
                self.open_anchors[id(node)] = event.anchor
            self.stack.append((node, []))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            node, _ = self.stack.pop()
            anchor = self.open_anchors.pop(id(node), None)
            if anchor:
                self.anchors[anchor] = node
            self._add(node, node.line)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise BadYaml(
                    "yaml-alias", say("inventory.yaml_alias_open"), say("inventory.remove_alias"), line
                )
            value = self.anchors[event.anchor]
            self.aliased += getattr(value, "size", 1)
            if self.aliased > MAX_ALIASED:
                raise BadYaml(
                    "yaml-alias-bomb", say("inventory.yaml_alias_bomb"), say("inventory.write_out"), line
                )
            self._add(value, line)
        return isinstance(event, yaml.DocumentEndEvent)

    def scalar(self, event: Any) -> Any:
        return event.value if not event.implicit[0] else plain_scalar(event.value)  # quoted, or with a tag: text

    def _add(self, value: Any, line: int) -> None:
        self.nodes += 4 if isinstance(value, Map | Seq) else 1
        if self.nodes > MAX_NODES:
            raise BadYaml(
                "yaml-size", say("inventory.yaml_size", count=MAX_NODES), say("inventory.split_by_department"), line
            )
        if not self.stack:
            self.root = value
            return
        parent, pending = self.stack[-1]
        parent.size += getattr(value, "size", 1)
        if isinstance(parent, Seq):
            if len(self.stack) == 2 and len(parent) >= MAX_ITEMS:
                raise BadYaml(
                    "yaml-items", say("inventory.yaml_items", count=MAX_ITEMS), say("inventory.split_by_department"), line
                )  # fmt: skip
            parent.append(value)
            parent.lines.append(line)
        elif not pending:
            if isinstance(value, Map | Seq):
                raise BadYaml("yaml-key", say("inventory.yaml_key_text"), say("inventory.check_line"), line)
            pending.extend((str(value) if value is not None else "", line))
        else:
            key, key_line = pending
            pending.clear()
            self._put(parent, key, value, key_line)

    def _put(self, parent: Map, key: str, value: Any, line: int) -> None:
        if key == "<<":
            for source in value if isinstance(value, Seq) else [value]:
                if isinstance(source, Map):
                    for inherited, inner in source.items():
                        if inherited not in parent:
                            parent[inherited] = inner
                            parent.lines[inherited] = -source.lines.get(inherited, line)  # negative: may be said again
            return
        if parent.lines.get(key, -1) > 0:
            parent.repeated |= {key}
            self.findings.append(
                Finding(
                    "duplicate-key",
                    "error",
                    say("inventory.duplicate_key", key=key[:80]),
                    say("inventory.keep_one"),
                    file=self.name,
                    cell=f"L{line}",
                )
            )
        parent[key] = value
        parent.lines[key] = line
