"""Edits of configuration files, each by its format: ``edit("ini", content, {"database.host": "10.1.2.3"})``.

Every format keeps what was not named: comments, order, quotes, line ends. A key that stands several times is set every time, so
that no later line keeps the old value in force. What cannot be done safely is refused by name, and nothing is written.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from orchestrator.hosts.configuration.errors import EditRefused
from orchestrator.hosts.configuration.lines import edit_env, edit_ini, edit_properties, keys_of_env, keys_of_ini, keys_of_properties
from orchestrator.hosts.configuration.php import edit_php, keys_of_php
from orchestrator.hosts.configuration.trees import edit_json, edit_yaml, keys_of_json, keys_of_yaml
from orchestrator.texts import say

STRICT = ("yaml", "json")
"""Formats that are UTF-8 or nothing."""
_FORMATS: dict[str, Callable[[str, Mapping[str, str]], str]] = {
    "env": edit_env,
    "ini": edit_ini,
    "json": edit_json,
    "php": edit_php,
    "properties": edit_properties,
    "yaml": edit_yaml,
}


_KEYS: dict[str, Callable[[str], list[str]]] = {
    "env": keys_of_env,
    "ini": keys_of_ini,
    "json": keys_of_json,
    "php": keys_of_php,
    "properties": keys_of_properties,
    "yaml": keys_of_yaml,
}


def list_keys(form: str, content: bytes) -> list[str]:
    """Every key that a file has, as an edit names it, in the file's order. Raises EditRefused for a file that its format does not read."""
    return list(dict.fromkeys(_KEYS[form](_text(form, content, ""))))


def find_missing(form: str, content: bytes, keys: Iterable[str]) -> list[str]:
    """Those that the file does not have: an edit would add them, or be refused. Raises as ``list_keys``."""
    there = {_alike(form, key) for key in list_keys(form, content)}
    return [key for key in keys if _alike(form, key) not in there]


def find_nearest(key: str, keys: Sequence[str]) -> str:
    """What may be meant by a key that the file does not have; empty where nothing comes near."""
    return next(iter(difflib.get_close_matches(key, keys, n=1, cutoff=0.6)), "")


def _alike(form: str, key: str) -> str:
    """As the format compares names: ini takes upper and lower case for the same, PHP either kind of quote."""
    return key.lower() if form == "ini" else re.sub(r"[\s]", "", key).replace('"', "'") if form == "php" else key


def _text(form: str, content: bytes, key: str) -> str:
    try:
        return content.decode("utf-8", "strict" if form in STRICT else "surrogateescape")
    except UnicodeDecodeError as error:
        raise EditRefused(key, say("hosts.no_utf8", error=str(error))) from error


def edit(form: str, content: bytes, values: Mapping[str, str]) -> bytes:
    """The file with every key at its value. Raises EditRefused with the key that cannot be set, and why."""
    for key, value in values.items():
        if any(ord(sign) < 32 or ord(sign) == 127 for sign in value):
            raise EditRefused(key, say("hosts.value_control"))
    text = _text(form, content, next(iter(values), ""))
    return _FORMATS[form](text, values).encode("utf-8", "strict" if form in STRICT else "surrogateescape")


__all__ = ["EditRefused", "edit", "find_missing", "find_nearest", "list_keys"]
