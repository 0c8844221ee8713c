"""Somebody else's haproxy.cfg with a hold for writes in it, and without it again byte for byte. Pure text.

Every backend that serves the system gets three more: one for the old side's writes, two for the new
side's reads and writes, so that HAProxy itself counts the writes under way on each. A frontend that
leads there finds out by its own rules, in its own words, which requests are meant, lets them wait
and marks the way; what nobody marked is refused, never led to a side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.gateways.haproxy_words import read_head, split_lines, split_words, without_remark
from orchestrator.texts import Words, say

_BEGIN, _END = "# begin of orchestrator's hold for ", "# end of orchestrator's hold for "
_BEFORE = "# before orchestrator's hold for "
_NO_END = "# orchestrator's hold: the line before this one had no end"
_CONDITION = re.compile(r"^\s*\.(if|elif|else)\b")
SHARED = "*"
"""The name of what every hold in a file needs once: the Lua, and the option that makes a reload harmless."""
IDLE_OPTION = "option idle-close-on-response"
REFUSED = "orchestrator-refuse"
READS = "{ method GET HEAD OPTIONS }"
BODY_TIME = "10m"
"""How long a body is waited for before its request may go on: as long as the client's own limit lets it."""


@dataclass(frozen=True)
class Names:
    """What a system's hold is called in the file."""

    system: str

    @property
    def slug(self) -> str:
        return self.system.replace("-", "_")

    @property
    def refused(self) -> str:
        return f"{REFUSED}-{self.system}"

    @property
    def meant(self) -> str:
        return f"txn.orchestrator_{self.slug}"


def backend_for(backend: str, way: str, *, writes: bool) -> str:
    """The backend of a side: that of the old side's reads is the one that was there before."""
    if way == "old":
        return f"{backend}.or-writes" if writes else backend
    return f"{backend}.or-new-writes" if writes else f"{backend}.or-new"


@dataclass
class Section:
    """One section: its lines are those from ``start`` (its head) up to ``end``."""

    kind: str
    name: str
    start: int
    end: int
    lines: list[str] = field(default_factory=list)
    default: dict[str, str] = field(default_factory=dict)
    """What the ``defaults`` in force say: ``mode``, ``default_backend``, and what may stand in the way."""

    def words(self) -> Iterator[tuple[int, list[str]]]:
        """Each line of others that says something: its number in the file and its words."""
        is_ours = False
        for number, line in enumerate(self.lines[1:], self.start + 1):
            is_ours = line.startswith(_BEGIN) or (is_ours and not line.startswith(_END))
            words = split_words(line)
            if words and not is_ours:
                yield number, words

    @property
    def mode(self) -> str:
        return next((words[1] for _, words in self.words() if words[0] == "mode" and len(words) > 1), self.default.get("mode", "tcp"))


def read_sections(text: str) -> list[Section]:
    """The file's sections in their order; what stands before the first one belongs to none."""
    lines = split_lines(text)
    heads = [number for number, line in enumerate(lines) if read_head(line)]
    found, unnamed, named = [], dict[str, str](), dict[str, dict[str, str]]()
    for start, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        head = read_head(lines[start])
        assert head is not None  # noqa: S101 - it was found by it
        kind, name, parent = head
        section = Section(kind, name, start, end, lines[start:end])
        given = named.get(parent, {}) if parent else unnamed
        section.default = dict(given) if kind != "defaults" or parent else {}
        if section.kind == "defaults":
            for _, said in section.words():
                if said[0] in ("mode", "default_backend") and len(said) > 1:
                    section.default[said[0]] = said[1]
                elif said[:2] == ["option", "idle-close-on-response"]:
                    section.default["idle"] = "yes"
                elif said[:2] == ["http-request", "allow"]:
                    section.default["allow"] = "yes"
            unnamed = section.default
            if section.name:
                named[section.name] = section.default
        found.append(section)
    return found


def read_servers(text: str) -> dict[str, dict[str, str]]:
    """Backend → server → the options of its line."""
    found: dict[str, dict[str, str]] = {}
    for section in read_sections(text):
        if section.kind in ("backend", "listen"):
            lines = [words for _, words in section.words() if words[0] == "server" and len(words) > 2]
            found[section.name] = {words[1]: " ".join(words[3:]) for words in lines}
    return found


# ---------------------------------------------------------------- what cannot be held


def find_inability(text: str, backends: Sequence[str], version: tuple[int, int]) -> list[Words]:
    """Why the writes to these backends cannot be held in this configuration, each reason named. Empty: they can."""
    text = remove_all(text)
    sections = read_sections(text)
    found: list[Words] = []
    if any(_CONDITION.match(line) for line in text.splitlines()):
        found.append(say("gateways.hold_conditional"))
    if version < (2, 6):
        found.append(say("gateways.hold_version", version=f"{version[0]}.{version[1]}"))
    for backend in backends:
        own = next((section for section in sections if section.kind == "backend" and section.name == backend), None)
        if own is None:
            found.append(say("gateways.hold_listen", name=backend))
        else:
            found += _inability_of_backend(own)
    leading = [section for section in sections if section.kind in ("frontend", "listen")]
    if not any(_leads(section, backends) for section in leading):
        found.append(say("gateways.hold_unled", backends=tuple(backends)))
    for section in leading:
        if _leads(section, backends) or _leads_anywhere(section):
            found += _inability_of_frontend(section)
    return found


def _inability_of_backend(section: Section) -> list[Words]:
    found: list[Words] = []
    if section.mode != "http":
        found.append(say("gateways.hold_mode", name=section.name))
    templates = [words for _, words in section.words() if words[0] == "server-template"]
    if templates:
        found.append(say("gateways.hold_template", name=section.name))
    return found


def _inability_of_frontend(section: Section) -> list[Words]:
    found: list[Words] = []
    if section.kind == "listen":
        found.append(say("gateways.hold_listen", name=section.name))
    if section.mode != "http":
        found.append(say("gateways.hold_mode", name=section.name))
    if _leads_anywhere(section):
        found.append(say("gateways.hold_dynamic", name=section.name))
    rules = [words for _, words in section.words()]
    if "allow" in section.default or any(words[:2] == ["http-request", "allow"] for words in rules):
        found.append(say("gateways.hold_allow", name=section.name))
    return found


def _leads(section: Section, backends: Sequence[str]) -> bool:
    default = section.default.get("default_backend", "") if section.kind == "frontend" else ""
    for _, words in section.words():
        if words[0] == "default_backend" and len(words) > 1:
            default = words[1]
        elif words[0] == "use_backend" and len(words) > 1 and words[1] in backends:
            return True
    return default in backends


def _leads_anywhere(section: Section) -> bool:
    return any(words[0] in ("use_backend", "default_backend") and "%[" in " ".join(words[1:2]) for _, words in section.words())


# ---------------------------------------------------------------- putting it in


def prepare(text: str, system: str, lua: str, places: Mapping[str, Mapping[str, tuple[str, int]]]) -> str:
    """The same text with what a hold needs, and no request treated otherwise yet. ``places``: backend → server → where
    its successor is; a server that is not named there (a backup elsewhere) is the same on both sides."""
    edits = Edits(text)
    sections = read_sections(text)
    if f"lua-load {lua}" not in text:
        edits.insert(0, ["global", f"    lua-load {lua}"], SHARED)
    for section in sections:
        if section.kind in ("frontend", "listen") and section.mode == "http" and not _closes_idle_late(section):
            edits.insert(section.start + 1, [f"    {IDLE_OPTION}"], SHARED)
    for number, (backend, servers) in enumerate(places.items()):
        section = next(each for each in sections if each.kind == "backend" and each.name == backend)
        lines = [line for way, writes in _COPIES for line in _copy_backend(section, way, writes, servers)]
        if number == 0:
            lines += [f"backend {Names(system).refused}", "    mode http", f"    {_REFUSAL}"]
        edits.insert(_last_line(section) + 1, lines, system)
    return edits.apply()


def _closes_idle_late(section: Section) -> bool:
    return "idle" in section.default or any(words[:2] == IDLE_OPTION.split() for _, words in section.words())


_COPIES = (("old", True), ("new", False), ("new", True))
_REFUSAL = 'http-request return status 503 content-type text/plain string "held; please try again" hdr Retry-After 2'


def _copy_backend(section: Section, way: str, writes: bool, servers: Mapping[str, tuple[str, int]]) -> list[str]:
    name = backend_for(section.name, way, writes=writes)
    head = split_words(section.lines[0])
    lines = [" ".join(["backend", name, *head[2:]])]
    checked = _is_checked_by_default(section)
    tracked = backend_for(section.name, way, writes=False)
    for number, words in section.words():
        if words[0] == "server" and len(words) > 2:
            lines.append(_copy_server(words, way, servers, tracked if writes else "", checked))
        elif words[0] not in ("id", "guid"):
            lines.append("    " + without_remark(section.lines[number - section.start]).strip())
    return lines


def _copy_server(words: list[str], way: str, servers: Mapping[str, tuple[str, int]], tracked: str, checked: bool) -> str:
    name, address, options = words[1], words[2], _drop(words[3:], "id", "guid")
    if way == "new" and name in servers:
        host, port = servers[name]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if "track" in options:  # its health is another's: that of the old side
            options = [*_drop(options, "track"), "check"]
        options = _drop(options, "addr")  # where the old one is asked how it is
    if tracked and "track" not in options and (checked or "check" in options):
        options = [word for word in options if word not in ("check", "agent-check")]
        options += ["no-check", "track", f"{tracked}/{name}"]
    return " ".join(["    server", name, address, *options])


def _is_checked_by_default(section: Section) -> bool:
    return any(words[0] == "default-server" and "check" in words for _, words in section.words())


def _drop(words: list[str], *names: str) -> list[str]:
    kept, rest = [], iter(words)
    for word in rest:
        if word in names:
            next(rest, None)
        else:
            kept.append(word)
    return kept


def route(text: str, system: str, word_file: str, backends: Sequence[str]) -> str:
    """The prepared text with the frontends' own lines: from its reload on, requests go by the word."""
    names = Names(system)
    edits = Edits(text)
    for section in read_sections(text):
        if section.kind == "frontend" and _leads(section, backends):
            _route_frontend(edits, section, names, word_file, backends)
    return edits.apply()


def _route_frontend(edits: Edits, section: Section, names: Names, word_file: str, backends: Sequence[str]) -> None:
    uses = [(number, words) for number, words in section.words() if words[0] == "use_backend" and len(words) > 1]
    rules = [number for number, words in section.words() if words[0] in ("http-request", "acl", "redirect", "filter")]
    defaults = [(number, words) for number, words in section.words() if words[0] == "default_backend" and len(words) > 1]
    default = defaults[-1][1][1] if defaults else section.default.get("default_backend", "")
    first = min([number for number, _ in (*uses, *defaults)], default=_last_line(section) + 1)
    edits.insert(max([first, *(number + 1 for number in rules)]), _rules(edits, names, word_file, backends, uses, default), names.system, above=True)
    ways = []
    for backend in backends:
        is_meant = f"{{ var({names.meant}) -m str {backend} }}"
        for way in ("old", "new"):
            for writes in (True, False):
                kind = f"{'!' if writes else ''}{READS}"
                to = backend_for(backend, way, writes=writes)
                ways.append(f"    use_backend {to} if {is_meant} {{ var(txn.hold_way) -m str {way} }} {kind}")
    if not defaults and default in backends:
        ways.append(f"    default_backend {names.refused}")
    edits.insert(first, ways, names.system)
    for number, words in (*uses, *defaults):
        if words[1] in backends:
            edits.replace(number, words[1], names.refused, names.system)


def _rules(
    edits: Edits, names: Names, word_file: str, backends: Sequence[str], uses: Sequence[tuple[int, list[str]]], default: str
) -> list[str]:
    """The first ``use_backend`` that holds wins: so they are said from the last to the first, each in the words that stand there."""
    is_ours = f"{{ var({names.meant}) -m str {' '.join(backends)} }}"
    lines = [
        f"    http-request set-var({names.meant}) str({default if default in backends else '-'})",
    ]
    for number, words in reversed(uses):
        condition = without_remark(edits.lines[number]).split(None, 2)[2:]
        meant = words[1] if words[1] in backends else "-"
        lines.append(" ".join([f"    http-request set-var({names.meant}) str({meant})", *(part.strip() for part in condition)]))
    return [
        *lines,
        f"    http-request wait-for-body time {BODY_TIME} if {is_ours} !{READS}",
        f"    http-request lua.hold_write {word_file} if {is_ours} !{READS}",
        f"    http-request lua.hold_read {word_file} if {is_ours} {READS}",
    ]


def _last_line(section: Section) -> int:
    """The last line that says something: what follows (blanks, remarks) is likely to be the next section's."""
    return max([section.start, *(number for number, _ in section.words())])


# ---------------------------------------------------------------- marks, and taking it out


class Edits:
    """Changes of a text by its line numbers, each marked so that it can be taken back without a memory of ours. Insert
    before replacing: what is inserted at a line stands before the remark that keeps it."""

    def __init__(self, text: str) -> None:
        if text and not text.endswith("\n"):
            text = f"{text}\n{_NO_END}\n"
        self.lines = split_lines(text)
        self._before: dict[int, list[str]] = {}

    def insert(self, at: int, lines: Sequence[str], name: str, *, above: bool = False) -> None:
        """Before the line of this number, or ``above`` what other holds have there already."""
        while at > 0 and self.lines[at - 1].startswith(_BEFORE):  # it keeps the line below it
            at -= 1
        while above and at > 0 and self.lines[at - 1].startswith(_END):
            while not self.lines[at - 1].startswith(_BEGIN):
                at -= 1
            at -= 1
        block = [f"{_BEGIN}{name}\n", *(f"{line}\n" for line in lines), f"{_END}{name}\n"]
        self._before.setdefault(at, []).extend(block)

    def replace(self, number: int, former: str, new: str, name: str) -> None:
        """One word of a line; the line stays as a remark before it."""
        self._before.setdefault(number, []).append(f"{_BEFORE}{name}:{self.lines[number]}")
        head, _, rest = self.lines[number].partition(former)
        self.lines[number] = head + new + rest

    def apply(self) -> str:
        """The changed text."""
        changed = []
        for number, line in enumerate(self.lines):
            changed += [*self._before.get(number, ()), line]
        return "".join([*changed, *self._before.get(len(self.lines), ())])


def has_hold(text: str, system: str) -> bool:
    """Whether a hold of this system stands in the file."""
    return f"{_BEGIN}{system}\n" in text


def remove(text: str, system: str) -> str:
    """The text without this system's hold; what all share goes with the last one."""
    text = _remove_named(text, system)
    if any(line.startswith(_BEGIN) and line != _BEGIN + SHARED for line in text.splitlines()):
        return text
    return _remove_named(text, SHARED).removesuffix(f"\n{_NO_END}\n")


def remove_all(text: str) -> str:
    """As if there had never been one."""
    for line in text.splitlines():
        if line.startswith(_BEGIN) and line != _BEGIN + SHARED:
            text = remove(text, line.removeprefix(_BEGIN))
    return remove(text, SHARED)


def _remove_named(text: str, name: str) -> str:
    kept: list[str] = []
    is_inside, former = False, None
    for line in split_lines(text):
        bare = line.rstrip("\n")
        if is_inside:
            is_inside = bare != f"{_END}{name}"
        elif bare == f"{_BEGIN}{name}":
            is_inside = True
        elif line.startswith(f"{_BEFORE}{name}:"):
            former = line.removeprefix(f"{_BEFORE}{name}:")
        elif former is not None:
            kept.append(former)
            former = None
        else:
            kept.append(line)
    return "".join(kept)
