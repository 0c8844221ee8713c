"""Edits of configuration files by format: what was not named stays, no later line keeps the old value in force, doubt is refused."""

from __future__ import annotations

import configparser
import io
import json
import subprocess

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.hosts.configuration import EditRefused, edit, find_missing, find_nearest, list_keys

HOSTILE = ["10.80.2.13", "p'w\"d$x`y\\z", " leading", "yes", "0123", "a: b", "#no", "汉字", "a=b", "%(x)s", "${HOME}", "; rm", "*/", "?>", ""]
VALUES = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=("Cs", "Cc")), max_size=30)
YAML = """# Rails
production:
  adapter: postgresql   # which one
  host: localhost
  port: 5432
  password: 'old'
test: &t
  host: elsewhere
"""


def changed(form: str, text: str, **values: str) -> str:
    return edit(form, text.encode(), {name.replace("__", "."): value for name, value in values.items()}).decode()


def test_yaml_keeps_comments_order_and_kinds() -> None:
    result = changed("yaml", YAML, production__host="10.80.2.13", production__port="6432", production__sslmode="disable")
    assert yaml.safe_load(result)["production"] == {
        "adapter": "postgresql", "host": "10.80.2.13", "port": 6432, "password": "old", "sslmode": "disable",
    }  # fmt: skip
    assert "# which one" in result and result.startswith("# Rails\n")
    assert "host: elsewhere" in result


@pytest.mark.parametrize("value", HOSTILE)
def test_yaml_and_json_take_any_text(value: str) -> None:
    assert str(yaml.safe_load(changed("yaml", YAML, production__password=value))["production"]["password"]) == value
    assert json.loads(changed("json", '{\n  "db": {"password": "x"}\n}\n', db__password=value))["db"]["password"] == value


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("yaml", "a: 1\n---\nb: 2\n"), ("yaml", "a: <%= ENV['X'] %>: b\n"), ("yaml", "a: 1\na: 2\n"), ("yaml", "list:\n  - x\n"),
        ("yaml", ""), ("json", '{"a": 1, "a": 2}'), ("json", "{'a': 1}"), ("json", '{"a": {"b": {}}}'), ("php", "no php"),
        ("php", "<?php $other = 1;"), ("php", "<?php $x = <<<EOT\na.b\nEOT;\n"), ("ini", "[section]\nx = 1\n"), ("php", "<?php // $a = 1;\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_set_safely_is_refused_and_says_no_value(form: str, text: str) -> None:
    with pytest.raises(EditRefused) as refused:
        edit(form, text.encode(), {"$a" if form == "php" else "a.b": "top-secret"})
    assert "top-secret" not in str(refused.value)


def test_a_line_break_in_a_value_is_refused_in_every_format() -> None:
    for form in ("yaml", "json", "ini", "env", "properties", "php"):
        with pytest.raises(EditRefused, match="line break"):
            edit(form, b"x=1\n", {"x": "1\ny=2"})


@pytest.mark.parametrize("value", HOSTILE)
def test_env_is_read_by_a_shell_as_it_was_meant(value: str) -> None:
    text = changed("env", "# head\nexport HOST=old\nHOST='older'\nOTHER=1\n", HOST=value)
    shell = subprocess.run(["sh", "-c", f'{text}\nprintf "%s|%s" "$HOST" "$OTHER"'], capture_output=True, text=True, check=True)
    assert shell.stdout == f"{value}|1"


def test_env_refuses_a_value_of_several_lines() -> None:
    with pytest.raises(EditRefused, match="next line"):
        edit("env", b'HOST="a\nb"\n', {"HOST": "c"})


INI = """; comment
[db.main]
host = localhost
port: 5432
host = again
 and = deeper
[other]
host = stays
"""


def parsed(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.read_file(io.StringIO(text))
    return parser


def test_ini_sets_every_line_of_its_section_and_no_other() -> None:
    result = parsed(changed("ini", INI, db__main__host="10.80.2.13", db__main__port="6432", db__main__name="permits"))
    assert dict(result["db.main"]) == {"host": "10.80.2.13", "port": "6432", "name": "permits"}
    assert dict(result["other"]) == {"host": "stays"}


def test_ini_without_sections_and_git_style_indents() -> None:
    assert changed("ini", "host=old\n", host="new", port="1") == "host=new\nport = 1\n"
    assert changed("ini", "[a]\n\thost = old\n\tport = 1\n", a__host="new") == "[a]\n\thost = new\n\tport = 1\n"


@given(VALUES)
def test_ini_any_value_is_read_back(value: str) -> None:
    if value.strip() != value:
        return  # the format has no way to say a blank at an end
    assert parsed(edit("ini", b"[a]\nkey = x\nother = y\n", {"a.key": value}).decode())["a"]["key"] == value


def read_properties(text: str) -> dict[str, str]:
    """As java.util.Properties does, written for this test."""
    found, lines = {}, text.replace("\r\n", "\n").split("\n")
    while lines:
        line = lines.pop(0).lstrip(" \t\f")
        if not line or line[0] in "#!":
            continue
        while (len(line) - len(line.rstrip("\\"))) % 2:
            line = line[:-1] + (lines.pop(0).lstrip(" \t\f") if lines else "")
        parts, escaped = ["", ""], False
        which = 0
        for sign in line:
            if which == 0 and not escaped and sign in "=: \t\f":
                which = 1
            if which == 1 and parts[1] == "" and sign in "=: \t\f" and not escaped:
                parts[1] = parts[1] if sign in " \t\f" or "\0" in parts[1] else "\0"
                continue
            parts[which] += ("\\" + sign) if escaped else ("" if sign == "\\" else sign)
            escaped = sign == "\\" and not escaped
        found[unescape(parts[0])] = unescape(parts[1].removeprefix("\0"))
    return found


def unescape(text: str) -> str:
    units, at = b"", 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1] == "u":
            units += bytes.fromhex(text[at + 2 : at + 6])
            at += 6
        else:
            at += text[at] == "\\"
            units += text[at].encode("utf-16-be")
            at += 1
    return units.decode("utf-16-be")


@pytest.mark.parametrize("value", [value for value in HOSTILE if value not in ("a=b",)])
def test_properties_are_read_back(value: str) -> None:
    text = "# db\ndb.url : old\\\n   longer\nother=1\ndb.url=twice\n"
    assert read_properties(changed("properties", text, db__url=value)) == {"db.url": value, "other": "1"}


PHP = """<?php
/* $host = 'in a comment'; */
$host = 'localhost'; // $host = 'x';
$port=5432;
$text = "a string with \\$host = 'y';";
$conf['db']["host"] = getenv('X') ? f('a', 'b') : 'c';
define('DB_HOST', 'localhost');
const NAME = 'n', OTHER = 'o';
$host = 'a later one';
"""


def test_php_sets_every_assignment_and_nothing_in_strings_or_comments() -> None:
    values = {"$host": "h'\\", "$port": "6432", "$conf['db']['host']": "c2", "DB_HOST": "d", "NAME": "m"}
    assert edit("php", PHP.encode(), values).decode() == """<?php
/* $host = 'in a comment'; */
$host = 'h\\'\\\\'; // $host = 'x';
$port=6432;
$text = "a string with \\$host = 'y';";
$conf['db']["host"] = 'c2';
define('DB_HOST', 'd');
const NAME = 'm', OTHER = 'o';
$host = 'h\\'\\\\';
"""


def test_line_ends_and_bytes_that_are_no_text_stay() -> None:
    assert edit("env", b"A=1\r\nB=\xb5\xb5\r\n", {"A": "2"}) == b"A=2\r\nB=\xb5\xb5\r\n"
    assert edit("ini", b"[a]\r\nx = 1\r\n", {"a.y": "2"}) == b"[a]\r\nx = 1\r\ny = 2\r\n"
    assert edit("yaml", b"a:\r\n  b: 1\r\n", {"a.b": "2"}) == b"a:\r\n  b: 2\r\n"


FILES = {
    "env": ("# DB_HOST=old\nexport DB_HOST=localhost\nDB_PORT=5432\n", ["DB_HOST", "DB_PORT"], "DB_HSOT", "DB_HOST"),
    "ini": ("top = 1\n[Db]\n; host = old\nHost = localhost\n  more\nport: 5432\n[db.pool]\nsize=3\n", ["top", "Db.Host", "Db.port", "db.pool.size"], "Db.prot", "Db.port"),
    "properties": ("#db.host=old\ndb.host = localhost\ndb\\:url: jdbc:x\\\n  y\nempty\n", ["db.host", "db:url", "empty"], "db.hots", "db.host"),
    "yaml": ("# a: b\nproduction:\n  database:\n    host: localhost\n    port:\n  servers:\n  - {host: a}\n",
             ["production.database.host", "production.database.port", "production.servers.0.host"], "production.database.hots", "production.database.host"),
    "json": ('{"db": {"host": "localhost", "ports": [1, 2]}, "debug": false}', ["db.host", "db.ports.0", "db.ports.1", "debug"], "db.hots", "db.host"),
    "php": ("<?php\n// $old = 1;\n$db_host = 'localhost'; if ($db_host == 'x') { }\n$conf['db'][\"host\"] = 'a';\nconst DB_NAME = 'b';\ndefine('DB_PORT', 5432);\n",
            ["$db_host", "$conf['db'][\"host\"]", "DB_NAME", "DB_PORT"], "DB_NMAE", "DB_NAME"),
}  # fmt: skip
"""Format → a file, its keys, one that is misspelt, and what was meant."""


@pytest.mark.parametrize("form", FILES)
def test_the_keys_of_a_file_are_known_and_a_misspelt_one_is_missing_with_the_nearest(form: str) -> None:
    text, keys, misspelt, meant = FILES[form]
    assert list_keys(form, text.encode()) == keys
    assert find_missing(form, text.encode(), [*keys, misspelt]) == [misspelt]
    assert find_nearest(misspelt, keys) == meant


@pytest.mark.parametrize("form", FILES)
def test_to_edit_a_key_that_is_there_adds_none_and_one_that_is_missing_is_added_or_refused(form: str) -> None:
    text, keys, misspelt, _ = FILES[form]
    for key in keys:
        assert list_keys(form, edit(form, text.encode(), {key: "7"})) == keys, key
    if form == "php":
        with pytest.raises(EditRefused):
            edit(form, text.encode(), {misspelt: "7"})
    else:
        assert set(list_keys(form, edit(form, text.encode(), {misspelt: "7"}))) == {*keys, misspelt}


@pytest.mark.parametrize(("form", "text"), [("yaml", "a: [\n"), ("json", "{"), ("php", "no php"), ("yaml", b"\xff")])
def test_a_file_that_is_not_of_its_format_is_refused(form: str, text: str | bytes) -> None:
    with pytest.raises(EditRefused):
        list_keys(form, text if isinstance(text, bytes) else text.encode())
