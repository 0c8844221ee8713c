"""Other people's haproxy.cfg: a server gets a successor with its options, and goes back byte for byte."""

from __future__ import annotations

import pytest

from orchestrator.gateways import haproxy_files as files

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
