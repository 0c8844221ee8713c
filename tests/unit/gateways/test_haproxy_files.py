"""Other people's haproxy.cfg: a server gets a successor with its options, and goes back byte for byte."""

from __future__ import annotations

import pytest

from orchestrator.gateways import haproxy_files as files
from orchestrator.gateways.haproxy_words import split_lines, split_words

TEXT = """\
global
    stats socket /run/haproxy/admin.sock mode 660 level admin expose-fd listeners
defaults
    mode http
    balance leastconn
frontend web
    bind :80
    default_backend portal   # the name is not ours
backend portal
\tcookie SRV insert indirect nocache
    server old1 10.0.0.1:8080 check cookie s1 weight 10 ssl verify none   # in the cellar
    server old2 10.0.0.2:8080 check backup
backend hashed
    balance source
    server h1 10.0.0.1:8081 check
backend consistent
    balance uri
    hash-type consistent
    server c1 10.0.0.1:8082
listen device
    mode tcp
    bind :9000
    server dev 10.0.0.7:9000
"""


def test_backends_are_read_with_what_their_defaults_say():
    backends = files.read_backends(TEXT)
    assert list(backends) == ["portal", "hashed", "consistent", "device"]
    assert backends["portal"].balance == "leastconn"
    assert backends["portal"].persistence == ("cookie SRV insert indirect nocache",)
    assert backends["portal"].servers["old2"] == "check backup"


@pytest.mark.parametrize(("name", "can"), [("portal", True), ("hashed", False), ("consistent", True), ("device", True)])
def test_whether_a_backend_takes_servers_while_it_runs(name, can):
    assert files.takes_servers_at_run_time(files.read_backends(TEXT)[name]) is can


@pytest.mark.parametrize(("backend", "server"), [("portal", "old1"), ("portal", "old2"), ("hashed", "h1"), ("consistent", "c1")])
def test_a_server_gets_a_successor_and_comes_back_byte_for_byte(backend, server):
    changed = files.replace_server(TEXT, backend, server, f"{server}-cloud", "10.9.0.1", 8088)
    servers = files.read_backends(changed)[backend].servers
    assert "disabled" in servers[server].split()
    assert not {"cookie", "backup", "disabled", "#"} & set(servers[f"{server}-cloud"].split())
    assert f"server {server}-cloud 10.9.0.1:8088" in changed
    assert files.replace_server(changed, backend, server, f"{server}-cloud", "10.9.0.1", 8088) == changed
    assert files.restore_server(changed, backend, server, f"{server}-cloud") == TEXT


def test_options_that_belong_to_how_a_server_is_reached_go_with_it():
    changed = files.replace_server(TEXT, "portal", "old1", "new", "10.9.0.1", 8088)
    assert files.read_backends(changed)["portal"].servers["new"] == "check weight 10 ssl verify none"


def test_a_server_that_is_not_there_is_said():
    with pytest.raises(files.NotUnderstood, match="server nobody"):
        files.replace_server(TEXT, "portal", "nobody", "new", "10.9.0.1", 1)


ODD = """\
  defaults base
    balance leastconn
defaults strict from base
    balance static-rr
    default-server check inter 1s
 frontend web from base
 bind :80
backend "portal" from base   # not the latest
server "old1" 10.0.0.1:80 sni str(a\\ b) # in the "cellar
server old2 10.0.0.2:80 disabled
backend lists
    server l1 10.0.0.3:80 check addr 10.0.0.9 agent-addr 10.0.0.8 resolvers dns init-addr none maxconn 3
    default-server weight 7 disabled
    server l2 10.0.0.4:80 enabled
    server l3 10.0.0.5:80
"""


def test_lines_are_parted_as_haproxy_parts_them():
    assert split_words('server "a b" c\\ d \'e "f\' g"h"i # "j') == ["server", "a b", "c d", 'e "f', "ghi"]
    assert split_words("  # server x") == []
    assert split_words('bind "" :80') == ["bind", "", ":80"]
    assert "".join(split_lines("a\r\n\u2028b\x0c\nc")) == "a\r\n\u2028b\x0c\nc"
    assert len(split_lines("a\u2028b\nc")) == 2


def test_sections_anywhere_in_a_line_with_the_defaults_that_they_name():
    backends = files.read_backends(ODD)
    assert {name: backend.balance for name, backend in backends.items()} == {"portal": "leastconn", "lists": "static-rr"}
    assert set(backends["portal"].servers) == {"old1", "old2"}


def test_who_switched_a_server_off_is_told_apart():
    backends = files.read_backends(ODD)
    assert backends["portal"].switched_off == {"old2"}
    assert backends["lists"].switched_off == {"l3"}
    ours = files.replace_server(ODD, "portal", "old1", "old1-cloud", "10.9.0.1", 80)
    assert files.read_backends(ours)["portal"].switched_off == {"old2"}


def test_two_lines_of_one_name_are_seen():
    text = ODD + ".if defined(OTHER)\n server l1 10.0.0.6:80\n.endif\n"
    assert files.read_backends(text)["lists"].repeated == {"l1"}


def test_a_successor_is_checked_itself_and_needs_nobody_to_look_up_its_name():
    lists = files.read_backends(ODD)["lists"]
    assert files.run_time_options(lists, "l1") == "check inter 1s check maxconn 3"
    assert files.run_time_options(lists, "l2") == "check inter 1s weight 7 enabled"
    assert files.successor_options("weight 3 no-check") == " weight 3 check"
    assert files.successor_options("weight 3", "inter 1s check") == " weight 3"


@pytest.mark.parametrize(("backend", "server"), [("portal", "old1"), ("lists", "l2"), ("lists", "l3")])
def test_odd_lines_come_back_byte_for_byte(backend, server):
    changed = files.replace_server(ODD, backend, server, f"{server}-cloud", "10.9.0.1", 80)
    assert f"{server}-cloud" in files.read_backends(changed)[backend].servers
    assert files.restore_server(changed, backend, server, f"{server}-cloud") == ODD
