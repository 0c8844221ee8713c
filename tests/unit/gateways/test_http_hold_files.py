"""Other people's haproxy.cfg with a hold in it: HAProxy starts with it, and without it every byte is as it was."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.gateways import http_hold_files as files
from orchestrator.gateways.hold_word import LUA
from orchestrator.tools import programs

_HEAD = """\
# 市政府入口
global
    maxconn 100
defaults
    mode http
    timeout connect 2s
    timeout client 1m
    timeout server 1m
"""

CONFIGS = {
    "by default": _HEAD + """\
frontend web
    bind 127.0.0.1:18081
    default_backend be_portal

backend be_portal
    balance roundrobin
    server office-1 127.0.0.1:8081 check inter 200ms weight 7   # in the cellar
    server office-2 127.0.0.1:8082 check cookie b id 12
    server sorry 127.0.0.1:8099 backup
""",
    "by conditions with or, unless and a remark": _HEAD + """\
frontend web
    bind 127.0.0.1:18081
    acl is_portal hdr(host) -i portal.example
    acl is_old path_beg /old   # the former site
    http-request set-header X-Entry web
    use_backend be_other if is_old || { path_beg /x } # both
    use_backend be_portal if is_portal or { path -i /a\\ b "#c" }
    use_backend be_other unless is_portal
    default_backend be_other

# the portal's
backend be_portal
    cookie SRV insert indirect
    default-server check inter 1s
    option httpchk GET /health
    server office-1 127.0.0.1:8081 cookie a
backend be_other
    server theirs 127.0.0.1:9999
""",
    "the default stands in the defaults, and the last line has no end": _HEAD + """\
    default_backend be_portal
frontend web
    bind 127.0.0.1:18081
backend be_portal
    id 77
    server office-1 127.0.0.1:8081""",
    "rules behind the backends, two frontends": _HEAD + """\
frontend web
    bind 127.0.0.1:18081
    use_backend be_portal if { path_beg /portal }
    http-request set-var(txn.x) str(y)
    default_backend be_portal
frontend inside
    bind 127.0.0.1:18082
    option idle-close-on-response
    default_backend be_portal
backend be_portal
    server office-1 127.0.0.1:8081
""",
}  # fmt: skip
PLACES = {"be_portal": {"office-1": ("127.0.0.2", 8081), "office-2": ("127.0.0.2", 8082)}}


@pytest.fixture
def lua(tmp_path: Path) -> str:
    path = tmp_path / "hold.lua"
    path.write_text(LUA, encoding="utf-8")
    return str(path)


def _install(text: str, lua: str, system: str = "city-portal") -> tuple[str, str]:
    prepared = files.prepare(text, system, lua, PLACES)
    return prepared, files.route(prepared, system, "/hold/word", list(PLACES))


def _start(text: str, folder: Path) -> str:
    path = folder / "haproxy.cfg"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run([str(programs.find("haproxy")), "-c", "-f", str(path)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 and "[WARNING]" not in done.stderr else done.stderr


@pytest.mark.servers
@pytest.mark.parametrize("text", CONFIGS.values(), ids=CONFIGS)
def test_haproxy_takes_it_without_a_new_warning(text: str, lua: str, tmp_path: Path) -> None:
    before = _start(text, tmp_path)
    for changed in _install(text, lua):
        after = _start(changed, tmp_path)
        assert not after or ("[WARNING]" in before and "[ALERT]" not in after), after


@pytest.mark.parametrize("text", CONFIGS.values(), ids=CONFIGS)
def test_every_byte_is_as_it_was(text: str, lua: str) -> None:
    for changed in _install(text, lua):
        assert changed != text
        assert files.remove(changed, "city-portal") == text
        assert files.remove_all(changed) == text


@pytest.mark.parametrize("text", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("first", ["a-b", "c-d"])
def test_two_systems_come_and_go_in_any_order(text: str, first: str, lua: str, tmp_path: Path) -> None:
    second = {"a-b": "c-d", "c-d": "a-b"}[first]
    one = _install(text, lua, "a-b")[1]
    places = {"be_other": {"theirs": ("127.0.0.2", 9)}} if "backend be_other" in text else {}
    both = files.route(files.prepare(one, "c-d", lua, places), "c-d", "/hold/other", list(places))
    assert "[ALERT]" not in (said := _start(both, tmp_path)) and ("[WARNING]" not in said or "[WARNING]" in _start(text, tmp_path)), said
    left = files.remove(both, first)
    assert files.has_hold(left, second) is bool(second == "a-b" or places)
    assert files.remove(left, second) == text


def test_requests_are_told_apart_from_the_last_rule_to_the_first_in_their_own_words(lua: str) -> None:
    _, text = _install(CONFIGS["by conditions with or, unless and a remark"], lua)
    said = [line.strip() for line in text.splitlines() if "set-var(txn.orchestrator_city_portal)" in line]
    assert said == [
        "http-request set-var(txn.orchestrator_city_portal) str(-)",
        "http-request set-var(txn.orchestrator_city_portal) str(-) unless is_portal",
        'http-request set-var(txn.orchestrator_city_portal) str(be_portal) if is_portal or { path -i /a\\ b "#c" }',
        "http-request set-var(txn.orchestrator_city_portal) str(-) if is_old || { path_beg /x }",
    ]


def test_who_was_not_marked_is_refused(lua: str) -> None:
    """Whatever ends our rules early, nobody falls through to the old side."""
    for name, text in CONFIGS.items():
        _, changed = _install(text, lua)
        mine = changed.split("\nbackend be_portal")[0]
        left = [line for line in mine.splitlines() if line.split()[:2] in (["use_backend", "be_portal"], ["default_backend", "be_portal"])]
        defaults = 1 if "in the defaults" in name else 0
        assert all("hold_way" in line for line in left[defaults:]), name


def test_the_new_side_is_asked_for_its_own_health(lua: str) -> None:
    text = CONFIGS["by default"].replace("check inter 200ms weight 7", "track be_other/x").replace("cookie b id 12", "addr 127.0.0.9 port 9")
    prepared, _ = _install(text, lua)
    new = prepared.partition("backend be_portal.or-new\n")[2].partition("backend ")[0]
    assert [line.strip() for line in new.splitlines() if "server office" in line] == [
        "server office-1 127.0.0.2:8081 check", "server office-2 127.0.0.2:8082 check port 9",
    ]  # fmt: skip


REFUSED = {
    "hold_listen": _HEAD + "listen be_portal\n    bind 127.0.0.1:1\n    server office-1 127.0.0.1:8081\n",
    "hold_mode": _HEAD + "frontend web\n    mode tcp\n    bind :1\n    default_backend be_portal\nbackend be_portal\n    mode tcp\n",
    "hold_template": _HEAD + "frontend web\n    bind :1\n    default_backend be_portal\nbackend be_portal\n    server-template a 3 b:80\n",
    "hold_dynamic": _HEAD + "frontend web\n    bind :1\n    use_backend %[path,map(/x)]\n    default_backend be_portal\nbackend be_portal\n",
    "hold_allow": _HEAD + "frontend web\n    bind :1\n    http-request allow if TRUE\n    default_backend be_portal\nbackend be_portal\n",
    "hold_conditional": _HEAD + ".if defined(X)\nfrontend web\n    bind :1\n    default_backend be_portal\n.endif\nbackend be_portal\n",
    "hold_unled": _HEAD + "frontend web\n    bind :1\n    default_backend other\nbackend other\nbackend be_portal\n",
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_held_is_named(code: str) -> None:
    assert f"gateways.{code}" in [said.code for said in files.find_inability(REFUSED[code], ["be_portal"], (2, 6))]


@pytest.mark.parametrize("text", CONFIGS.values(), ids=CONFIGS)
def test_nothing_is_said_against_what_can(text: str, lua: str) -> None:
    assert files.find_inability(text, ["be_portal"], (2, 6)) == []
    assert files.find_inability(_install(text, lua)[1], ["be_portal"], (2, 6)) == []


def test_an_older_haproxy_is_named_and_one_that_speaks_http2_is_not() -> None:
    text = CONFIGS["by default"].replace("bind 127.0.0.1:18081", "bind :443 ssl crt /x alpn h2,http/1.1")
    assert [said.code for said in files.find_inability(text, ["be_portal"], (2, 4))] == ["gateways.hold_version"]
    assert [said.code for said in files.find_inability(text, ["be_portal"], (2, 8))] == []
