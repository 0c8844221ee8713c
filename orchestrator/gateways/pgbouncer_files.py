"""PgBouncer's files as other people write them: read as PgBouncer reads them, changed in one place, the rest as it was.

A databases file has ``name = key=value …`` lines, in the section ``[databases]`` or, where it is included there, in no
section at all. An auth_file has ``"name" "verifier"`` lines. Files are bytes: an account's name is nobody's UTF-8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.texts import say

ADDED = b"; added by orchestrator"
"""Stands above a line of ours. What does not bear it is somebody's."""
FORMER = b"; before orchestrator: "
"""Stands above a line that leads elsewhere now, with the line as it was."""

_ENTRY = re.compile(rb'^(\s*)("(?:[^"]|"")*"|[A-Za-z0-9_.*-]+)(\s*=\s*)(.*?)(\s*)$')
_PAIR = re.compile(rb"([A-Za-z_]+)(\s*=\s*)('(?:[^']|'')*'|[^\s']*)")
_SECTION = re.compile(rb"^\s*\[([^\]]*)\]")
_INCLUDE = re.compile(rb"^\s*%include\s+(.*?)\s*$")
_USER = re.compile(rb'^\s*"((?:[^"]|"")*)"\s+"((?:[^"]|"")*)"')


class NotUnderstood(ValueError):
    """A line that we would have to change and cannot read."""


@dataclass(frozen=True)
class Entry:
    """One database line. ``number`` counts from 0."""

    number: int
    name: str
    options: dict[str, str]


def read_entries(text: bytes) -> list[Entry]:
    """The database lines of a file. Raises NotUnderstood where a line's options cannot be read."""
    entries = []
    in_databases = True
    for number, line in enumerate(_lines(text)):
        if section := _SECTION.match(line):
            in_databases = section[1].strip().lower() == b"databases"
            continue
        if not in_databases or line.lstrip()[:1] in (b"", b"#", b";", b"%"):
            continue
        parts = _ENTRY.match(line)
        if parts is None:
            raise NotUnderstood(say("gateways.no_database_line", line=number + 1))
        entries.append(Entry(number, _unquote_name(parts[2]), _read_options(parts[4], number)))
    return entries


def is_plain(name: str) -> bool:
    """Whether a name may stand in the file as it is."""
    return re.fullmatch(r"[A-Za-z0-9_.-]+", name, re.ASCII) is not None


def list_includes(text: bytes) -> list[str]:
    """The files that a file includes."""
    return [found[1].decode(errors="surrogateescape") for line in _lines(text) if (found := _INCLUDE.match(line))]


def point_entry(text: bytes, name: str, host: str, port: int) -> bytes:
    """The same file with one name leading elsewhere; every other option, byte and line stays, and the line as it was
    stands above as a comment, so that ``restore_entry`` needs no memory but the file."""
    lines = _lines(text)
    for entry in reversed(_named(text, name)):
        line = lines[entry.number]
        lines[entry.number] = _with_place(line, host, port)
        if not _former(lines, entry.number) and not _is_added(lines, entry.number):
            lines.insert(entry.number, FORMER + line.rstrip(b"\r\n") + b"\n")
    return b"".join(lines)


def restore_entry(text: bytes, name: str, host: str, port: int) -> bytes:
    """The same file with one name leading to where it led before ``point_entry``; where nobody wrote that down, to the
    given place."""
    lines = _lines(text)
    for entry in reversed(_named(text, name)):
        line = lines[entry.number]
        former = _former(lines, entry.number)
        if former is None:
            lines[entry.number] = _with_place(line, host, port)
            continue
        was = read_entries(former)[0].options
        if _without_place(was) == _without_place(entry.options):
            lines[entry.number] = former + line[len(line.rstrip(b"\r\n")) :]
        else:  # somebody changed other options meanwhile: theirs stay
            lines[entry.number] = _with_place(line, was.get("host", ""), int(was.get("port") or 5432))
        del lines[entry.number - 1]
    return b"".join(lines)


def take_entry(text: bytes, other: bytes, name: str) -> bytes:
    """The same file with the lines of one name as another text has them, and what somebody wrote around them meanwhile."""
    lines, others = _lines(text), _lines(other)
    wanted = [_with_mark(others, entry.number) for entry in _named(other, name)]
    there = [_with_mark(lines, entry.number) for entry in _named(text, name)]
    if len(wanted) != len(there):  # somebody added or took away one of this name: theirs stay
        return text
    for (start, end), (first, last) in reversed(list(zip(there, wanted, strict=True))):
        lines[start:end] = others[first:last]
    return b"".join(lines)


def _with_mark(lines: list[bytes], number: int) -> tuple[int, int]:
    """Where an entry's line begins, with our remark above it, and ends."""
    return (number - 1 if _former(lines, number) is not None else number), number + 1


def add_entry(text: bytes, name: str, host: str, port: int, database: str) -> bytes:
    """The same file with a line of ours more, marked, at the end of the databases."""
    line = b"%s = host=%s port=%d dbname=%s\n" % (_quote_name(name), host.encode(), port, _quote_value(database))
    lines = _lines(text)
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    at = len(lines)
    sections = [(number, found[1]) for number, line in enumerate(lines) if (found := _SECTION.match(line))]
    for position, (_, section) in enumerate(sections):
        if section.strip().lower() == b"databases":
            at = sections[position + 1][0] if position + 1 < len(sections) else len(lines)
    if sections and all(section.strip().lower() != b"databases" for _, section in sections):
        at = sections[0][0]
    return b"".join([*lines[:at], ADDED + b"\n", line, *lines[at:]])


def remove_entry(text: bytes, name: str) -> bytes:
    """The same file without our line of this name; a line that we did not add stays."""
    lines = _lines(text)
    gone: set[int] = set()
    for entry in read_entries(text):
        if entry.name == name and entry.number and lines[entry.number - 1].strip() == ADDED:
            gone |= {entry.number - 1, entry.number}
    return b"".join(line for number, line in enumerate(lines) if number not in gone)


def put_user(text: bytes, role: str, verifier: str) -> bytes:
    """The auth_file with exactly this verifier for a role."""
    line = b'"%s" "%s"\n' % (_double(role.encode(), b'"'), _double(verifier.encode(), b'"'))
    lines = _lines(text)
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    own = [n for n, one in enumerate(lines) if (found := _USER.match(one)) and _single(found[1], b'"') == role.encode()]
    if not own:
        return b"".join([*lines, line])
    lines[own[0]] = line
    return b"".join(one for number, one in enumerate(lines) if number not in own[1:])


def read_users(text: bytes) -> dict[str, str]:
    """Role → verifier."""
    found = [match for line in _lines(text) if (match := _USER.match(line))]
    return {_text(_single(match[1], b'"')): _text(_single(match[2], b'"')) for match in found}


def remove_user(text: bytes, role: str) -> bytes:
    """The auth_file without a role."""
    kept = []
    for line in _lines(text):
        found = _USER.match(line)
        if not (found and _single(found[1], b'"') == role.encode()):
            kept.append(line)
    return b"".join(kept)


def _named(text: bytes, name: str) -> list[Entry]:
    return [entry for entry in read_entries(text) if entry.name == name]


def _with_place(line: bytes, host: str, port: int) -> bytes:
    parts = _ENTRY.match(line)
    assert parts is not None  # noqa: S101 - read_entries matched it
    options = _set_option(_set_option(parts[4], b"host", host.encode()), b"port", b"%d" % port)
    return parts[1] + parts[2] + parts[3] + options + parts[5]


def _without_place(options: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in options.items() if key not in ("host", "port")}


def _former(lines: list[bytes], number: int) -> bytes | None:
    """The line as it was before it was pointed elsewhere, from the comment above it."""
    above = lines[number - 1].rstrip(b"\r\n") if number else b""
    return above.removeprefix(FORMER) if above.startswith(FORMER) else None


def _is_added(lines: list[bytes], number: int) -> bool:
    return bool(number) and lines[number - 1].strip() == ADDED


def _lines(text: bytes) -> list[bytes]:
    """Ended by newlines only: a name may hold any other control byte."""
    return [part + b"\n" for part in text.split(b"\n")[:-1]] + ([last] if (last := text.split(b"\n")[-1]) else [])


def _text(value: bytes) -> str:
    return value.decode(errors="surrogateescape")


def _read_options(text: bytes, number: int) -> dict[str, str]:
    options: dict[str, str] = {}
    at = 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        pair = _PAIR.match(text, at)
        if pair is None:
            raise NotUnderstood(say("gateways.options_unread", line=number + 1, column=at + 1))
        value = pair[3]
        options[_text(pair[1]).lower()] = _text(_single(value[1:-1], b"'") if value.startswith(b"'") else value)
        at = pair.end()
    return options


def _set_option(options: bytes, key: bytes, value: bytes) -> bytes:
    at = 0
    while pair := _PAIR.search(options, at):
        if pair[1].lower() == key:
            return options[: pair.start(3)] + value + options[pair.end(3) :]
        at = pair.end()
    return key + b"=" + value + (b" " + options if options else b"")


def _unquote_name(name: bytes) -> str:
    return _text(_single(name[1:-1], b'"') if name.startswith(b'"') else name)


def _quote_name(name: str) -> bytes:
    return name.encode() if is_plain(name) else b'"' + _double(name.encode(), b'"') + b'"'


def _quote_value(value: str) -> bytes:
    plain = re.fullmatch(r"[A-Za-z0-9_.-]+", value, re.ASCII)
    return value.encode() if plain else b"'" + _double(value.encode(), b"'") + b"'"


def _double(value: bytes, quote: bytes) -> bytes:
    return value.replace(quote, quote * 2)


def _single(value: bytes, quote: bytes) -> bytes:
    return value.replace(quote * 2, quote)
