"""What a document of ours says against its schema: every fault at its line and its key, in words of the catalogue, with what is allowed there.

For all documents alike: ``sites.yaml``, ``program.yaml``, ``policy.yaml``, systems, departments and rooms in YAML, ``orchestrator.toml``. A value
is never repeated unless it is one of a few words to choose from: it may be a secret that stands where only a reference may stand.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from orchestrator import models
from orchestrator.errors import Finding, Refused, Unfit
from orchestrator.inventory.yaml_in import Map, read_yaml
from orchestrator.texts import Words, say

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)
Path_ = tuple[str | int, ...]

LOOKS = {
    get_args(kind)[-1].pattern: words
    for kind, words in (
        (models.SystemId, say("inventory.looks_id")),
        (models.HostName, say("inventory.looks_host")),
        (models.Address, say("inventory.looks_address")),
        (models.SqlName, say("inventory.looks_sql_name")),
        (models.UserName, say("inventory.looks_user")),
        (models.AbsolutePath, say("inventory.looks_path")),
        (models.SecretRef, say("inventory.looks_secret")),
        (models.EnvName, say("inventory.looks_env")),
        (models.Clock, say("inventory.looks_clock")),
        (models.UnitName, say("inventory.looks_unit")),
        (models.PartialDate, say("inventory.looks_date")),
        (models.PortRange, say("inventory.looks_ports")),
        (models.Skill, say("inventory.looks_skill")),
    )
}
"""What a pattern asks for, in words."""
_WORDS = {
    "missing": "inventory.is_missing",
    "too_short": "inventory.one_entry",
    "string_too_short": "inventory.must_not_be_empty",
    "string_too_long": "inventory.too_long",
    "too_long": "inventory.too_many_entries",
    "string_type": "inventory.must_be_text",
    "greater_than": "inventory.must_be_more",
    "greater_than_equal": "inventory.must_be_at_least",
    "less_than": "inventory.must_be_less",
    "less_than_equal": "inventory.must_be_at_most",
    "finite_number": "inventory.must_be_finite",
    "int_from_float": "inventory.must_be_whole",
    **dict.fromkeys(("tuple_type", "list_type"), "inventory.is_no_list"),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type", "mapping_type"), "inventory.is_no_mapping"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "inventory.must_be_yes_or_no"),
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size"), "inventory.must_be_whole"),
    **dict.fromkeys(("float_type", "float_parsing"), "inventory.must_be_number"),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"), "inventory.must_be_date"),
    **dict.fromkeys(("path_type",), "inventory.must_be_text"),
}
_LIMITS = ("gt", "ge", "lt", "le", "max_length")
"""What the schema's library says of a limit, as the sentences speak of it."""
MANY = 25
"""Names beside which the nearest one is enough."""


class Place(NamedTuple):
    """Where something stands in a document: its keys in words (``sites[0].gateway``), and its line, or that of what should hold it; 0: unknown."""

    key: str
    line: int

    def __str__(self) -> str:
        return f"L{self.line} {self.key}".strip() if self.line else self.key


def read_document(path: Path) -> Map:
    """The one mapping of a YAML file of ours. Raises Refused, with every finding, where it is not there, no YAML, or something else."""
    documents, findings = read_yaml(path, path.name)
    if not findings and (len(documents) != 1 or not isinstance(documents[0], Map)):
        says = say("inventory.one_document") if len(documents) > 1 else say("inventory.is_no_mapping")
        findings = [Finding("bad-shape", "error", says, say("inventory.see_docs"), file=path.name)]
    if findings:
        raise Refused(say("inventory.document_unread", file=path.name), findings=findings, where=str(path))
    document: Map = documents[0]
    return document


def fit(model: type[M], document: Mapping[str, Any], file: Path, code: str = "bad-value") -> M:
    """A document as what it describes. Raises Refused with every fault."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        findings = find_faults(error, model, document, file.name, code)
    raise Refused(say("inventory.document_unfit", file=file.name), findings=findings, where=str(file))


def find_faults(error: ValidationError, model: type[BaseModel], document: Any, file: str, code: str = "bad-value") -> list[Finding]:
    """Every fault of a document, at its line and key."""
    return [
        Finding(code, "error", worded(fault, model), advised(fault, model, place.key), file=file, cell=str(place))
        for fault, place in placed(error.errors(include_url=False), document)
    ]


def placed(faults: Iterable[ErrorDetails], document: Any) -> list[tuple[ErrorDetails, Place]]:
    """Each fault once with its place, by line. Where a value fits none of several kinds, and "too few" where an entry is left out only because of its
    own fault, what was found further in is said, and not what was found at the same place again."""
    found = [(fault, _steps(document, fault["loc"])) for fault in faults]
    paths = [path for _, path in found]
    kept = []
    for number, (fault, path) in enumerate(found):
        deeper = any(len(other) > len(path) and other[: len(path)] == path for other in paths) and fault["loc"][-1:] != ("[key]",)
        if path not in paths[:number] and not deeper:
            kept.append((fault, place_of(document, path)))
    return sorted(kept, key=lambda one: one[1].line)


def place_of(document: Any, path: Sequence[str | int]) -> Place:
    """Where a value stands, as far as the document holds it."""
    node, line, key = document, getattr(document, "line", 0), ""
    for part in path:
        key += f"[{part}]" if isinstance(part, int) else ("." if key else "") + part
        if _holds(node, part):
            line = abs(getattr(node, "lines", {part: line})[part])
            node = node[part]
        else:
            node = None
    return Place(key, line)


def _holds(node: Any, part: str | int) -> bool:
    if isinstance(part, int):
        return isinstance(node, list | tuple) and part < len(node)
    return isinstance(node, Mapping) and part in node


def _steps(document: Any, loc: Sequence[str | int]) -> Path_:
    """A place without what the schema's library adds to it: which kind of several it tried, that a key itself is meant."""
    node, path = document, []
    for number, part in enumerate(loc):
        if _holds(node, part):
            node = node[part]
        elif not isinstance(node, Mapping) or number + 1 < len(loc) or part == "[key]":
            continue
        path.append(part)
    return tuple(path)


def holds(document: Any, path: Sequence[str | int]) -> bool:
    """Whether something stands there."""
    for part in path:
        if not _holds(document, part):
            return False
        document = document[part]
    return True


def worded(fault: ErrorDetails, model: type[BaseModel]) -> Words:
    """A fault in an operator's words."""
    told = fault.get("ctx", {})
    if isinstance(error := told.get("error"), Unfit):
        return error.says
    if fault["type"] == "extra_forbidden":
        return say("inventory.no_such_key")
    if fault["type"] == "string_pattern_mismatch":
        return LOOKS.get(told["pattern"]) or say("inventory.looks_other", pattern=told["pattern"])
    if choices := _choices(fault, model):
        return say("inventory.must_be_one_of", choices=choices)
    if fault["type"] not in _WORDS:
        return say("inventory.does_not_fit")
    limits = {name: f"{told[name]:g}" for name in _LIMITS if told.get(name) is not None}
    return say(_WORDS[fault["type"]], **limits)


def advised(fault: ErrorDetails, model: type[BaseModel], key: str) -> Words:
    """What to do about it: the nearest word that is allowed, or all of them."""
    if fault["type"] == "missing":
        return say("inventory.add_key", key=key)
    if fault["type"] == "extra_forbidden":
        return nearest(str(fault["loc"][-1]), fields_at(model, fault["loc"][:-1]))
    if (choices := _choices(fault, model)) and isinstance(fault["input"], str):
        return nearest(fault["input"], choices)
    return say("inventory.correct_value")


def nearest(said: str, known: Sequence[str]) -> Words:
    """What somebody may have meant, and all that there is."""
    if not known:
        return say("inventory.there_is_none")
    alike = get_close_matches(said.casefold(), known, 1)
    if alike:
        return say("inventory.perhaps_this", alike=alike[0]) if len(known) > MANY else say("inventory.perhaps", alike=alike[0], known=tuple(known))
    return say("inventory.there_are", known=tuple(known) if len(known) <= MANY else (*known[:MANY], f"… (+{len(known) - MANY})"))


def fields_at(model: type[BaseModel], loc: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that may stand in the mapping at a place."""
    kinds = [kind for kind in _kinds_at(model, loc) if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return tuple(dict.fromkeys(name for kind in kinds for name in kind.model_fields if name not in getattr(kind, "not_in_file", ())))


def _choices(fault: ErrorDetails, model: type[BaseModel]) -> tuple[str, ...]:
    if fault["type"] not in ("enum", "literal_error"):
        return ()
    found: list[str] = []
    for kind in _kinds_at(model, fault["loc"]):
        if get_origin(kind) is Literal:
            found += map(str, get_args(kind))
        elif isinstance(kind, type) and issubclass(kind, enum.Enum):
            found += [str(member.value) for member in kind]
    return tuple(dict.fromkeys(found))


def _kinds_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[Any]:
    kinds: list[Any] = [model]
    for part in loc:
        kinds = [inner for kind in kinds for inner in _inside(kind, part)]
    return kinds


def _inside(kind: Any, part: str | int) -> Iterator[Any]:
    """What may stand below a part of a value of this kind; the kind itself for what is no part (see ``_steps``)."""
    origin, arguments = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if part in kind.model_fields:
            yield from _unwrapped(kind.model_fields[str(part)].annotation)
    elif isinstance(part, int) and origin in (tuple, list):
        for argument in arguments if len(arguments) <= part or arguments[-1] is Ellipsis else (arguments[part],):
            yield from _unwrapped(argument)
    elif isinstance(part, str) and "[" in part:
        yield kind
    elif isinstance(part, str) and origin is dict:
        for argument in arguments:
            yield from _unwrapped(argument)


def _unwrapped(kind: Any) -> Iterator[Any]:
    """The kinds that an annotation stands for."""
    if get_origin(kind) in (Union, types.UnionType):
        for argument in get_args(kind):
            yield from _unwrapped(argument)
    elif hasattr(kind, "__metadata__"):
        yield from _unwrapped(get_args(kind)[0])
    elif kind is not Ellipsis:
        yield kind
