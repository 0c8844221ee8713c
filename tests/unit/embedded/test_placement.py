"""The user's inventory is placed on this machine without a trace of where it was written."""

import datetime as dt
import socket
from pathlib import Path

import pytest

from orchestrator.embedded import placement
from orchestrator.embedded.placement import Placement
from orchestrator.errors import Refused

DEMO = Path(__file__).resolve().parents[3] / "inventories" / "demo"
TODAY = dt.date(2026, 6, 1)
ELSEWHERE = Placement(37, 10000)
DAYS = [dt.date(2024, 2, 29), dt.date(2026, 1, 5), dt.date(2026, 12, 27), dt.date(2026, 12, 28), dt.date(2031, 7, 4)]


def placed(tmp_path: Path, where: Placement = ELSEWHERE, today: dt.date = TODAY) -> dict:
    placement.place(placement.read(DEMO), tmp_path, where, today)
    return placement.read(tmp_path / "inventory")


def system(documents: dict, system_id: str) -> dict:
    return next(item for document in documents.values() for item in document.get("systems", ()) if item.get("id") == system_id)


def test_every_address_and_port_is_shifted(tmp_path):
    documents = placed(tmp_path)
    text = "\n".join(text for document in documents.values() for text in placement.strings(document))
    assert "127.20." not in text
    portal = system(documents, "citizen-portal")
    assert portal["hosts"][0]["address"] == "127.37.1.11"
    assert portal["hosts"][0]["ssh_port"] == 12222
    assert portal["databases"][0]["port"] == 15432
    assert [service["port"] for service in portal["services"]] == [18001, 18002]
    signer = system(documents, "property-register")["devices"][0]
    assert (signer["port"], signer["management_port"]) == (17100, 12200)
    cloud = documents["sites.yaml"]["sites"][1]
    assert cloud["address_range"] == "127.37.128.0/17"
    assert cloud["haproxy"]["runtime_port"] == 19999
    assert documents["sites.yaml"]["entry"]["ports"]["portal"] == 18080


def test_figures_that_are_no_ports_stay(tmp_path):
    portal = system(placed(tmp_path), "citizen-portal")
    assert portal["hosts"][0]["vcpus"] == 2
    assert portal["row_no"] == 1
    assert portal["interruption"]["gap_ms"] == 1000


def test_absolute_paths_lie_in_their_hosts_folder(tmp_path):
    documents = placed(tmp_path)
    portal = system(documents, "citizen-portal")
    home = f"{tmp_path}/hosts/portal-app"
    assert portal["file_trees"][1]["path"] == f"{home}/srv/portal/uploads"
    assert portal["services"][1]["command"] == [f"{home}/srv/portal/app/portal"]
    assert portal["services"][1]["environment"]["UPLOADS"] == f"{home}/srv/portal/uploads"
    assert portal["services"][1]["environment"]["DATABASE_HOST"] == "@database.host"
    pool = documents["sites.yaml"]["sites"][0]["pgbouncer"]
    assert pool["databases_file"] == f"{tmp_path}/hosts/gw-old/etc/pgbouncer/databases.ini"


def test_secrets_are_references_into_the_city(tmp_path):
    signer = system(placed(tmp_path), "property-register")["devices"][0]
    assert signer["secret"] == f"file:{tmp_path}/secrets/signer-1"


@pytest.mark.parametrize("today", DAYS)
def test_today_lies_in_phase_one_by_whole_weeks(tmp_path, today):
    program = placed(tmp_path, today=today)["program.yaml"]
    original = placement.read(DEMO)["program.yaml"]
    assert program["starts"] <= today <= program["phases"][0]["due"]
    shift = program["starts"] - original["starts"]
    assert shift.days % 7 == 0
    assert program["phases"][1]["due"] - original["phases"][1]["due"] == shift


def test_the_users_folder_is_not_changed(tmp_path):
    before = {path.name: path.read_bytes() for path in DEMO.glob("*")}
    placed(tmp_path)
    assert {path.name: path.read_bytes() for path in DEMO.glob("*")} == before


def test_two_cities_get_two_slots():
    documents = placement.read(DEMO)
    first, holder = placement.claim(documents)
    with holder:
        second, other = placement.claim(documents)
        other.close()
    assert (first.slot, first.offset) != (second.slot, second.offset)


def test_a_listener_on_all_addresses_moves_the_ports(monkeypatch):
    with socket.socket() as everywhere:
        everywhere.bind(("0.0.0.0", 0))  # noqa: S104 - the case under test
        everywhere.listen(1)
        documents = placement.read(DEMO)
        documents["sites.yaml"]["entry"]["ports"]["portal"] = everywhere.getsockname()[1]
        monkeypatch.setattr(placement, "OFFSETS", (0, -7))
        where, holder = placement.claim(documents)
        holder.close()
    assert where.offset == -7


def test_a_city_that_was_never_up_is_refused(tmp_path):
    with pytest.raises(Refused, match="no embedded city"):
        Placement.load(tmp_path)
