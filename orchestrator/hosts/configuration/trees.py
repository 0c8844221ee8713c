"""YAML and JSON: a key is a path, ``production.database.host``, ``servers.0.host``. Its parent must be there; it need not."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from orchestrator.errors import words_of
from orchestrator.hosts.configuration.errors import EditRefused
from orchestrator.texts import say


def edit_yaml(text: str, values: Mapping[str, str]) -> str:
    """Comments, quotes and order stay. A file of several documents, or with a template in it, is refused."""
    reader = YAML(typ="rt")
    reader.preserve_quotes = True
    reader.width = 100_000  # no line is broken that was whole
    first = next(iter(values), "")
    try:
        document = reader.load(text)
    except YAMLError as error:
        raise EditRefused(first, say("hosts.no_yaml", error=str(error).splitlines()[0])) from error
    _set_all(document, values, quoted=True)
    written = io.StringIO()
    reader.dump(document, written)
    result = written.getvalue()
    result = result.replace("\n", "\r\n") if "\r\n" in text else result
    _insist(yaml.safe_load(result), values)
    return result


def edit_json(text: str, values: Mapping[str, str]) -> str:
    """Order and indentation stay."""
    try:
        document = json.loads(text, object_pairs_hook=_without_doubles)
    except ValueError as error:
        raise EditRefused(next(iter(values), ""), say("hosts.no_json", error=words_of(error))) from error
    _set_all(document, values)
    indent = re.search(r"\n([ \t]+)\S", text)
    end = "\n" if text.endswith("\n") else ""
    result = json.dumps(document, ensure_ascii=False, indent=indent[1] if indent else None) + end
    _insist(json.loads(result), values)
    return result


def keys_of_yaml(text: str) -> list[str]:
    """Every path to a single value."""
    try:
        return list(_list_paths(yaml.safe_load(text)))
    except yaml.YAMLError as error:
        raise EditRefused("", say("hosts.no_yaml", error=str(error).splitlines()[0])) from error


def keys_of_json(text: str) -> list[str]:
    """The same."""
    try:
        return list(_list_paths(json.loads(text)))
    except ValueError as error:
        raise EditRefused("", say("hosts.no_json", error=words_of(error))) from error


def _list_paths(place: Any, above: str = "") -> Iterator[str]:
    children: Any = place.items() if isinstance(place, dict) else enumerate(place) if isinstance(place, list) else ()
    if above and not isinstance(place, (dict, list)):
        yield above
    for word, child in children:
        yield from _list_paths(child, f"{above}.{word}" if above else str(word))


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError(say("hosts.twice"))
    return dict(pairs)


def _set_all(document: Any, values: Mapping[str, str], *, quoted: bool = False) -> None:
    for key, value in values.items():
        *parents, last = key.split(".")
        place = document
        for word in parents:
            place = _child(key, place, word)
        former = _child(key, place, last, missing=True)
        if isinstance(former, (dict, list)):
            raise EditRefused(key, say("hosts.no_single"))
        new = _like(former, value)
        if quoted and isinstance(new, str) and _is_read_otherwise(new):
            new = SingleQuotedScalarString(new)
        if isinstance(place, list):
            place[int(last)] = new
        elif isinstance(place, dict):
            place[last] = new
        else:
            raise EditRefused(key, say("hosts.single_above"))


def _child(key: str, place: Any, word: str, *, missing: bool = False) -> Any:
    if isinstance(place, dict):
        if word in place:
            return place[word]
        if missing:
            return None
    if isinstance(place, list) and word.isdigit() and int(word) < len(place):
        return place[int(word)]
    raise EditRefused(key, say("hosts.no_key", word=word))


def _like(former: Any, value: str) -> Any:
    """A number stays a number; everything else is text."""
    if isinstance(former, int) and not isinstance(former, bool) and re.fullmatch(r"\d{1,18}", value):
        return int(value)
    return value


def _is_read_otherwise(value: str) -> bool:
    """``yes``, ``0123``, ``a: b``: without quotes, some reader takes it for something else than text."""
    try:
        return bool(yaml.safe_load(value) != value)
    except yaml.YAMLError:
        return True


def _insist(document: Any, values: Mapping[str, str]) -> None:
    """Read again by somebody else, every key has its value."""
    for key, value in values.items():
        place = document
        for word in key.split("."):
            place = place[int(word)] if isinstance(place, list) else place[word]
        if str(place) != value:
            raise EditRefused(key, say("hosts.read_else"))
