"""A table that no list of headers knows → what its columns probably are, from their headers and from what their cells look like.

A proposal with its evidence, for a person to confirm once; nothing is read by it before. Evidence says how many cells look like something, never
what stands in one: the row may be a classified system's. What the words mean that it looks for is data: ``hints.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from orchestrator.inventory.answers import classified
from orchestrator.inventory.cells import Ambiguous, Unreadable, folded, is_blank, plain, text_of
from orchestrator.inventory.forms import Column, columns_of, form_of, header_key, match, most_headers, part_forms, whole_key
from orchestrator.inventory.heads import value_by_head
from orchestrator.inventory.names import key
from orchestrator.inventory.sheets.grids import Row
from orchestrator.inventory.sheets.header_cells import HeaderCells
from orchestrator.inventory.sheets.secrecy import denies, is_open
from orchestrator.inventory.units import header_unit
from orchestrator.inventory.values import choices, listed_choice, read_value
from orchestrator.inventory.yaml_in import documents_of
from orchestrator.texts import Sentence, say

OF_THE_SYSTEM = frozenset(
    {"department", "level", "organisation_type", "kind", "classified", "status", "protection_grade", "room", "network", "users", "dbms", "middleware", "operator", "vendor"}
)
"""What a row of a list of machines may say of the machine's system."""
MACHINE_TYPES = {"vcpus": "cores", "memory_gb": "size", "disk_gb": "size"}
_SAMPLE = 60
_ENOUGH = 0.5
_EXACTLY = 1.05
"""The form's own header, before any word that is like one."""
_SPEAKS = 0.6
_NAMES = 0.85
_SPOKEN = 2
"""So many headers must speak for themselves."""
_OF_A_LIST = 2
"""So many columns that only the count asks for make a list of systems, whatever it calls them."""
_OF_A_FORM = 3
"""So many headers of one form, and it is asked about, whether its things have names or not."""
_KEYS = ("name", "path", "peer", "start")
"""What tells a row of a technical sheet from the others of its system."""
_MEASURED = {"size", "cores", "count", "minutes", "people", "money"}
_CHOICES_ALONE = 0.9
_MACHINE = re.compile(r"主机|虚拟机|虚机|服务器|物理机|实例|hostname|server|(?<![a-z])vm(?![a-z])|instance", re.IGNORECASE)
_DISK = re.compile(r"盘|disk", re.IGNORECASE)
_WHOLE = re.compile(r"总|合计|全部|total|所有", re.IGNORECASE)
_OWNING = re.compile("所属|归属|承载|部署的?(?:应用|系统)|运行的?(?:应用|系统)")


@dataclass(frozen=True)
class Hint:
    ends: tuple[str, ...] = ()
    has: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    looks: re.Pattern[str] | None = None
    alone: bool = False
    within: tuple[str, ...] = ()
    outside: re.Pattern[str] | None = None
    instead: tuple[str, ...] = ()


@dataclass(frozen=True)
class Guess:
    """One column of a proposal."""

    field: str
    score: float
    evidence: tuple[Sentence, ...]
    spoken: bool = False
    """Its header speaks for it, and is no value itself: a row of data is never taken for a header."""


@dataclass(frozen=True)
class Proposed:
    about: str
    """``systems`` or ``machines``."""
    heads: Mapping[int, str]
    columns: Mapping[int, Guess]
    units: Mapping[int, str]

    @property
    def fields(self) -> set[str]:
        return {guess.field for guess in self.columns.values()}


@dataclass(frozen=True)
class _Hints:
    columns: Mapping[str, Mapping[str, Hint]]
    """What the table is about → field → hint."""
    sheets: Mapping[str, tuple[str, ...]]
    """Technical sheet → words of its name."""


@cache
def _hints() -> _Hints:
    text = (resources.files("orchestrator.inventory") / "hints.yaml").read_text("utf-8")
    said = documents_of(text, "hints.yaml")[0]
    any_sheet = said.pop("any")
    sheets = {kind: tuple(fields.pop("sheet")) for kind, fields in said.items() if "sheet" in fields}
    columns = {
        kind: {field: _hint(words) for field, words in ({**any_sheet, **fields} if kind in sheets else fields).items()}
        for kind, fields in said.items()
    }
    return _Hints(columns, sheets)


def _hint(said: Mapping[str, Any]) -> Hint:
    ends, has, against = (tuple(map(folded, said.get(name, ()))) for name in ("ends", "has", "not"))
    within, instead = (tuple(map(folded, said.get(name, ()))) for name in ("within", "instead"))
    looks, outside = (re.compile(said[name]) if name in said else None for name in ("values", "outside"))
    return Hint(ends, has, against, looks, bool(said.get("alone")), within, outside, instead)


def propose_columns(heads: HeaderCells, rows: Sequence[Row], sheet: str = "", known: Collection[str] = ()) -> Proposed | None:
    """What a table with this header and these first rows is made of. None where too little points anywhere.

    A table with names and addresses of machines is one of machines, unless each of its rows names another system. One that says more of
    databases, services or devices than of systems, and whose they are, is a technical sheet. ``known``: keys of the names of systems.
    """
    cells = {index: _column(index, rows) for index in heads.words}
    systems = _assigned("systems", heads.words, cells)
    machines = _assigned("machines", heads.words, cells)
    part = _technical(heads.words, cells, sheet, known)
    of_machines = {guess.field for guess in machines.values()}
    of_systems = {guess.field for guess in systems.values()}
    if sum(guess.spoken for guess in {**systems, **machines, **(part.columns if part else {})}.values()) < _SPOKEN:
        return None
    is_one_each = _one_row_each(systems, machines, cells)
    by_name = {"name", "address"} <= of_machines and len(of_machines) >= 3 and not is_one_each
    by_name |= _of_machines(heads, machines) and len(of_machines) >= 2 and "name" in of_systems and not is_one_each and (part is None or part.about in {"hosts", "devices"})
    whose = _belongs(systems, heads)
    if by_name or ("address" in of_machines and len(of_machines) >= 3 and whose) or {"name", "vcpus", "memory_gb"} <= of_machines:
        is_part = part is not None and (part.about == "hosts" or _strength(part.columns) > _strength(machines))
        if part is not None and part.about == "devices" and _of_machines(heads, machines):
            is_part = False
        if is_part:
            return part
        machines = _with_further_disks(heads.words, cells, machines)
        return _proposed("machines", heads.words, _with_system_columns(machines, systems))
    is_list = counting_headers(heads.words.values()) >= _OF_A_LIST
    if is_list:
        systems = _with_their_name(heads.words, cells, systems)
    if part and (_strength(part.columns) > _strength(systems) or _is_of_known(part, systems, cells, known)):
        return part
    if any(guess.field == "name" for guess in systems.values()) and len(systems) >= 2:
        return _proposed("systems", heads.words, systems)
    return None if is_list else part


def propose_nameless(heads: HeaderCells, rows: Sequence[Row]) -> Proposed | None:
    """What a table is made of that has several headers of one form and nothing that tells its things apart: a person says which column does. None of
    another table."""
    hits, form = most_headers(heads.words.values())
    if hits < _OF_A_FORM and counting_headers(heads.words.values()) < _OF_A_LIST:
        return None
    about = form if form in part_forms() else "systems"
    cells = {index: _column(index, rows) for index in heads.words}
    columns = _assigned(about, heads.words, cells)
    return _proposed(about, heads.words, _with_their_name(heads.words, cells, columns) if about == "systems" else columns)


def counting_headers(words: Iterable[str]) -> int:
    """How many of these are headers of columns that a list of systems is made for: whose each is, what it is, whether it is classified."""
    columns = (match(form_of("systems"), head) for head in words)
    return len({column.field for column in columns if column is not None and column.need == "count" and column.field != "name"})


def _with_their_name(words: Mapping[int, str], cells: Mapping[int, list[Any]], systems: dict[int, Guess]) -> dict[int, Guess]:
    """Of a list of systems without a column for what they are called, another one that names something: 项目名称. None may be left: then a person says which it is."""
    if any(guess.field == "name" for guess in systems.values()):
        return systems
    hint = _hints().columns["systems"]["name"]
    for index, head in words.items():
        text = _ASKING.sub("", folded(header_key(head)))
        word = max((word for word in hint.instead if text.endswith(word)), key=len, default="")
        if word and index not in systems and cells[index] and all(isinstance(value, str) for value in cells[index]):
            return dict(sorted({**systems, index: Guess("name", 0.5, (say("inventory.by_header", word=word),))}.items()))
    return systems


def lists_machines(heads: HeaderCells, rows: Sequence[Row]) -> bool:
    """Whether a table whose headers a form of systems knows is one of machines all the same: their names, their addresses, and beside these whose
    they are, of which several are one system's."""
    cells = {index: _column(index, rows) for index in heads.words}
    machines = {guess.field: index for index, guess in _assigned("machines", heads.words, cells).items()}
    whose = {guess.field: index for index, guess in _assigned("hosts", {at: words for at, words in heads.words.items() if at != machines.get("name")}, cells).items()}
    if "name" not in machines or "system" not in whose or len(rows) < 2:
        return False
    if "address" not in machines and not _MACHINE.search(plain(heads.words[machines["name"]])):
        return False
    named, systems = ([text_of(value) for value in cells[index]] for index in (machines["name"], whose["system"]))
    known = {column.field for words in heads.words.values() if (column := match(form_of("systems"), words)) is not None}
    is_its_name = (column := match(form_of("systems"), heads.words[machines["name"]])) is not None and column.field == "name"
    each_another = len(set(named)) == len(named) and len(set(systems)) < len(named)
    return each_another and (is_its_name or "kind" not in known)


def _of_machines(heads: HeaderCells, machines: Mapping[int, Guess]) -> bool:
    """Whether what is named is called a machine: 云主机名称, and not 设备名称 or 名称."""
    return any(guess.field == "name" and _MACHINE.search(plain(heads.words[index])) for index, guess in machines.items())


def _strength(columns: Mapping[int, Guess]) -> float:
    """How much speaks for a table's being of this kind, apart from what its systems are called: any kind has that."""
    return sum(guess.score for guess in columns.values() if guess.spoken and guess.field != "system")


def _technical(words: Mapping[int, str], cells: Mapping[int, list[Any]], sheet: str, known: Collection[str]) -> Proposed | None:
    """The likeliest technical sheet, of those whose rows say whose they are, which they are, and something else; or only whose, where these are
    known systems. Hosts only of known systems: machines of others make systems first."""
    found: list[tuple[bool, float, Proposed]] = []
    for kind in part_forms():
        columns = _assigned(kind, words, cells, known=known)
        named = next(column.field for column in form_of(kind).columns if column.field in _KEYS)
        said = {guess.field for guess in columns.values()}
        is_known = _names_known(columns, cells, known)
        is_told_apart = named in said and len(said) >= 3
        if "system" in said and (is_known or (is_told_apart and kind != "hosts")):
            of_its_name = any(word in whole_key(sheet) for word in _hints().sheets[kind])
            found.append((is_told_apart, _strength(columns) + of_its_name, _proposed(kind, words, columns)))
    return max(found, key=lambda one: one[:2])[2] if found else None


def _names_known(columns: Mapping[int, Guess], cells: Mapping[int, list[Any]], known: Collection[str]) -> bool:
    named = [text_of(value) for index, guess in columns.items() if guess.field == "system" for value in cells[index]]
    return sum(key(name) in known for name in named) * 2 >= max(1, len(named))


def _is_of_known(part: Proposed, systems: Mapping[int, Guess], cells: Mapping[int, list[Any]], known: Collection[str]) -> bool:
    """Whether what would be a system's name says whose a row is: known systems, under 承载系统 or several times."""
    at = next((index for index, guess in part.columns.items() if guess.field == "system"), None)
    if at is None or systems.get(at, Guess("", 0, ())).field != "name" or not _names_known(part.columns, cells, known):
        return False
    return bool(_OWNING.match(plain(part.heads[at]))) or len(set(map(text_of, cells[at]))) < len(cells[at])


def _belongs(systems: Mapping[int, Guess], heads: HeaderCells) -> bool:
    """Whether a column says whose a machine is: 所属系统."""
    return any(guess.field == "name" and _OWNING.match(plain(heads.words[index])) for index, guess in systems.items())


def _one_row_each(systems: Mapping[int, Guess], machines: Mapping[int, Guess], cells: Mapping[int, list[Any]]) -> bool:
    """Whether a column names a system, another one on each row."""
    at = next((index for index, guess in systems.items() if guess.field == "name"), None)
    if at is None or machines.get(at, Guess("", 0, ())).field == "name":
        return False
    return len({text_of(value) for value in cells[at]}) == len(cells[at])


def _with_further_disks(words: Mapping[int, str], cells: Mapping[int, list[Any]], machines: Mapping[int, Guess]) -> dict[int, Guess]:
    """数据盘 beside 系统盘: both are its disk, as long as neither is the whole of it."""
    disks = {index for index, head in words.items() if _DISK.search(head) and not _WHOLE.search(head)}
    if not any(machines[index].field == "disk_gb" for index in disks & machines.keys()):
        return dict(machines)
    hint = _hints().columns["machines"]["disk_gb"]
    further = {index: guess for index in disks - machines.keys() if (guess := _guess("machines", "disk_gb", hint, words[index], cells[index], ())) is not None}
    return {**machines, **further}


def _with_system_columns(machines: Mapping[int, Guess], systems: Mapping[int, Guess]) -> dict[int, Guess]:
    """Columns of a list of machines that tell of their system: whose it is, whether it is classified."""
    further = {index: guess for index, guess in systems.items() if index not in machines and guess.field in OF_THE_SYSTEM}
    return dict(sorted({**machines, **further}.items()))


def propose_further(rows: Sequence[Row], taken: set[str], unknown: Mapping[int, str], about: str = "systems", known: Collection[str] = ()) -> Mapping[int, Guess]:
    """What further columns of a table may be whose other columns are known. ``unknown``: column → its words; ``taken``: fields of the others."""
    cells = {index: _column(index, rows) for index in unknown}
    found = _assigned(about, unknown, cells, taken - {"classified"}, known)
    wanted = {column.field for column in form_of(about).columns if column.need in {"count", "plan"}}
    return found if about != "systems" or any(guess.field in wanted for guess in found.values()) else {}


def _proposed(about: str, words: Mapping[int, str], columns: Mapping[int, Guess]) -> Proposed:
    ours = columns_of(about)
    units = {}
    for index, guess in columns.items():
        column = ours.get("storage_gb" if about == "machines" and guess.field == "disk_gb" else guess.field)
        if column is not None:
            units[index] = header_unit(column, words[index]) or _trailing_unit(column, words[index])
    return Proposed(about, words, columns, units)


def _trailing_unit(column: Column, words: str) -> str:
    """内存MB, 数据量_G: a unit at the end without brackets."""
    found = re.search(r"[_\s-]?(tib|gib|mib|tb|gb|mb|[tgm])$", folded(plain(words)))
    return found.group(1) if found and column.type == "size" else ""


def _column(index: int, rows: Sequence[Row]) -> list[Any]:
    return [row[index] for row in rows if index < len(row) and not is_blank(row[index])][:_SAMPLE]


def _assigned(kind: str, words: Mapping[int, str], cells: Mapping[int, list[Any]], taken: set[str] | None = None, known: Collection[str] = ()) -> dict[int, Guess]:
    """Each column its likeliest field, each field one column; 是否涉密 before all others, and every column that may ask it."""
    guesses = [
        (guess, index)
        for index, head in words.items()
        for field, hint in _hints().columns[kind].items()
        if field not in (taken or ()) and (kind != "machines" or not is_open(head)) and (guess := _guess(kind, field, hint, head, cells[index], known)) is not None
    ]
    found: dict[int, Guess] = {}
    for guess, index in sorted(guesses, key=lambda one: (one[0].field != "classified", -one[0].score, one[1], one[0].field)):
        if index not in found and (guess.field == "classified" or guess.field not in {known.field for known in found.values()}):
            found[index] = guess
    return dict(sorted(found.items()))


def _guess(kind: str, field: str, hint: Hint, head: str, values: Sequence[Any], known: Collection[str]) -> Guess | None:
    if field == "classified":
        return _whether_classified(kind, head, values)
    by_header, word = _by_header(kind, field, hint, head)
    if by_header < 0 or _stays_within(hint, head, values):
        return None
    looks = (sum(key(text_of(value)) in known for value in values) or None) if field == "system" else _by_values(kind, field, hint, values)
    share = looks / len(values) if values and looks is not None else None
    named = (field == "name" and by_header >= _NAMES) or (field == "system" and by_header >= _ENOUGH)  # what systems are called has no shape
    if share is not None and share < _ENOUGH and by_header < 1 and not named and not _asked_by_word(kind, field, by_header, values):
        return None
    alone = share is not None and len(values) >= 2 and share >= (_CHOICES_ALONE if hint.looks is None else 0.7) and _alone(kind, field, hint, values)
    score = 0.65 * by_header + 0.35 * (share if share is not None else 0.4)
    if by_header < 0.5 and not alone:
        return None
    said: list[Sentence] = [say("inventory.by_header", word=word)] if word else []
    if share is not None:
        seen = {"count": looks or 0, "of": len(values)}
        said.append(say("inventory.by_known_systems", **seen) if field == "system" else say("inventory.by_cells", **seen))
    spoken = by_header >= 0.5 and not (hint.looks is not None and hint.looks.search(plain(head)))
    spoken |= field == "system" and alone and key(head) not in known
    return Guess(field, score if by_header >= 0.5 else 0.4 * score + 0.3 * (share or 0), tuple(said), spoken)


def _whether_classified(kind: str, head: str, values: Sequence[Any]) -> Guess | None:
    """Whatever its cells look like: a header that speaks of secrets is never passed over."""
    known = match(form_of("systems"), head) or match(form_of(kind), head)
    is_known = known is not None and known.field == "classified"
    if not is_known and (not is_open(head) or denies(head) or known is not None):
        return None
    seen = sum(classified(value) is not None for value in values)
    said = [say("inventory.by_header", word=head[:20] if is_known else "密"), *([say("inventory.by_cells", count=seen, of=len(values))] if values else [])]
    share = seen / len(values) if values else 0.4
    return Guess("classified", 0.65 * _EXACTLY + 0.35 * share, tuple(said), spoken=True)


def _stays_within(hint: Hint, head: str, values: Sequence[Any]) -> bool:
    """Whether its header may mean what is inside of a department (处室), and its cells name no departments (公路处, 办公室)."""
    if hint.outside is None or not any(word in folded(head) for word in hint.within):
        return False
    return sum(bool(hint.outside.search(plain(value))) for value in values) < 0.7 * len(values)


def _asked_by_word(kind: str, field: str, by_header: float, values: Sequence[Any]) -> bool:
    """Whether its cells are few words over and over: what they mean can be asked, each once."""
    few = len({text_of(value) for value in values}) <= max(3, len(values) // 3)
    return kind != "machines" and columns_of(kind)[field].type in choices() and by_header >= _SPEAKS and few


def _alone(kind: str, field: str, hint: Hint, values: Sequence[Any]) -> bool:
    """Whether cells may decide whatever the header says."""
    if field == "system":
        return True
    if kind == "systems" and field in {"level", "organisation_type", "network"}:
        return all(listed_choice(columns_of(kind)[field].type, value) is not None for value in values)
    if field == "name" and len({text_of(value) for value in values}) * 10 < len(values) * 8:
        return False
    return hint.alone


_ASKING = re.compile(r"(?<=..)(?:(?:是|为)(?:什么|哪一?[种类个项家]|多少|何种?)?|如何|怎么?样|有哪些|有多少|吗|呢)$")
"""What a question ends with: 系统目前状态是, 该系统的运行状态如何."""


def _by_header(kind: str, field: str, hint: Hint, head: str) -> tuple[float, str]:
    """How far the header speaks for the field, from 0 to 1, and by which word; below 0: against it."""
    text, spaced = _ASKING.sub("", folded(header_key(head))), plain(head).casefold()
    own = {} if kind == "machines" else form_of(kind).by_header
    known = None if kind == "machines" else match(form_of(kind), head)
    if known is not None:
        return (_EXACTLY, head[:20]) if known.field == field else (-1.0, "")
    if any(word in text or _stands_in(word, spaced) for word in hint.against):
        return -1.0, ""
    ends = [*hint.ends, *(name for name, column in own.items() if column.field == field and len(name) >= (2 if not name.isascii() else 4))]
    best = max((word for word in ends if text.endswith(word)), key=len, default="")
    if best:
        return 0.6 + 0.4 * len(best) / len(text), best
    within = max((word for word in hint.has if _stands_in(word, text) or _stands_in(word, spaced)), key=len, default="")
    return (0.5 + 0.4 * len(within) / len(text), within) if within else (0.0, "")


def _stands_in(word: str, text: str) -> bool:
    """A Latin word by itself only: ``ip`` is not in ``description``."""
    return bool(re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", text)) if word.isascii() else word in text


def _by_values(kind: str, field: str, hint: Hint, values: Sequence[Any]) -> int | None:
    """How many cells look like it; None where nothing can be told by them."""
    if not values:
        return None
    if hint.looks is not None:
        return sum(bool(hint.looks.search(plain(value))) for value in values)
    of = MACHINE_TYPES.get(field, "text") if kind == "machines" else columns_of(kind)[field].type
    if of in choices():
        return sum(listed_choice(of, value) is not None or value_by_head(of, folded(plain(value))) is not None for value in values)
    if of in _MEASURED or of in {"grade", "yes_no", "when", "ports"}:
        return sum(_reads(of, value) for value in values)
    return None


def _reads(kind: str, value: Any) -> bool:
    try:
        return read_value(kind, value).value is not None
    except Ambiguous:
        return True
    except Unreadable:
        return False
