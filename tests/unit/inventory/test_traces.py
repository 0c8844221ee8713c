"""The words that give a system away (R2): what it is called always, what it runs on unless others run on it too."""

from __future__ import annotations

from typing import Any

from orchestrator.inventory.traces import sounds_of, whole_words, words_of
from orchestrator.models import Database, Department, Device, Host, Inventory, Kind, Link, Room, Service, Status, System


def system(ident: str, name: str, **fields: Any) -> System:
    return System(id=ident, name=name, department="d-1", kind=Kind.APPLICATION, status=Status.IN_USE, **fields)


def words(mine: System, *others: System) -> set[str]:
    departments, rooms = (Department(id="d-1", name="市甲局"),), (Room(id="room-1", name="机房"),)
    return set(words_of(mine, Inventory(departments=departments, rooms=rooms, systems=(mine, *others))))


def test_its_name_is_its_word_whoever_links_to_it() -> None:
    mine = system("portal", "市民办事门户", name_en="Citizen portal")
    other = system("register", "登记系统", links=(Link(peer="市民办事门户"), Link(peer="Citizen portal")), remark="市民办事门户")
    assert words(mine, other) == {"市民办事门户", "Citizen portal"}


def test_only_another_system_of_the_same_name_excuses_it() -> None:
    mine = system("oa-1", "办公系统", name_en="Office")
    assert words(mine, system("oa-2", "办公系统", name_en="Office two")) == {"Office"}
    assert words(mine, system("oa-2", "Office")) == {"办公系统"}


def test_a_host_is_excused_by_who_runs_on_it_too_and_by_nobody_else() -> None:
    mine = system("mine", "本系统", hosts=(Host(name="host-1", address="10.1.1.1", new_address="10.9.1.1"),))
    linked = system("linked", "相连系统", links=(Link(peer="x", address="10.1.1.1"),), remark="host-1", os="10.9.1.1")
    assert words(mine, linked) == {"本系统", "host-1", "10.1.1.1", "10.9.1.1"}
    shared = system("shared", "同机系统", hosts=(Host(name="host-1", address="10.1.1.1"),))
    assert words(mine, shared) == {"本系统", "10.9.1.1"}


def test_what_it_is_made_of_is_excused_by_the_same_field_only() -> None:
    def made(ident: str, name: str) -> System:
        return system(
            ident,
            name,
            databases=(Database(name="permits", engine="postgresql", host="h"),),
            services=(Service(name="permits-web", host="h"),),
            devices=(Device(name="signer-1", model="SJJ1012", address="10.2.2.2"),),
        )

    mine = made("mine", "本系统")
    made_of = {"permits", "permits-web", "signer-1", "10.2.2.2"}
    assert made_of <= words(mine, system("other", "他系统", remark="permits", os="permits-web", dbms="signer-1", vendor="10.2.2.2"))
    assert not made_of & words(mine, made("other", "他系统"))


def test_the_places_its_links_go_to_are_those_of_others() -> None:
    mine = system("mine", "本系统", links=(Link(peer="x", address="10.3.3.3"), Link(peer="y", address="10.4.4.4")))
    assert words(mine, system("other", "他系统", hosts=(Host(name="host-3", address="10.3.3.3"),))) == {"本系统", "10.4.4.4"}


def test_the_ids_of_others_stay_countable() -> None:
    mine = system("mine", "本系统", name_en="hotline", databases=(Database(name="permits", engine="postgresql", host="h"),))
    assert words(mine, system("hotline", "热线"), system("permits", "许可")) == {"本系统"}


def test_its_domains_are_its_words_unless_another_has_the_very_same() -> None:
    mine = system("mine", "本系统", domains=("oa.example.gov.cn", "portal.example.gov.cn"))
    assert words(mine, system("other", "他系统", domains=("portal.example.gov.cn",))) == {"本系统", "oa.example.gov.cn"}


def test_it_is_known_by_its_sound_unless_another_sounds_so() -> None:
    mine, other = system("mine", "公文流转"), system("other", "公文留转")
    assert sounds_of(mine, Inventory(systems=(mine, system("xx", "别的系统")))) == ("gong-wen-liu-zhuan", "gongwenliuzhuan")
    assert sounds_of(mine, Inventory(systems=(mine, other))) == ()


def test_a_system_of_two_letters_is_called_so_and_no_number_is() -> None:
    assert words(system("hr", "HR", name_en="GIS")) == {"HR", "GIS"}
    assert words(system("police", "110", name_en="A")) == set()
    assert words(system("hr", "HR"), system("other", "他系统", name_en="HR")) == set()


def test_two_letters_are_told_from_the_words_of_a_sentence() -> None:
    known = whole_words(["IT", "gis", "Portal"])
    assert [known.sub("…", text) for text in ("IT waits", "it waits", "AUDIT", "GIS on portal", "gis-web")] == [
        "… waits",
        "it waits",
        "AUDIT",
        "… on …",
        "gis-web",
    ]
