"""Whose a backend is where several systems share a web server: by where their citizens come in, by what is said; never guessed."""

from __future__ import annotations

import pytest

from orchestrator.gateways import http_hold_files as files
from orchestrator.gateways.haproxy_claims import Claims

TWO_PORTS = """global
    maxconn 100
defaults
    mode http
frontend permits
    bind 10.0.0.1:8080
    default_backend permits
frontend licences
    bind 10.0.0.1:8081,10.0.0.1:8443 ssl crt /etc/site.pem
    acl fast path_beg /fast
    use_backend licences-fast if fast
    default_backend licences
frontend inside
    bind :9000
    default_backend permits-inside
backend permits
    server web 10.0.1.1:80 check
backend permits-inside
    server web 10.0.1.1:80 check
backend licences
    server web 10.0.1.1:80 check
backend licences-fast
    server web 10.0.1.1:80 check
"""
ONE_PORT = """frontend web
    mode http
    bind *:80-81
    use_backend permits if { hdr(host) -i permits.city }
    use_backend licences if { hdr(host) -i licences.city }
backend permits
    mode http
    server web 10.0.1.1:80 check
backend licences
    mode http
    server web 10.0.1.1:80 check
"""
PORTS = {"permits": 8080, "licences": 8081}
LISTEN = """listen permits
    bind :8080
    server web 10.0.1.1:80
listen licences
    bind :8081
    server web 10.0.1.1:80
"""


@pytest.mark.parametrize(
    ("text", "claims", "others"),
    [
        (TWO_PORTS, Claims(frozenset({"permits"}), PORTS), {"licences", "licences-fast"}),
        (TWO_PORTS, Claims(frozenset({"licences"}), PORTS), {"permits"}),
        (TWO_PORTS, Claims(frozenset({"permits", "licences"}), PORTS), set()),
        (TWO_PORTS, Claims(frozenset({"permits"}), {"permits": 8080}), set()),
        (TWO_PORTS, Claims(frozenset({"permits"}), {"permits": 8080, "licences": 8443}), {"licences", "licences-fast"}),
        (TWO_PORTS, Claims(frozenset({"permits"}), PORTS, {"permits": ["permits"]}), {"permits-inside", "licences", "licences-fast"}),
        (TWO_PORTS, Claims(frozenset({"permits"}), PORTS, {"licences": ["permits-inside"]}), {"permits-inside", "licences", "licences-fast"}),
        (ONE_PORT, Claims(frozenset({"permits"}), {"permits": 80, "licences": 80}), set()),
        (ONE_PORT, Claims(frozenset({"permits"}), {"permits": 80, "licences": 80}, {"permits": ["permits"]}), {"licences"}),
        (LISTEN, Claims(frozenset({"permits"}), PORTS), {"licences"}),
        (TWO_PORTS, Claims(), set()),
    ],
)
def test_backends_to_which_only_others_lead_are_theirs(text: str, claims: Claims, others: set[str]) -> None:
    assert claims.find_others(text) == others


def test_a_hold_that_stands_there_changes_nothing_in_that() -> None:
    """Its lines lead to copies, and to a refusal instead of the backend."""
    places = {"licences": {"web": ("10.0.2.1", 80)}, "licences-fast": {"web": ("10.0.2.1", 80)}}
    held = files.route(files.prepare(TWO_PORTS, "licences", "/etc/hold.lua", places), "licences", "/word", list(places))
    assert held != TWO_PORTS
    assert Claims(frozenset({"permits"}), PORTS).find_others(held) >= {"licences", "licences-fast"}
    assert Claims(frozenset({"licences"}), PORTS).find_others(held) == {"permits"}


def test_what_nobody_can_tell_is_said_and_not_guessed() -> None:
    ports = {"permits": 80, "licences": 80}
    unclear = Claims(frozenset({"permits"}), ports).find_unclear(ONE_PORT, ["permits", "licences"])
    assert [str(one) for one in unclear] and "permits" in str(unclear[0]) and "licences" in str(unclear[0])
    assert Claims(frozenset({"permits"}), ports).find_unclear(ONE_PORT, ["permits"]) == []
    assert Claims(frozenset({"permits"}), ports, {"permits": ["permits"]}).find_unclear(ONE_PORT, ["permits", "licences"]) == []
    assert Claims(frozenset({"permits"}), PORTS).find_unclear(TWO_PORTS, ["permits", "permits-inside"]) == []
