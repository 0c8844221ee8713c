"""Host keys come from the console, are compared, and are never trusted blindly."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cloud.host_keys import forget_host_keys, pin_host_keys, read_host_keys
from orchestrator.errors import NeedsPerson
from orchestrator.tools.known_hosts import remember, remembered
from orchestrator.tools.terraform import Server

SERVER = Server("portal-db", "10.50.0.101", "debian", 22, "internet")
BLOCK = "-----BEGIN SSH HOST KEY KEYS-----\nssh-rsa AAAArsa root@x\nssh-ed25519 AAAAed root@x\n-----END SSH HOST KEY KEYS-----\n"


class Kept:
    """A console that a test wrote."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)

    def console_of(self, server: Server) -> str:
        assert server == SERVER
        return self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]


@pytest.mark.parametrize(
    ("console", "keys"),
    [
        ("", []),
        ("login:", []),
        (BLOCK, [("ssh-ed25519", "AAAAed"), ("ssh-rsa", "AAAArsa")]),
        (f"[   12.3] boot\n{BLOCK}[  OK  ]", [("ssh-ed25519", "AAAAed"), ("ssh-rsa", "AAAArsa")]),
        (BLOCK.replace("ssh-ed25519", "[   15.01] cloud-init[5]: ssh-ed25519"), [("ssh-ed25519", "AAAAed"), ("ssh-rsa", "AAAArsa")]),
        (BLOCK.partition("ssh-ed25519")[0], []),
        (BLOCK + BLOCK.replace("AAAAed", "AAAAnew"), [("ssh-ed25519", "AAAAnew"), ("ssh-rsa", "AAAArsa")]),
        (BLOCK.replace("\n", "\r\n"), [("ssh-ed25519", "AAAAed"), ("ssh-rsa", "AAAArsa")]),
        ("-----BEGIN SSH HOST KEY KEYS-----\nssh-dss AAAAold\n-----END SSH HOST KEY KEYS-----", []),
        ("-----BEGIN SSH HOST KEY FINGERPRINTS-----\n256 SHA256:x\n-----END SSH HOST KEY FINGERPRINTS-----", []),
        ("-----BEGIN SSH HOST KEY KEYS-----\nssh-ed25519\n-----END SSH HOST KEY KEYS-----", []),
    ],
)
def test_the_last_whole_block_is_read(console: str, keys: list[tuple[str, str]]) -> None:
    assert read_host_keys(console) == keys


def test_a_new_servers_key_is_put_on_record_and_compared_the_next_time(tmp_path: Path) -> None:
    file, said = tmp_path / "known_hosts", list[str]()
    pin_host_keys(Kept("booting", BLOCK), [SERVER], file, said.append)
    assert remembered(file, SERVER.address, 22) == [("ssh-ed25519", "AAAAed")]
    assert said == ["host key of portal-db (ssh-ed25519) taken from its console"]
    pin_host_keys(Kept(BLOCK), [SERVER], file, said.append)
    assert len(said) == 1


def test_another_key_than_the_one_on_record_asks_a_person(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    remember(file, SERVER.address, 22, "ssh-ed25519", "AAAAother")
    with pytest.raises(NeedsPerson, match="another host key"):
        pin_host_keys(Kept(BLOCK), [SERVER], file, print)
    assert remembered(file, SERVER.address, 22) == [("ssh-ed25519", "AAAAother")]


def test_the_next_server_at_an_address_that_was_given_back_is_pinned_anew(tmp_path: Path) -> None:
    file, said = tmp_path / "known_hosts", list[str]()
    remember(file, "10.50.0.1", 22, "ssh-ed25519", "AAAAneighbour")
    pin_host_keys(Kept(BLOCK), [SERVER], file, said.append)
    forget_host_keys([(SERVER.address, 22), ("10.50.0.99", 22), (SERVER.address, 2222)], file, said.append)
    assert said[1:] == [f"host key of {SERVER.address} taken off the record: its server is gone"]
    pin_host_keys(Kept(BLOCK.replace("AAAAed", "AAAAnext")), [SERVER], file, said.append)
    assert remembered(file, SERVER.address, 22) == [("ssh-ed25519", "AAAAnext")]
    assert remembered(file, "10.50.0.1", 22) == [("ssh-ed25519", "AAAAneighbour")]


def test_no_key_within_the_time_asks_a_person_and_trusts_nothing(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    with pytest.raises(NeedsPerson, match="showed no host key"):
        pin_host_keys(Kept("booting"), [SERVER], file, print, seconds=0.0)
    assert remembered(file, SERVER.address, 22) == []


def test_what_a_person_trusted_is_enough_where_the_console_shows_nothing(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    remember(file, SERVER.address, 22, "ssh-ed25519", "AAAAed")
    pin_host_keys(Kept(""), [SERVER], file, print, seconds=0.0)
