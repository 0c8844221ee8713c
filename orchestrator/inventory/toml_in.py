"""TOML with the line of every key, as ``yaml_in`` gives it of YAML, so that one schema check tells places in both."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from orchestrator.inventory.yaml_in import Map, Seq

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_PATH = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*\[\[?\s*({_PATH})\s*\]\]?\s*(?:#.*)?$")
_ENTRY = re.compile(rf"\s*({_PATH})\s*=")
_OPENS = re.compile(r'"""' + r"|'''")


def read_toml(text: str) -> Map:
    """The document. A line of an inline table or of an array's item is that of its key. Raises ``tomllib.TOMLDecodeError``."""
    read: Map = _with_lines(tomllib.loads(text), (), dict(_lines(text)), 1)
    return read


def _lines(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Every key's path and its line; of a table that is opened several times, the last."""
    table: tuple[str, ...] = ()
    within = False
    for number, line in enumerate(text.splitlines(), 1):
        if not within:
            if header := _HEADER.match(line):
                table = _parts(header[1])
                yield table, number
            elif entry := _ENTRY.match(line):
                yield (*table, *_parts(entry[1])), number
        if len(_OPENS.findall(line)) % 2:
            within = not within


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, path))


def _with_lines(value: Any, path: tuple[str, ...], lines: dict[tuple[str, ...], int], line: int) -> Any:
    if isinstance(value, dict):
        table = Map(line)
        for name, inner in value.items():
            below = (*path, name)
            table.lines[name] = lines.get(below) or next((n for known, n in lines.items() if known[: len(below)] == below), line)
            table[name] = _with_lines(inner, below, lines, table.lines[name])
        return table
    if isinstance(value, list):
        items = Seq(line)
        items.extend(_with_lines(item, (*path, ""), lines, line) for item in value)
        items.lines = [line] * len(items)
        return items
    return value
