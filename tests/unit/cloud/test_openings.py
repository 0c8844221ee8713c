"""What is reached from outside against the rules: tried on loopback, where everything answers, and on an address where nobody does."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from orchestrator.cloud.openings import Answer, Knock, Opening, judge_openings, knock, observe_openings, read_opening, sender_to
from orchestrator.tools.terraform import Server

HERE = Server("db", "127.0.0.1", "debian", 22, "internet")


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_knock_tells_open_from_refused(listening: int) -> None:
    with socket.socket() as bound:  # bound and not listening: nobody else gets the port, and it refuses
        bound.bind(("127.0.0.1", 0))
        assert knock(HERE, bound.getsockname()[1]).answer is Answer.REFUSED
    tried = knock(HERE, listening)
    assert (tried.answer, tried.sender) == (Answer.OPEN, "127.0.0.1")


def test_where_no_way_leads_it_is_silent() -> None:
    nowhere = Server("db", "255.255.255.255", "debian", 22, "internet")
    assert knock(nowhere, 22, 0.5).answer is Answer.SILENT


def test_a_server_that_lets_everything_in_is_found(listening: int) -> None:
    openings = [Opening(listening, listening, "127.0.0.0/8")]
    findings = judge_openings(observe_openings([HERE], openings), openings, "portal")
    assert [finding.code for finding in findings] == ["opening-open"] * 3, "ports that no rule names answer on loopback"
    assert sender_to("127.0.0.1") == "127.0.0.1"


@pytest.mark.parametrize(
    ("port", "answer", "codes"),
    [
        (22, Answer.OPEN, []), (22, Answer.REFUSED, []), (22, Answer.SILENT, ["opening-closed"]),
        (5432, Answer.SILENT, []), (5432, Answer.OPEN, ["opening-open"]), (5432, Answer.REFUSED, ["opening-open"]),
        (8005, Answer.SILENT, ["opening-closed"]), (8011, Answer.SILENT, []),
    ],
)  # fmt: skip
def test_the_table_of_what_is_allowed_and_what_is_met(port: int, answer: Answer, codes: list[str]) -> None:
    openings = [Opening(22, 22, "10.1.0.0/24"), Opening(5432, 5432, "10.2.0.0/24"), Opening(8000, 8010, "10.1.0.7/24"), Opening(22, 22, "::/0")]
    findings = judge_openings([Knock("db", "10.9.0.5", port, "10.1.0.9", answer)], openings, "portal")
    assert [finding.code for finding in findings] == codes
    assert all("db (10.9.0.5), from 10.1.0.9" in finding.message and finding.remedy for finding in findings)


def test_from_an_address_of_the_other_version_nothing_is_allowed() -> None:
    assert not Opening(22, 22, "::/0").lets_in("10.1.0.9", 22)
    assert Opening(22, 22, "fd00::/8").lets_in("fd00::1", 22)


@pytest.mark.parametrize(
    ("rule", "opening"),
    [
        ({"direction": "ingress", "protocol": "tcp", "port_range_min": 22, "port_range_max": 23, "remote_ip_prefix": "10.1.0.0/24"},
         Opening(22, 23, "10.1.0.0/24")),
        ({"direction": "ingress", "protocol": "", "remote_ip_prefix": "::/0"}, Opening(1, 65535, "::/0")),
        ({"direction": "ingress", "protocol": "udp", "port_range_min": 53, "port_range_max": 53, "remote_ip_prefix": "10.1.0.0/24"}, None),
        ({"direction": "egress", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22, "remote_ip_prefix": "10.1.0.0/24"}, None),
        ({"direction": "ingress", "protocol": "tcp", "remote_group_id": "g1", "remote_ip_prefix": ""}, None),
        ({"id": "server/volume"}, None),
    ],
)  # fmt: skip
def test_a_rule_of_the_state_is_read_as_an_opening(rule: dict[str, object], opening: Opening | None) -> None:
    assert read_opening(rule) == opening
