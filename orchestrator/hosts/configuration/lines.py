"""Formats of lines: environment files, ini, Java's properties. A key that is not there is added; one that stands twice is set twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from orchestrator.hosts.configuration.errors import EditRefused
from orchestrator.texts import say

_ENV = re.compile(r"(?P<head>\s*(?:export\s+)?(?P<key>[A-Za-z_][A-Za-z0-9_]*)=)(?P<value>.*)", re.DOTALL)
_INI = re.compile(r"(?P<head>(?P<indent>\s*)(?P<key>[^\s=:#;\[][^=:]*?)\s*[=:][ \t]*)(?P<value>.*)", re.DOTALL)
_SECTION = re.compile(r"\s*\[(?P<name>[^\]]+)\]")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")


def _end_of(line: str) -> str:
    """A line's own line break."""
    return "\r\n" if line.endswith("\r\n") else "\n" if line.endswith("\n") else ""


def _lines(text: str) -> list[str]:
    """With their line breaks; the last one has one too."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)  # str.splitlines would also break at signs that are no line ends here
    if lines and not _end_of(lines[-1]):
        lines[-1] += "\r\n" if "\r\n" in text else "\n"
    return lines


def _break_of(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


# ---------------------------------------------------------------- environment files


def edit_env(text: str, values: Mapping[str, str]) -> str:
    """``KEY=value``, as systemd and shells read it. A value of several lines is refused."""
    lines, left = _lines(text), dict(values)
    for number, line in enumerate(lines):
        found = _ENV.fullmatch(line)
        if found is None or found["key"] not in values:
            continue
        if _goes_on(found["value"].rstrip("\r\n")):
            raise EditRefused(found["key"], say("hosts.value_goes_on"))
        lines[number] = f"{found['head']}{_env_value(values[found['key']])}{_end_of(line)}"
        left.pop(found["key"], None)
    return "".join([*lines, *(f"{key}={_env_value(value)}{_break_of(text)}" for key, value in left.items())])


def keys_of_env(text: str) -> list[str]:
    """Every name that is given a value."""
    return [found["key"] for line in _lines(text) if (found := _ENV.fullmatch(line))]


def _goes_on(value: str) -> bool:
    quote = value[:1] if value[:1] in "\"'" else ""
    if quote:
        return re.fullmatch(rf"{quote}(?:[^{quote}\\]|\\.)*{quote}\s*(#.*)?", value) is None
    return value.endswith("\\")


def _env_value(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    return '"' + re.sub(r'([\\"$`])', r"\\\1", value) + '"'


# ---------------------------------------------------------------- ini


def edit_ini(text: str, values: Mapping[str, str]) -> str:
    """A key is ``section.key``; one without a section stands before the first. Lines that go on deeper belong to the former value."""
    lines = _lines(text)
    sections = {found["name"].strip() for line in lines if (found := _SECTION.match(line))}
    for key, value in values.items():
        section, name = _split(key, sections)
        lines = _set_ini(lines, section, name, value, _break_of(text))
    return "".join(lines)


def keys_of_ini(text: str) -> list[str]:
    """``section.key``. A line that goes on deeper belongs to the value above it."""
    keys: list[str] = []
    here, deep = "", None
    for line in _lines(text):
        indent = len(line) - len(line.lstrip(" \t"))
        if deep is not None and indent > deep and line.strip():
            continue
        deep = None
        if heading := _SECTION.match(line):
            here = heading["name"].strip()
        elif found := _INI.fullmatch(line):
            name = found["key"].strip()
            keys.append(f"{here}.{name}" if here else name)
            deep = len(found["indent"])
    return keys


def _split(key: str, sections: set[str]) -> tuple[str, str]:
    """The longest section that there is; a section's and a key's name may hold dots both."""
    fitting = [section for section in sections if key.startswith(f"{section}.")]
    if fitting:
        section = max(fitting, key=len)
        return section, key[len(section) + 1 :]
    if "." in key and sections:
        raise EditRefused(key, say("hosts.no_section", sections=tuple(sorted(sections))))
    return "", key


def _set_ini(lines: list[str], section: str, name: str, value: str, ending: str) -> list[str]:
    result: list[str] = []
    here, done, last_of_section = "", False, 0 if section == "" else None
    dropping: int | None = None
    for line in lines:
        indent = len(line) - len(line.lstrip(" \t"))
        if dropping is not None and indent > dropping and line.strip() and line.lstrip()[0] not in "#;":
            continue  # it belongs to the value that was replaced
        dropping = None
        heading = _SECTION.match(line)
        if heading:
            here = heading["name"].strip()
        found = None if heading else _INI.fullmatch(line)
        if found and here == section and found["key"].strip().lower() == name.lower():
            former = found["value"].rstrip("\r\n")
            result.append(f"{found['head']}{_ini_value(former, value)}{_end_of(line)}")
            done, dropping = True, len(found["indent"])
        else:
            result.append(line)
        if here == section and line.strip():
            last_of_section = len(result)
    if not done:
        at = last_of_section if last_of_section is not None else len(result)
        result.insert(at, f"{name} = {value}{ending}")
    return result


def _ini_value(former: str, value: str) -> str:
    """In the quotes that the former had."""
    quote = former[:1] if former[:1] in ("'", '"') and former[:1] in former[1:] else ""
    if quote and quote in value:
        quote = "'" if quote == '"' else '"'
    return f"{quote}{value}{quote}"


# ---------------------------------------------------------------- properties


def edit_properties(text: str, values: Mapping[str, str]) -> str:
    """Java's: ``key=value``, ``key: value`` or ``key value``; a line that ends with ``\\`` goes on in the next."""
    result: list[str] = []
    left = dict(values)
    for whole, found, key in _read_properties(text):
        if found is None or key not in values:
            result.append(whole)
            continue
        separator = found[2].rstrip("\r\n") or "="
        result.append(f"{whole[: found.start(2)]}{separator}{_properties_value(values[key])}{_end_of(whole)}")
        left.pop(key, None)
    return "".join([*result, *(f"{_properties_key(key)}={_properties_value(value)}{_break_of(text)}" for key, value in left.items())])


def keys_of_properties(text: str) -> list[str]:
    """Every key, its escapes read."""
    return [key for _, found, key in _read_properties(text) if found]


def _read_properties(text: str) -> Iterator[tuple[str, re.Match[str] | None, str]]:
    """Each logical line with what was matched of it, and its key; of comments and blanks the line alone."""
    lines, number = _lines(text), 0
    while number < len(lines):
        first = number
        while _continues(lines[number]) and number + 1 < len(lines):
            number += 1
        number += 1
        whole = "".join(lines[first:number])
        stripped = whole.lstrip(" \t\f")
        found = None if stripped[:1] in ("#", "!") else re.match(r"\s*((?:[^\s=:\\]|\\.)+)(\s*[=:]\s*|[ \t]+|(?=\s*$))", whole)
        yield whole, found, re.sub(r"\\(.)", r"\1", found[1]) if found else ""


def _continues(line: str) -> bool:
    """An odd number of backslashes at its end; a comment never does."""
    bare = line.rstrip("\r\n")
    if bare.lstrip(" \t\f")[:1] in ("#", "!"):
        return False
    return (len(bare) - len(bare.rstrip("\\"))) % 2 == 1


def _properties_value(value: str) -> str:
    escaped = value.replace("\\", "\\\\")
    escaped = re.sub(r"^[ \t]", lambda blank: f"\\{blank[0]}", escaped)
    return "".join(_ascii(sign) for sign in escaped)


def _properties_key(key: str) -> str:
    return "".join(_ascii(sign) for sign in re.sub(r"([\\=:\s#!])", r"\\\1", key))


def _ascii(sign: str) -> str:
    """Older Java reads Latin-1: beyond ASCII each UTF-16 unit is written as its number."""
    if ord(sign) < 127:
        return sign
    units = sign.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
