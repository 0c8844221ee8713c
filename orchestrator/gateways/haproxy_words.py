"""The lines of a haproxy.cfg as HAProxy itself parts them: blanks, quotes, backslashes and remarks. Pure text."""

from __future__ import annotations

SECTIONS = frozenset({
    "global", "defaults", "frontend", "backend", "listen", "userlist", "peers", "resolvers", "mailers", "cache", "program",
    "http-errors", "ring", "fcgi-app", "crt-store", "log-forward", "traces",
})  # fmt: skip


def split_lines(text: str) -> list[str]:
    """Every line with its end. Only a line feed ends one: remarks hold whatever their writer typed."""
    *whole, last = text.split("\n")
    return [f"{line}\n" for line in whole] + ([last] if last else [])


def split_words(line: str) -> list[str]:
    """The words of a line, without their quotes and its remark. Variables stay as they are written."""
    words: list[str] = []
    word, quote = "", ""
    is_word = False
    at = 0
    while at < len(line):
        char = line[at]
        if char == "\\" and quote != "'" and at + 1 < len(line):
            at += 1
            word, is_word = word + line[at], True
        elif quote:
            quote, word = ("", word) if char == quote else (quote, word + char)
        elif char in "\"'":
            quote, is_word = char, True
        elif char == "#":
            break
        elif char.isspace():
            words += [word] if is_word else []
            word, is_word = "", False
        else:
            word, is_word = word + char, True
        at += 1
    return [*words, word] if is_word else words


def without_remark(line: str) -> str:
    """A line without what stands behind an unquoted ``#``."""
    quote = ""
    at = 0
    while at < len(line):
        char = line[at]
        if char == "\\" and quote != "'":
            at += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == "#":
            return line[:at]
        at += 1
    return line


def read_head(line: str) -> tuple[str, str, str] | None:
    """Kind and name of the section that a line begins, and the ``defaults`` that it names; None where it begins none."""
    words = split_words(line)
    if not words or words[0] not in SECTIONS:
        return None
    parent = words[words.index("from") + 1] if "from" in words[:-1] else ""
    name = words[1] if len(words) > 1 and words[1] != "from" else ""
    return words[0], name, parent
