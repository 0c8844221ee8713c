"""PHP files of plain settings: ``$name = …;``, ``$conf['db']['host'] = …;``, ``define('NAME', …);``, ``const NAME = …;``.

A scanner that knows strings and comments; nothing is evaluated. What is not assigned in the file is refused: where it would take
effect, nobody but PHP knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from orchestrator.hosts.configuration.errors import EditRefused
from orchestrator.texts import say

_TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*|\#(?!\[)[^\n]*)|(?P<here><<<)|(?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
        |(?P<word>\$?[A-Za-z_\x80-\U0010ffff][\w]*)|(?P<blank>\s+)|(?P<sign>==|=>|.)""",
    re.DOTALL | re.VERBOSE,
)
Token = tuple[str, str, int, int]
"""Kind, text, where it begins and ends."""


def edit_php(text: str, values: Mapping[str, str]) -> str:
    """Every assignment of each key gets its value, as a string in single quotes; a number stays a number."""
    if "<?" not in text:
        raise EditRefused(next(iter(values), ""), say("hosts.no_php"))
    changes: list[tuple[int, int, str]] = []
    for key, value in values.items():
        places = list(_find_values(_tokens(text, key), key))
        if not places:
            raise EditRefused(key, say("hosts.not_assigned"))
        changes += [(start, end, _literal(text[start:end], value)) for start, end in places]
    for start, end, new in sorted(changes, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def keys_of_php(text: str) -> list[str]:
    """Everything that the file assigns a value to, as ``edit_php`` takes it."""
    if "<?" not in text:
        raise EditRefused("", say("hosts.no_php"))
    tokens = _tokens(text, "")
    keys = []
    for at, (_, word, _, _) in enumerate(tokens):
        if word.startswith("$"):
            after = at + 1
            while _text(tokens, after) == "[" and _text(tokens, after + 2) == "]":
                after += 3
            if _text(tokens, after) == "=" and after < len(tokens):
                keys.append("".join(token[1] for token in tokens[at:after]))
        elif word == "const" and _text(tokens, at + 2) == "=":
            keys.append(_text(tokens, at + 1))
        elif word.lower() == "define" and _text(tokens, at + 1) == "(":
            keys.append(_text(tokens, at + 2)[1:-1])
    return keys


def _tokens(text: str, key: str) -> list[Token]:
    begin = text.index("<?")
    found = [(match.lastgroup or "", match[0], match.start(), match.end()) for match in _TOKEN.finditer(text, begin)]
    if any(kind == "here" for kind, *_ in found):
        raise EditRefused(key, say("hosts.heredoc"))
    return [token for token in found if token[0] not in ("comment", "blank")]


def _find_values(tokens: list[Token], key: str) -> Iterator[tuple[int, int]]:
    wanted = [token[1] for token in _tokens(f"<?{key}", key)][2:]
    for at in range(len(tokens)):
        if key.startswith("$"):
            after = at + len(wanted)
            if _same([token[1] for token in tokens[at:after]], wanted) and _text(tokens, after) == "=":
                yield _expression(tokens, after + 1, key)
        elif _text(tokens, at) == "const" and _text(tokens, at + 1) == key and _text(tokens, at + 2) == "=":
            yield _expression(tokens, at + 3, key)
        elif _text(tokens, at).lower() == "define" and _text(tokens, at + 1) == "(" and _text(tokens, at + 2)[1:-1] == key:
            yield _expression(tokens, at + 4, key)


def _same(found: list[str], wanted: list[str]) -> bool:
    """Quotes of either kind around an array's key."""
    return [word.replace('"', "'") for word in found] == [word.replace('"', "'") for word in wanted]


def _text(tokens: list[Token], at: int) -> str:
    return tokens[at][1] if at < len(tokens) else ""


def _expression(tokens: list[Token], begin: int, key: str) -> tuple[int, int]:
    """From its first sign to the ``;``, or the bracket or comma that ends it."""
    depth = 0
    for at in range(begin, len(tokens)):
        word = tokens[at][1]
        if depth == 0 and word in (";", ",", ")") and at > begin:
            return tokens[begin][2], tokens[at - 1][3]
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(word, 0)
    raise EditRefused(key, say("hosts.endless"))


def _literal(former: str, value: str) -> str:
    if re.fullmatch(r"\d+", former) and re.fullmatch(r"0|[1-9]\d{0,17}", value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
