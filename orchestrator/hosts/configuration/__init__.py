"""Edits of configuration files, each by its format: ``edit("ini", content, {"database.host": "10.1.2.3"})``.

Every format keeps what was not named: comments, order, quotes, line ends. A key that stands several times is set every time, so
that no later line keeps the old value in force. What cannot be done safely is refused by name, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.hosts.configuration.errors import EditRefused
from orchestrator.hosts.configuration.lines import edit_env, edit_ini, edit_properties
from orchestrator.hosts.configuration.php import edit_php
from orchestrator.hosts.configuration.trees import edit_json, edit_yaml
from orchestrator.texts import say

_FORMATS: dict[str, Callable[[str, Mapping[str, str]], str]] = {
    "env": edit_env,
    "ini": edit_ini,
    "json": edit_json,
    "php": edit_php,
    "properties": edit_properties,
    "yaml": edit_yaml,
}


def edit(form: str, content: bytes, values: Mapping[str, str]) -> bytes:
    """The file with every key at its value. Raises EditRefused with the key that cannot be set, and why."""
    for key, value in values.items():
        if any(ord(sign) < 32 or ord(sign) == 127 for sign in value):
            raise EditRefused(key, say("hosts.value_control"))
    strict = form in ("yaml", "json")
    try:
        text = content.decode("utf-8", "strict" if strict else "surrogateescape")
    except UnicodeDecodeError as error:
        raise EditRefused(next(iter(values), ""), say("hosts.no_utf8", error=str(error))) from error
    return _FORMATS[form](text, values).encode("utf-8", "strict" if strict else "surrogateescape")


__all__ = ["EditRefused", "edit"]
